"""An object as data becomes live maps, and programs that are loaded when they are asked for.

All maps are created at once. A program waits, since in bcc's dialect only attaching tells its type.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self, overload

from .btf.core import Relocator, Resolved
from .btf.sanitize import sanitize
from .btf.types import Btf
from .errors import LoadError, SyscallError, VerifierError
from .features.btf import GLOBAL_FUNCTION, known_kinds
from .features.probe import Support
from .handles.ids import open_module_btf
from .host.version import version_code
from .maps.base import Map
from .maps.create import create_map
from .maps.imported import EXTERN, OFFERED, import_map
from .maps.shared_memory import map_arena
from .obj.externs import Extern, resolve_extern
from .obj.kconfig import HAS_COOKIE, HAS_WRAPPER, VERSION, kconfig_data
from .obj.kconfig import SECTION as KCONFIG
from .obj.relocate import Linked, link, reachable
from .obj.spec import MapSpec, ObjectSpec, Reloc, RelocKind
from .programs.load import LoadOptions, load_linked
from .programs.program import Program
from .programs.struct_ops import StructOpsMap, find_struct, make_map, operation_of
from .programs.targets import AttachTarget, attach_target_of
from .programs.verifier import SourcePlace, refused_load
from .syscalls.api import MappedMemory, SupportsFileno
from .syscalls.fd import OwnedFd
from .system import System
from .uapi.bpf import AttachType, MapType, ProgType

SYSCALL_WRAPPERS = ("__x64_sys_", "__arm64_sys_", "__s390x_sys_", "__riscv_sys_")
"""Beginnings of the functions that system calls enter where they get a pointer to registers."""

# struct bpf_line_info keeps the line above the column.
LINE_SHIFT = 10
COLUMN_MASK = (1 << LINE_SHIFT) - 1


class LoadedObject:
    """The live side of one object: it owns the maps and the BTF, the caller owns the programs."""

    def __init__(
        self,
        spec: ObjectSpec,
        system: System,
        maps: Mapping[str, Map],
        btf_fd: OwnedFd | None,
        btf_refusal: str = "",
        resolved: Sequence[Resolved] = (),
        arenas: Mapping[str, MappedMemory] | None = None,
    ) -> None:
        """Take over ``maps``, ``btf_fd`` and ``arenas``; see `load_object`."""
        self.spec = spec
        self.maps = maps
        self.arenas = arenas or {}
        """The memory of arenas, by name."""
        self.btf_refusal = btf_refusal
        """Why the kernel did not take the object's types; empty when it did or there are none."""
        self._system = system
        self._btf_fd = btf_fd
        self._filled: set[str] = set()
        self._kernel = _KernelTypes(system, spec, resolved)

    def load_program(
        self,
        name: str,
        type: ProgType | None = None,
        *,
        attach_type: AttachType | None = None,
        attach_to: str = "",
        attach_target: SupportsFileno | None = None,
        log_level: int = 0,
    ) -> Program:
        """Link, relocate and load one program; the caller closes it.

        ``attach_to`` names what the program attaches to where its section does not, or something
        else: a function, "module:function". ``attach_target`` is the loaded program whose function
        that is, to extend or trace it. ``log_level`` 1 or 2 keeps the verifier's log
        (`Program.log`).

        Raises KeyError for an unknown name, LoadError when it cannot be linked or its type is not
        known, VerifierError when the kernel refuses it.
        """
        declared = self.spec.programs[name]
        kind = declared.type if type is None else type
        if kind is None:
            raise LoadError(f"section {declared.section!r} does not tell what program '{name}' is")
        fds = {map_name: map.fileno() for map_name, map in self.maps.items()}
        linked = link(self.spec, name, fds, self._kernel.relocator, self._kernel.extern)
        expected = attach_type
        if attach_type is None and kind is declared.type:
            expected = declared.attach_type
        with contextlib.ExitStack() as stack:
            operation: int | None = None
            target: AttachTarget | None
            if kind is ProgType.STRUCT_OPS:
                target, operation = self._operation_of(name)
            else:
                target = attach_target_of(
                    declared, kind, expected, self._system, name=attach_to, owner=attach_target
                )
            if target is not None and target.module:
                attach_target = self._kernel.open_module(target.module, stack)
            options = LoadOptions(
                type=kind,
                attach_type=expected if operation is None else operation,
                attach_to=target.text if target is not None else "",
                flags=declared.flags,
                license=self.spec.license,
                attach_btf_id=target.btf_id if target is not None else 0,
                attach_target_fd=attach_target.fileno() if attach_target is not None else 0,
                btf_fd=self._btf_fd.fileno() if self._btf_fd is not None else 0,
                fd_array=self._kernel.open_modules(linked, stack),
                log_level=log_level,
            )
            try:
                places = partial(self._place_of, linked)
                program = load_linked(name, linked, options, self._system, places)
            except VerifierError as error:
                insn = refused_load(error.log)
                place = self._place_of(linked, insn) if insn is not None else None
                if place is not None:
                    error.refused_load = place.file, place.line, place.column
                raise
        try:
            self._fill_program_slots(name)
        except BaseException:
            program.close()
            raise
        return program

    def _operation_of(self, program: str) -> tuple[AttachTarget, int]:
        """The kernel's structure that a program implements an operation of, and its number."""
        for ops in self.spec.struct_ops.values():
            if ops.operation(program) is not None and self.spec.btf is not None:
                kernel = find_struct(self._system, ops, self.spec.btf)
                index = operation_of(ops, self.spec.btf, program, kernel)
                text = f"{kernel.members[index].name} of struct {kernel.name}"
                return AttachTarget(kernel.type_id, kernel.module, text), index
        raise LoadError(
            f"program '{program}' implements an operation, but no structure in section .struct_ops"
            " points to it"
        )

    def make_struct_ops(self, name: str, programs: Mapping[str, SupportsFileno]) -> StructOpsMap:
        """Make the map of a structure of operations from its loaded programs; the caller closes it.

        A structure that wants no link is registered by that. Raises KeyError for an unknown name,
        LoadError and SyscallError.
        """
        ops, local = self.spec.struct_ops[name], self.spec.btf
        assert local is not None  # what has no types has no such structures
        if self._btf_fd is None:
            raise LoadError(f"'{name}' needs the object's types: {self.btf_refusal}")
        kernel = find_struct(self._system, ops, local)
        return make_map(self._system, ops, local, kernel, programs, self._btf_fd.fileno())

    def _fill_program_slots(self, name: str) -> None:
        """Load the programs that the object puts into the program arrays of program ``name``."""
        functions = reachable(self.spec, name)
        used = {r.symbol for f in functions for r in f.relocs if r.kind is RelocKind.MAP}
        for map_name in used - self._filled:
            declared = self.spec.maps.get(map_name)
            if declared is None or declared.type is not MapType.PROG_ARRAY:
                continue
            self._filled.add(map_name)
            for index, symbol in declared.slots:
                if symbol not in self.spec.programs:
                    raise LoadError(f"map '{map_name}' holds '{symbol}', which is no program")
                with self.load_program(symbol) as program:
                    key, value = (n.to_bytes(4, sys.byteorder) for n in (index, program.fileno()))
                    self.maps[map_name].update(key, value)

    def _place_of(self, linked: Linked, insn: int) -> SourcePlace | None:
        """Where in the C text an instruction comes from."""
        before = [entry for entry in linked.line_info if entry[0] <= insn]
        if not before or self.spec.btf is None:
            return None
        _, file, text, place = max(before)
        # A relative name stands behind the directory we compile in, which is the root.
        name = self.spec.btf.string(file).removeprefix("//")
        line, column = place >> LINE_SHIFT, place & COLUMN_MASK
        return SourcePlace(name, line, column, self.spec.btf.string(text))

    def with_other_code(self, spec: ObjectSpec) -> LoadedObject | None:
        """The same live maps with the programs of ``spec``, the same text compiled otherwise.

        None when ``spec`` declares other maps. The maps stay this object's: end the other one with
        `close_types`.
        """
        if not _same_maps(self.spec, spec):
            return None
        btf_fd, refusal = _load_btf(spec, self._system)
        return LoadedObject(spec, self._system, self.maps, btf_fd, refusal)

    def close_types(self) -> None:
        """Close the BTF and leave the maps."""
        if self._btf_fd is not None:
            self._btf_fd.close()

    def close(self) -> None:
        """Close maps and BTF. Calling it twice is harmless."""
        for memory in self.arenas.values():
            memory.close()
        for map in self.maps.values():
            self._system.shared.withdraw(map)
            map.close()
        self.close_types()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _same_maps(a: ObjectSpec, b: ObjectSpec) -> bool:
    """Whether two objects declare the same maps; the ids of types may differ."""

    def untyped(spec: ObjectSpec) -> dict[str, MapSpec]:
        return {
            name: replace(map, key_type_id=0, value_type_id=0, event_type_id=0, inner=None)
            for name, map in spec.maps.items()
        }

    return untyped(a) == untyped(b)


