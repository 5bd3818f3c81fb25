"""A BPF ELF object as an `ObjectSpec`.

Understands what LLVM writes for the target bpf and libbpf's conventions for sections, and the
sections of our own that ``compiler/lower/maps.py`` describes. Anything that does not fit raises
FormatError. Source: the ELF specification; BPF relocations in Documentation/bpf/llvm_reloc.rst.
"""

from __future__ import annotations

import dataclasses
import struct
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ..btf.decode import decode
from ..btf.sanitize import Section
from ..btf.types import Btf
from ..elf.object import (
    SHF_EXECINSTR,
    SHT_PROGBITS,
    STT_FUNC,
    STT_OBJECT,
    STT_SECTION,
    ElfSymbol,
    read_elf,
)
from ..errors import FormatError
from ..uapi.bpf import BPF_PSEUDO_CALL, MapFlag, MapType
from ..uapi.btf import BtfKind
from .arena import SECTION as ARENA_SECTION
from .arena import arena_of, place_globals
from .btf_ext import ExtInfo, read_btf_ext
from .btf_maps import SECTION as MAPS
from .btf_maps import read_maps, slots_offset, variables
from .kconfig import SECTION as KCONFIG
from .kconfig import kconfig_size, read_kconfig
from .sections import read_section
from .spec import KconfigVar, MapSpec, ObjectSpec, ProgramSpec, Reloc, RelocKind, StructOpsSpec
from .special import special_fields
from .struct_ops import is_struct_ops, read_struct_ops

EVENTS = ".bpfkit.events"
PINS = ".bpfkit.pin"
SCOPES = ".bpfkit.scope"
_INSN = 8
_POINTER = 8
_LD_IMM64 = 0x18  # BPF_LD | BPF_IMM | BPF_DW
_CALL = 0x85  # BPF_JMP | BPF_CALL
_EM_BPF = 247
_DATA = (".data", ".rodata", ".bss")


@dataclass(slots=True)
class _Elf:
    """The parts of the file that are read more than once."""

    names: list[str]
    data: dict[int, bytes]
    sizes: dict[int, int]
    code: list[int]
    symbols: list[ElfSymbol]
    relocs: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    """Section to (offset, symbol) pairs."""

    def section(self, name: str) -> bytes:
        return next((self.data[i] for i, n in enumerate(self.names) if n == name), b"")


def read_object(data: bytes) -> ObjectSpec:
    """Read an object. Raises FormatError for what is no BPF object, or a damaged one."""
    elf = _read_elf(data)
    raw = elf.section(".BTF")
    btf = decode(raw) if raw else None
    ext = read_btf_ext(elf.section(".BTF.ext"), btf) if btf is not None else {}
    externs = _kconfig(elf, btf)
    maps = _maps(elf, btf) | _kconfig_map(externs)
    functions = _functions(elf, ext, maps, {v.name: v.offset for v in externs})
    called = {r.symbol for f in functions for r in f.relocs if r.kind is RelocKind.CALL}
    used = {r.symbol for f in functions for r in f.relocs if r.kind is RelocKind.DATA}
    programs = {f.name: f for f in functions if f.section != ".text"}
    return ObjectSpec(
        license=elf.section("license").split(b"\0")[0].decode("latin-1"),
        programs=programs,
        maps={n: m for n, m in maps.items() if not _is_data(m) or n in used},
        functions={f.name: f for f in functions if f.name in called or f.section == ".text"},
        btf=btf,
        sections=_sections(elf),
        kconfig=externs,
        struct_ops=_struct_ops(elf, btf) if btf is not None else {},
    )


def _read_elf(data: bytes) -> _Elf:
    file = read_elf(data)
    if file.machine != _EM_BPF:
        raise FormatError(f"this ELF file is for machine {file.machine}, not for BPF")
    elf = _Elf([], {}, {}, [], file.symbols(), dict(file.relocations()))
    for index, section in enumerate(file.sections):
        elf.names.append(section.name)
        elf.sizes[index] = section.size
        elf.data[index] = section.data
        if section.flags & SHF_EXECINSTR and section.kind == SHT_PROGBITS and section.size:
            elf.code.append(index)
    return elf


