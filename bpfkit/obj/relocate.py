"""Put a program together: its own code, the subprograms it calls, and the numbers they refer to.

Pure: descriptors of maps come in as numbers, CO-RE results as values. Source: relocation of
``ld_imm64`` and calls as the kernel's loader expects them (BPF_PSEUDO_* in
include/uapi/linux/bpf.h).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ..btf.core import CoreResult, Relocator
from ..errors import LoadError
from ..uapi.bpf import (
    BPF_PSEUDO_BTF_ID,
    BPF_PSEUDO_CALL,
    BPF_PSEUDO_FUNC,
    BPF_PSEUDO_KFUNC_CALL,
    BPF_PSEUDO_MAP_FD,
    BPF_PSEUDO_MAP_VALUE,
)
from .externs import Extern
from .spec import ObjectSpec, ProgramSpec, Reloc, RelocKind

_INSN = struct.Struct("<BBhi")
_LD_IMM64 = 0x18
_CLASS = 0x07
_LDX, _ST, _STX, _ALU, _ALU64, _LD = 0x01, 0x02, 0x03, 0x04, 0x07, 0x00
_CALL = 0x85
_SIZES = {0x00: 4, 0x08: 2, 0x10: 1, 0x18: 8}
_SIZE_BITS = {size: bits for bits, size in _SIZES.items()}
POISON = 195896080
"""Helper number of a poisoned instruction: no kernel has it, and verifier logs show it."""


@dataclass(slots=True)
class Linked:
    """A program ready to load. Infos are counted over the whole code."""

    insns: bytearray
    func_info: list[tuple[int, int]] = field(default_factory=list)
    line_info: list[tuple[int, int, int, int]] = field(default_factory=list)
    poisoned: dict[int, str] = field(default_factory=dict)
    """Instruction to what this kernel has not: an access, or a function."""
    modules: list[int] = field(default_factory=list)
    """Which of the searched BTFs are used, besides the kernel's; see `Extern.module`."""


def reachable(spec: ObjectSpec, name: str) -> list[ProgramSpec]:
    """Program ``name`` and the functions it calls, each once."""
    found: dict[str, ProgramSpec] = {}
    queue = [spec.programs[name]]
    while queue:
        part = queue.pop()
        if part.name not in found:
            found[part.name] = part
            called = (r.symbol for r in part.relocs if r.kind is RelocKind.CALL)
            functions = (spec.functions.get(c) or spec.programs.get(c) for c in called)
            queue += [function for function in functions if function is not None]
    return list(found.values())


def link(
    spec: ObjectSpec,
    name: str,
    maps: Mapping[str, int],
    relocator: Relocator | None,
    resolve: Callable[[Reloc], Extern] | None = None,
) -> Linked:
    """Link program ``name`` with map descriptors ``maps`` and CO-RE relocations applied.

    ``resolve`` finds externs. Raises LoadError for an extern, an unknown map or function, or a
    relocation that does not fit.
    """
    linked = Linked(bytearray())
    starts: dict[str, int] = {}
    calls: list[tuple[int, str]] = []
    queue = [spec.programs[name]]
    while queue:
        part = queue.pop(0)
        if part.name in starts:
            continue
        starts[part.name] = base = len(linked.insns) // _INSN.size
        code = bytearray(part.insns)
        for reloc in part.relocs:
            if reloc.kind is RelocKind.CALL:
                callee = spec.functions.get(reloc.symbol) or spec.programs.get(reloc.symbol)
                if callee is None:
                    raise LoadError(f"program '{name}' calls '{reloc.symbol}', which is not here")
                calls.append((base + reloc.insn, reloc.symbol))
                queue.append(callee)
            elif reloc.kind is RelocKind.EXTERN:
                _patch_extern(code, part, reloc, linked, base, resolve)
            else:
                _patch_map(code, part, reloc, maps)
        if relocator is not None:
            _apply_core(code, part, relocator, linked, base)
        linked.insns += code
        linked.func_info += [(base + i, t) for i, t in part.func_info]
        linked.line_info += [(base + i, f, t, p) for i, f, t, p in part.line_info]
    for insn, callee_name in calls:
        _patch_call(linked.insns, insn, starts[callee_name])
    return linked


def _patch_call(code: bytearray, insn: int, target: int) -> None:
    """Point a call, or the address of a function that is called back, to ``target``."""
    at = insn * _INSN.size
    op, registers, _, _ = _INSN.unpack_from(code, at)
    distance = target - insn - 1
    if op == _LD_IMM64:
        registers = (registers & 0x0F) | BPF_PSEUDO_FUNC << 4
        _INSN.pack_into(code, at, op, registers, 0, distance)
        _INSN.pack_into(code, at + _INSN.size, 0, 0, 0, 0)
    else:
        _INSN.pack_into(code, at, _CALL, BPF_PSEUDO_CALL << 4, 0, distance)