def load_object(
    spec: ObjectSpec, system: System, resolved: Sequence[Resolved] = ()
) -> LoadedObject:
    """Create the maps of an object. Nothing stays behind when one cannot be created.

    ``resolved`` are CO-RE relocations whose results for this very kernel are known.

    Raises SyscallError that names the map, and LoadError when a pinned map is another one.
    """
    with contextlib.ExitStack() as undo:
        btf_fd, refusal = _load_btf(spec, system)
        if btf_fd is not None:
            undo.callback(btf_fd.close)
        maps: dict[str, Map] = {}
        arenas: dict[str, MappedMemory] = {}
        for name, declared in spec.maps.items():
            if name == KCONFIG and spec.btf is not None:
                data = kconfig_data(spec.btf, spec.kconfig, partial(_kernel_option, system))
                declared = replace(declared, initial=data)
            fresh = not (declared.pin_path and Path(declared.pin_path).exists())
            if declared.scope == EXTERN:
                maps[name] = import_map(declared, system)
            else:
                maps[name] = create_map(declared, system, btf_fd.fileno() if btf_fd else 0)
            undo.callback(maps[name].close)
            if declared.type is MapType.ARENA:
                arenas[name] = map_arena(maps[name], declared, system, fresh=fresh)
                undo.callback(arenas[name].close)
        _fill_map_slots(spec, maps)
        for name, declared in spec.maps.items():
            if declared.scope in OFFERED:
                system.shared.offer(
                    replace(declared, max_entries=maps[name].max_entries), maps[name]
                )
        undo.pop_all()
    return LoadedObject(spec, system, maps, btf_fd, refusal, resolved, arenas)