# ---------------------------------------------------------------- maps


def _maps(elf: _Elf, btf: Btf | None) -> dict[str, MapSpec]:
    maps = read_maps(btf) if btf is not None else {}
    if btf is not None:
        for name, type_id in variables(btf, EVENTS):
            owner = name.removesuffix(".event")
            if owner in maps:
                maps[owner] = dataclasses.replace(maps[owner], event_type_id=type_id)
    for owner, path in _notes(elf, PINS, ".pin"):
        if owner in maps:
            maps[owner] = dataclasses.replace(maps[owner], pin_path=path)
    for owner, scope in _notes(elf, SCOPES, ".scope"):
        if owner in maps:
            maps[owner] = dataclasses.replace(maps[owner], scope=scope)
    if btf is not None:
        for owner, slots in _slots(elf, btf).items():
            maps[owner] = dataclasses.replace(maps[owner], slots=tuple(sorted(slots)))
    for index, name in enumerate(elf.names):
        if name.startswith(_DATA) and elf.sizes[index] and index not in elf.code:
            found = _data_map(name, elf.data[index], elf.sizes[index])
            maps[name] = _described(found, btf) if btf is not None else found
        elif name == ARENA_SECTION:
            maps |= place_globals(maps, elf.data[index].ljust(elf.sizes[index], b"\0"))
    return maps


def _notes(elf: _Elf, section: str, ending: str) -> Iterator[tuple[str, str]]:
    """(map, text) of what a section of ours says about maps."""
    for symbol in elf.symbols:
        if symbol.section is not None and elf.names[symbol.section] == section and symbol.name:
            text = elf.data[symbol.section][symbol.value :].split(b"\0")[0]
            yield symbol.name.removesuffix(ending), text.decode("utf-8", "surrogateescape")