def _patch_extern(
    code: bytearray,
    part: ProgramSpec,
    reloc: Reloc,
    linked: Linked,
    base: int,
    resolve: Callable[[Reloc], Extern] | None,
) -> None:
    if resolve is None:
        raise LoadError(
            f"program '{part.name}' uses the external symbol '{reloc.symbol}', which is not "
            "defined; the kernel was not asked for it"
        )
    found = resolve(reloc)
    at = reloc.insn * _INSN.size
    op, registers, _, _ = _INSN.unpack_from(code, at)
    if op == _CALL:
        if found.address is not None:
            _poison(code, reloc.insn)
            linked.poisoned[base + reloc.insn] = f"{reloc.symbol}()"
            return
        if found.module and found.module not in linked.modules:
            linked.modules.append(found.module)
        # The BTF of a module is named by its place in an array of descriptors, from 1 on.
        place = linked.modules.index(found.module) + 1 if found.module else 0
        _INSN.pack_into(code, at, op, BPF_PSEUDO_KFUNC_CALL << 4, place, found.btf_id)
        return
    if op != _LD_IMM64:
        raise LoadError(f"program '{part.name}' uses '{reloc.symbol}' in a way not understood")
    registers &= 0x0F
    if found.address is None and found.module:
        raise LoadError(f"'{reloc.symbol}' is a variable of a module, which cannot be used yet")
    if found.address is None:
        _INSN.pack_into(code, at, op, registers | BPF_PSEUDO_BTF_ID << 4, 0, found.btf_id)
        _INSN.pack_into(code, at + _INSN.size, 0, 0, 0, 0)
    else:
        low, high = found.address & 0xFFFFFFFF, found.address >> 32
        _INSN.pack_into(code, at, op, registers, 0, _signed32(low))
        _INSN.pack_into(code, at + _INSN.size, 0, 0, 0, _signed32(high))


def _patch_map(code: bytearray, part: ProgramSpec, reloc: Reloc, maps: Mapping[str, int]) -> None:
    fd = maps.get(reloc.symbol)
    if fd is None:
        raise LoadError(f"program '{part.name}' uses map '{reloc.symbol}', which is not here")
    at = reloc.insn * _INSN.size
    op, registers, off, _ = _INSN.unpack_from(code, at)
    pseudo = BPF_PSEUDO_MAP_FD if reloc.kind is RelocKind.MAP else BPF_PSEUDO_MAP_VALUE
    _INSN.pack_into(code, at, op, (registers & 0x0F) | pseudo << 4, off, fd)
    if reloc.kind is RelocKind.DATA:
        _INSN.pack_into(code, at + _INSN.size, 0, 0, 0, reloc.addend)


def _apply_core(
    code: bytearray, part: ProgramSpec, relocator: Relocator, linked: Linked, base: int
) -> None:
    for reloc in part.core_relocs:
        result = relocator.resolve(reloc)
        if result.value is None:
            _poison(code, reloc.insn)
            linked.poisoned[base + reloc.insn] = result.text
        else:
            _patch_core(code, part, reloc.insn, result)


def _poison(code: bytearray, insn: int) -> None:
    """Make an instruction one that the verifier refuses if it can ever be reached."""
    at = insn * _INSN.size
    wide = code[at] == _LD_IMM64
    for offset in (at, at + _INSN.size) if wide else (at,):
        _INSN.pack_into(code, offset, _CALL, 0, 0, POISON)


def _patch_core(code: bytearray, part: ProgramSpec, insn: int, result: CoreResult) -> None:
    at = insn * _INSN.size
    op, registers, off, imm = _INSN.unpack_from(code, at)
    kind = op & _CLASS
    value = result.value
    assert value is not None
    if kind in (_ALU, _ALU64):
        _INSN.pack_into(code, at, op, registers, off, _signed32(value))
    elif kind in (_LDX, _ST, _STX):
        if not -(1 << 15) <= value < 1 << 15:
            raise LoadError(f"program '{part.name}': offset of {result.text} is too large: {value}")
        op = _resized(op, part, result)
        _INSN.pack_into(code, at, op, registers, value, imm)
    elif op == _LD_IMM64:
        _INSN.pack_into(code, at, op, registers, off, _signed32(value & 0xFFFFFFFF))
        _INSN.pack_into(code, at + _INSN.size, 0, 0, 0, _signed32(value >> 32))
    else:
        raise LoadError(
            f"program '{part.name}': a CO-RE relocation of {result.text} points at an instruction "
            f"that cannot be patched (0x{op:02x})"
        )


def _resized(op: int, part: ProgramSpec, result: CoreResult) -> int:
    """A load as wide as the field is in the target."""
    if result.local is None or result.target is None or result.local.size == result.target.size:
        return op
    if not result.resizable:
        raise LoadError(
            f"program '{part.name}': {result.text} has {result.target.size} bytes in this kernel, "
            f"not {result.local.size}, and cannot be read the same way"
        )
    return op & ~0x18 | _SIZE_BITS[result.target.size]


def _signed32(value: int) -> int:
    value &= 0xFFFFFFFF
    return value - (1 << 32) if value >> 31 else value