def _fill_map_slots(spec: ObjectSpec, maps: Mapping[str, Map]) -> None:
    """Put maps into the maps that hold them from the start."""
    for name, declared in spec.maps.items():
        if declared.type is MapType.PROG_ARRAY:
            continue  # programs are loaded when they are asked for
        for index, symbol in declared.slots:
            inner = maps.get(symbol)
            if inner is None:
                raise LoadError(f"map '{name}' holds '{symbol}', which is no map of the object")
            key, value = (n.to_bytes(4, sys.byteorder) for n in (index, inner.fileno()))
            maps[name].update(key, value)


def _kernel_option(system: System, name: str) -> str | None:
    """What a ``.kconfig`` extern stands for, as the kernel's configuration would write it."""
    facts = system.facts
    if name == VERSION:
        return str(version_code(facts.version))
    if name == HAS_COOKIE:
        # bpf_get_attach_cookie() and the cookies of perf links came together, in v5.15.
        return "y" if system.features.has("helper/bpf_get_attach_cookie") else "n"
    if name == HAS_WRAPPER:
        known = facts.config("CONFIG_ARCH_HAS_SYSCALL_WRAPPER") == "y"
        return "y" if known or any(facts.has_symbol(f"{p}bpf") for p in SYSCALL_WRAPPERS) else "n"
    return facts.config(name) if name.startswith("CONFIG_") else None