def _slots(elf: _Elf, btf: Btf) -> Mapping[str, list[tuple[int, str]]]:
    """What maps hold from the start: pointers in section ``.maps``, each with a relocation."""
    found: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for index, name in enumerate(elf.names):
        for offset, number in elf.relocs.get(index, ()) if name == MAPS else ():
            owner = _object_around(elf, index, offset)
            start = slots_offset(btf, owner.name)
            place = offset - owner.value - (start or 0)
            if start is None or place < 0 or place % _POINTER or number >= len(elf.symbols):
                raise FormatError(f"map '{owner.name}' is initialised in a way not known", offset)
            found[owner.name].append((place // _POINTER, _pointed_to(elf, index, offset, number)))
    return found


def _object_around(elf: _Elf, index: int, offset: int) -> ElfSymbol:
    for symbol in elf.symbols:
        end = symbol.value + symbol.size
        if (symbol.section, symbol.kind) == (index, STT_OBJECT) and symbol.value <= offset < end:
            return symbol
    raise FormatError(f"a relocation in section {elf.names[index]} is in no variable", offset)


def _pointed_to(elf: _Elf, index: int, offset: int, number: int) -> str:
    """The name of the map or program that the pointer at ``offset`` leads to."""
    symbol = elf.symbols[number]
    if symbol.kind != STT_SECTION or symbol.section is None:
        return symbol.name
    (place,) = struct.unpack_from("<Q", elf.data[index], offset)
    find = _function_at if symbol.section in elf.code else _object_at
    return find(elf, symbol.section, place)


def _struct_ops(elf: _Elf, btf: Btf) -> dict[str, StructOpsSpec]:
    """The structures of operations, by the name of their variable."""
    found: dict[str, StructOpsSpec] = {}
    for index, name in enumerate(elf.names):
        if is_struct_ops(name):
            at = {s.name: s.value for s in elf.symbols if s.section == index}
            pointers = [(o, _pointed_to(elf, index, o, n)) for o, n in elf.relocs.get(index, ())]
            specs = read_struct_ops(btf, name, elf.data[index], at.__getitem__, pointers)
            found |= {spec.name: spec for spec in specs}
    return found


def _kconfig(elf: _Elf, btf: Btf | None) -> tuple[KconfigVar, ...]:
    weak = {s.name for s in elf.symbols if s.section is None and s.weak}
    return read_kconfig(btf, weak) if btf is not None else ()


def _kconfig_map(externs: tuple[KconfigVar, ...]) -> dict[str, MapSpec]:
    size = kconfig_size(externs)
    return {KCONFIG: _data_map(KCONFIG, b"", size)} if size else {}


def _data_map(name: str, content: bytes, size: int) -> MapSpec:
    constant = name.startswith((".rodata", KCONFIG))
    return MapSpec(
        name=name,
        type=MapType.ARRAY,
        key_size=4,
        value_size=size,
        max_entries=1,
        flags=MapFlag.RDONLY_PROG if constant else 0,
        initial=content.ljust(size, b"\0"),
        frozen=constant,
    )


def _described(declared: MapSpec, btf: Btf) -> MapSpec:
    """A data map with the types of its section: those of its variables, for the kernel to find."""
    for type_id in btf.by_name(declared.name, (BtfKind.DATASEC,)):
        types = [pair for _, pair in variables(btf, declared.name)]
        special = tuple(field for t in types for field in special_fields(btf, t))
        return dataclasses.replace(declared, value_type_id=type_id, typed=True, special=special)
    return declared


def _is_data(declared: MapSpec) -> bool:
    """Whether a map is a section of global data, which is not created when nobody uses it."""
    return declared.initial is not None and declared.type is not MapType.ARENA


def _sections(elf: _Elf) -> Mapping[str, Section]:
    offsets: dict[int, dict[str, int]] = defaultdict(dict)
    for symbol in elf.symbols:
        if symbol.section is not None and symbol.kind == STT_OBJECT and symbol.name:
            offsets[symbol.section][symbol.name] = symbol.value
    return {
        name: Section(elf.sizes[index], offsets[index])
        for index, name in enumerate(elf.names)
        if offsets[index] or name.startswith(_DATA)
    }


# ---------------------------------------------------------------- functions


def _functions(
    elf: _Elf,
    ext: Mapping[str, ExtInfo],
    maps: Mapping[str, MapSpec],
    kconfig: Mapping[str, int],
) -> list[ProgramSpec]:
    found = []
    for index in elf.code:
        symbols = sorted(
            (s for s in elf.symbols if s.section == index and s.kind == STT_FUNC),
            key=lambda s: s.value,
        )
        for symbol in symbols:
            function = _function(elf, index, symbol, ext.get(elf.names[index]), maps)
            relocs = tuple(_from_kconfig(reloc, kconfig) for reloc in function.relocs)
            found.append(dataclasses.replace(function, relocs=relocs))
    return found


def _from_kconfig(reloc: Reloc, kconfig: Mapping[str, int]) -> Reloc:
    """An extern of ``.kconfig`` is a place in the map of that name."""
    if reloc.kind is not RelocKind.EXTERN or reloc.symbol not in kconfig:
        return reloc
    return Reloc(reloc.insn, RelocKind.DATA, KCONFIG, kconfig[reloc.symbol])


def _function(
    elf: _Elf, index: int, symbol: ElfSymbol, ext: ExtInfo | None, maps: Mapping[str, MapSpec]
) -> ProgramSpec:
    start, end = symbol.value, symbol.value + symbol.size
    code = elf.data[index][start:end]
    if start % _INSN or symbol.size % _INSN or not code or len(code) != symbol.size:
        raise FormatError(f"function '{symbol.name}' does not lie within its section", start)
    name = elf.names[index]
    row, target = read_section(name)
    info = (ext or ExtInfo()).part(start // _INSN, end // _INSN)
    return ProgramSpec(
        name=symbol.name,
        section=name,
        insns=code,
        type=row.type if row else None,
        attach_type=row.attach_type if row else None,
        attach_to=target,
        flags=row.flags if row else 0,
        relocs=tuple(_relocs(elf, index, start, end, maps)),
        core_relocs=info.core_relocs,
        func_info=info.func_info,
        line_info=info.line_info,
    )


def _relocs(
    elf: _Elf, index: int, start: int, end: int, maps: Mapping[str, MapSpec]
) -> Iterator[Reloc]:
    targeted = set()
    for offset, number in elf.relocs.get(index, ()):
        if start <= offset < end:
            if offset % _INSN or number >= len(elf.symbols):
                raise FormatError(f"a relocation of section {elf.names[index]} is damaged", offset)
            targeted.add(offset)
            yield _reloc(elf, index, offset, (offset - start) // _INSN, number, maps)
    # Calls within one section need no relocation: the distance is in the instruction.
    for offset in range(start, end, _INSN):
        op, registers, _, imm = struct.unpack_from("<BBhi", elf.data[index], offset)
        if op == _CALL and registers >> 4 == BPF_PSEUDO_CALL and offset not in targeted:
            callee = _function_at(elf, index, offset + (imm + 1) * _INSN)
            yield Reloc((offset - start) // _INSN, RelocKind.CALL, callee)


def _reloc(
    elf: _Elf, index: int, offset: int, insn: int, number: int, maps: Mapping[str, MapSpec]
) -> Reloc:
    symbol = elf.symbols[number]
    op, _, _, imm = struct.unpack_from("<BBhi", elf.data[index], offset)
    if symbol.section is None:
        if not symbol.name:
            raise FormatError("a relocation names nothing", offset)
        return Reloc(insn, RelocKind.EXTERN, symbol.name, weak=symbol.weak)
    home = elf.names[symbol.section]
    if op == _CALL or symbol.section in elf.code:
        if symbol.kind == STT_FUNC:
            return Reloc(insn, RelocKind.CALL, symbol.name)
        # A call counts instructions from the next one, an address counts bytes.
        place = imm if op == _LD_IMM64 else (imm + 1) * _INSN
        return Reloc(insn, RelocKind.CALL, _function_at(elf, symbol.section, place))
    if op != _LD_IMM64:
        raise FormatError(f"a relocation against '{symbol.name or home}' is not understood", offset)
    if home == MAPS:
        return Reloc(insn, RelocKind.MAP, symbol.name or _object_at(elf, symbol.section, imm))
    if home == ARENA_SECTION:
        arena = arena_of(maps)
        place = imm if symbol.kind == STT_SECTION else symbol.value + imm
        return Reloc(insn, RelocKind.DATA, arena.name, arena.initial_offset + place)
    if home in maps:
        addend = imm if symbol.kind == STT_SECTION else symbol.value + imm
        return Reloc(insn, RelocKind.DATA, home, addend)
    raise FormatError(f"a relocation leads into section {home}, which is not loaded", offset)


def _function_at(elf: _Elf, index: int, offset: int) -> str:
    symbols = sorted(
        (s.value, s.name) for s in elf.symbols if s.section == index and s.kind == STT_FUNC
    )
    at = bisect_right(symbols, (offset, "\U0010ffff")) - 1
    if at < 0 or symbols[at][0] != offset:
        raise FormatError(f"a call in section {elf.names[index]} leads to no function", offset)
    return symbols[at][1]


def _object_at(elf: _Elf, index: int, offset: int) -> str:
    for symbol in elf.symbols:
        if symbol.section == index and symbol.kind == STT_OBJECT and symbol.value == offset:
            return symbol.name
    raise FormatError(f"a relocation leads to no map in section {elf.names[index]}", offset)
