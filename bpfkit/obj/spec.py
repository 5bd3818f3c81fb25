"""The waist of the hourglass: an object as data, the same on every machine.

The compiler's ELF file, or any libbpf-style ELF file, is read into an `ObjectSpec`
(``obj/read.py``). Nothing here looks at a kernel. The loader turns an `ObjectSpec` into live maps
and programs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ..btf.sanitize import Section
from ..btf.types import Btf
from ..uapi.bpf import AttachType, MapType, ProgType
from .special import SpecialField


@dataclass(frozen=True, slots=True)
class MapSpec:
    """A map to create. Sizes in bytes; type ids are ids in the object's BTF, 0 for none."""

    name: str
    type: MapType
    key_size: int
    value_size: int
    max_entries: int
    flags: int = 0
    key_type_id: int = 0
    value_type_id: int = 0
    typed: bool = False
    """Whether the kernel may be told the types: some map types refuse them."""
    pin_path: str = ""
    inner: MapSpec | None = None
    event_type_id: int = 0
    """Type of the records a program sends through this buffer, when the compiler saw one."""
    initial: bytes | None = None
    """Content to write into the one element of a global data map (.data .rodata .bss), or into an
    arena.
    """
    initial_offset: int = 0
    """Where the content of an arena begins, in bytes from the arena's start."""
    frozen: bool = False
    """Whether user space may not change it once the content is written."""
    extra: int = 0
    """``map_extra``: what it means depends on the type (hash functions of a bloom filter)."""
    numa_node: int | None = None
    scope: str = ""
    """"export" or "shared" of a map that later objects may use, "extern" of one they take."""
    special: tuple[SpecialField, ...] = ()
    """Fields of a value that the kernel runs: without types it could not find them."""
    slots: tuple[tuple[int, str], ...] = ()
    """(index, name) of the maps or programs that the map holds from the start."""


class RelocKind(StrEnum):
    """What a program's relocation refers to."""

    MAP = "map"  # ld_imm64 of a map: src_reg becomes BPF_PSEUDO_MAP_FD
    DATA = "data"  # ld_imm64 of a global: BPF_PSEUDO_MAP_VALUE, addend = offset in the data map
    CALL = "call"  # bpf-to-bpf call of another function of the object
    EXTERN = "extern"  # ksym, kfunc or kconfig


@dataclass(frozen=True, slots=True)
class Reloc:
    """One relocation. ``insn`` counts 8-byte instructions from the start of the program."""

    insn: int
    kind: RelocKind
    symbol: str
    addend: int = 0
    weak: bool = False
    """Of an extern: whether the program can do without."""


@dataclass(frozen=True, slots=True)
class CoreReloc:
    """One CO-RE relocation: struct bpf_core_relo, its instruction counted inside the program."""

    insn: int
    type_id: int
    access: str
    kind: int


@dataclass(frozen=True, slots=True)
class ProgramSpec:
    """A program to load. ``type`` is None when its section does not tell (bcc's dialect)."""

    name: str
    section: str
    insns: bytes
    type: ProgType | None = None
    attach_type: AttachType | None = None
    attach_to: str = ""
    flags: int = 0
    relocs: tuple[Reloc, ...] = ()
    core_relocs: tuple[CoreReloc, ...] = ()
    func_info: tuple[tuple[int, int], ...] = ()
    """(instruction, BTF id of the function) pairs."""
    line_info: tuple[tuple[int, int, int, int], ...] = ()
    """(instruction, file name offset, line text offset, line << 10 | column), offsets into BTF
    strings.
    """


@dataclass(frozen=True, slots=True)
class KconfigVar:
    """One extern: where it lies in the map, in bytes, and its type in the object's BTF."""

    name: str
    type_id: int
    offset: int
    size: int
    weak: bool = False


@dataclass(frozen=True, slots=True)
class StructOpsSpec:
    """A structure of operations that programs implement, in the object's layout of it."""

    name: str
    type_id: int
    """Its type in the object's BTF."""
    data: bytes
    programs: tuple[tuple[int, str], ...] = ()
    """(offset in bytes, program) of the operations that are implemented."""
    link: bool = False
    """Whether it is registered by a bpf_link, where the kernel has them for it."""

    def operation(self, program: str) -> int | None:
        """Where the pointer to ``program`` is; None when it is not one of them."""
        return next((offset for offset, name in self.programs if name == program), None)


@dataclass(frozen=True, slots=True)
class ObjectSpec:
    """All that an object file declares."""

    license: str
    programs: Mapping[str, ProgramSpec]
    maps: Mapping[str, MapSpec]
    functions: Mapping[str, ProgramSpec] = field(default_factory=dict)
    """Subprograms that other programs call; not loadable alone."""
    btf: Btf | None = None
    sections: Mapping[str, Section] = field(default_factory=dict)
    """Sizes of the data sections and offsets of their variables, which the BTF leaves open."""
    kconfig: tuple[KconfigVar, ...] = ()
    """What map ``.kconfig`` is filled with when the object is loaded."""
    struct_ops: Mapping[str, StructOpsSpec] = field(default_factory=dict)
    """Structures of the kernel that programs implement, by the name of their variable."""