def _load_btf(spec: ObjectSpec, system: System) -> tuple[OwnedFd | None, str]:
    """Give the kernel the object's types. They are a help, not a need: it may refuse them."""
    if spec.btf is None:
        return None, ""
    data = sanitize(
        spec.btf,
        kinds=known_kinds(system),
        global_functions=system.features.get(GLOBAL_FUNCTION) is not Support.NO,
        sections=spec.sections,
    )
    try:
        return system.syscalls.btf_load(data), ""
    except SyscallError as error:
        return None, str(error)


class _Targets(Sequence[Btf]):
    """The kernel's types, then those of its modules, each read when the search comes to it."""

    def __init__(self, system: System) -> None:
        self._facts = system.facts
        self._names = system.facts.modules_with_btf()

    def __len__(self) -> int:
        return 1 + len(self._names)

    def __iter__(self) -> Iterator[Btf]:
        yield self._facts.btf
        for name in self._names:
            types = self._facts.module_btf(name)
            if types is not None:
                yield types

    @overload
    def __getitem__(self, index: int) -> Btf: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Btf]: ...
    def __getitem__(self, index: int | slice) -> Btf | Sequence[Btf]:
        return tuple(self)[index]


@dataclass(slots=True)
class _KernelTypes:
    """What a program is relocated to: types of the kernel, and of modules where it has none."""

    system: System
    spec: ObjectSpec
    resolved: Sequence[Resolved] = ()
    """Relocations whose result is known."""
    _relocator: Relocator | None = None
    _modules: list[str] = field(default_factory=list)
    _searched: list[Btf] = field(default_factory=list)
    """Types searched for externs: the kernel's, then those of ``_modules``."""

    @property
    def relocator(self) -> Relocator | None:
        """Resolves CO-RE relocations; None when nothing asks for any."""
        functions = (*self.spec.programs.values(), *self.spec.functions.values())
        if self._relocator is None and self.spec.btf is not None:
            if not any(function.core_relocs for function in functions):
                return None
            self._relocator = Relocator(self.spec.btf, _Targets(self.system), self.resolved)
        return self._relocator

    def extern(self, reloc: Reloc) -> Extern:
        """Find an extern in the kernel, else in its modules."""
        find = partial(
            resolve_extern, reloc.symbol, local=self.spec.btf, address_of=self._address_of
        )
        kernel = self.system.facts.btf
        if self._searched:
            return find(weak=reloc.weak, targets=self._searched)
        try:
            found = find(weak=reloc.weak, targets=[kernel])
        except LoadError:
            if not self._read_modules(kernel):
                raise
            return find(weak=reloc.weak, targets=self._searched)
        if found.missing and self._read_modules(kernel):
            return find(weak=reloc.weak, targets=self._searched)
        return found

    def _address_of(self, name: str) -> int | None:
        return next(iter(self.system.facts.kallsyms.addresses(name)), None)

    def _read_modules(self, kernel: Btf) -> bool:
        facts = self.system.facts
        found = [(name, facts.module_btf(name)) for name in facts.modules_with_btf()]
        self._modules = [name for name, types in found if types is not None]
        self._searched = [kernel, *(types for _, types in found if types is not None)]
        return bool(self._modules)

    def open_modules(self, linked: Linked, stack: contextlib.ExitStack) -> tuple[int, ...]:
        """Open the BTF of the modules a program uses; the first place stands for the kernel."""
        if not linked.modules:
            return ()
        fds = [0]
        for number in linked.modules:
            fds.append(self.open_module(self._modules[number - 1], stack).fileno())
        return tuple(fds)

    def open_module(self, name: str, stack: contextlib.ExitStack) -> OwnedFd:
        """Open the BTF of a module, to be closed with ``stack``."""
        fd = open_module_btf(self.system, name)
        if fd is None:
            raise LoadError(f"the module '{name}' is not loaded any more")
        return stack.enter_context(fd)
