"""An object's BTF in a form that an older kernel accepts, with every type id unchanged.

A kernel refuses the whole blob when it meets a kind it does not know. Such a type is replaced by an
older one of the same size, so that nothing that refers to it moves. Sections are completed: a
compiler leaves sizes and offsets of global data to the linker. Which kinds a kernel knows is found
out elsewhere. Source: kernel/bpf/btf.c, the *_check_meta functions.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from ..uapi.btf import BtfKind, FuncLinkage, VarLinkage
from .encode import StringTable, encode
from .types import (
    Btf,
    Const,
    Datasec,
    DeclTag,
    Enum,
    Enum64,
    Float,
    Func,
    FuncProto,
    Int,
    Member,
    Param,
    SecVar,
    Struct,
    Type,
    Typedef,
    TypeTag,
    Union,
    Var,
)

ALL_KINDS = frozenset(BtfKind)
_BAD_NAME = re.compile(r"[^A-Za-z0-9_]")
# Newer kernels take any printable character, all take these.
_BAD_SECTION_NAME = re.compile(r"[^A-Za-z0-9_.]")
_EXTERN_SECTIONS = frozenset({".ksyms", ".kconfig"})


@dataclass(frozen=True, slots=True)
class Section:
    """An ELF section of global data: its size, and the offset of each variable in it, in bytes."""

    size: int
    offsets: Mapping[str, int] = field(default_factory=dict)


def sanitize(
    btf: Btf,
    *,
    kinds: Collection[BtfKind] = ALL_KINDS,
    global_functions: bool = True,
    attributes: bool = True,
    sections: Mapping[str, Section] | None = None,
) -> bytes:
    """Return the bytes of ``btf`` for a kernel that knows ``kinds``; string offsets stay valid too.

    ``global_functions`` tells whether functions may have a linkage (v5.6), ``attributes`` whether
    tags may stand for attributes (v6.15). ``sections`` completes DATASEC types by name.
    """
    work = _Sanitizer(btf, frozenset(kinds), global_functions, attributes, sections or {})
    types = [work.convert(found) for _, found in btf]
    return encode(
        types + work.extra, StringTable(btf.strings), byteorder=btf.byteorder, base=btf.base
    )


@dataclass(slots=True)
class _Sanitizer:
    """Converts one type after the other; ``extra`` are types to add at the end."""

    btf: Btf
    kinds: frozenset[BtfKind]
    global_functions: bool
    attributes: bool
    sections: Mapping[str, Section]
    extra: list[Type] = field(default_factory=list)

    def convert(self, found: Type) -> Type:
        """Return what stands for ``found``."""
        match found:
            case Datasec():
                return self._section(found)
            case Func():
                return self._function(found)
            case FuncProto():
                return self._prototype(found)
            case DeclTag() | Var() if not self._knows(found):
                # One byte never exceeds the size of the variable that stands in a section.
                return Int(found.name, 1, 8)
            case Var(linkage=VarLinkage.GLOBAL_EXTERN):
                # A variable of the kernel, whose type may be void or of unknown size here.
                return Var(found.name, self._byte(), VarLinkage.GLOBAL_ALLOCATED)
            case DeclTag(attribute=True) | TypeTag(attribute=True) if not self.attributes:
                return self.convert(replace(found, attribute=False))
            case TypeTag(type_id=inner) if not self._knows(found):
                return Const(inner)
            case Float(size=size) if not self._knows(found):
                return Struct("", size, ())
            case Enum(signed=True) if BtfKind.ENUM64 not in self.kinds:
                # The sign of enumerations came with the 64-bit ones.
                return replace(found, signed=False)
            case Enum64() if not self._knows(found):
                byte = self._byte()
                members = tuple(Member(value.name, byte, 0) for value in found.values)
                return Union(found.name, found.size, members)
            case _:
                return found

    def _knows(self, found: Type) -> bool:
        return found.kind in self.kinds

    def _byte(self) -> int:
        """Return the id of an integer of one byte, added behind all other types."""
        if not self.extra:
            self.extra.append(Int("__bpf_byte", 1, 8))
        return len(self.btf)

    def _function(self, found: Func) -> Type:
        if not self._knows(found):
            return Typedef(found.name, found.type_id)
        linkage = int(FuncLinkage.STATIC)
        if self.global_functions:
            # What the kernel itself defines is no function of the object, and no linkage for it.
            external = found.linkage == FuncLinkage.EXTERN
            linkage = FuncLinkage.GLOBAL if external else found.linkage
        return replace(found, name=_BAD_NAME.sub("_", found.name), linkage=linkage)

    def _prototype(self, found: FuncProto) -> Type:
        if not self._knows(found):
            return Enum("", 4, ())
        # Declarations of external functions come without parameter names; the kernel wants them.
        params = tuple(
            Param(p.name or f"arg{at}", p.type_id) if p.type_id else p
            for at, p in enumerate(found.params)
        )
        return replace(found, params=params)

    def _section(self, found: Datasec) -> Type:
        section = self.sections.get(found.name)
        size, variables = found.size, found.variables
        if found.name in _EXTERN_SECTIONS:
            # What is resolved at load time is no data of the object.
            return Datasec(found.name, 4, ())
        if section is not None:
            size = section.size
            variables = tuple(self._place(v, section) for v in variables)
        variables = tuple(sorted(variables, key=lambda v: v.offset))
        name = _BAD_SECTION_NAME.sub("_", found.name)
        if self._knows(found):
            return Datasec(name, max(size, 1), variables)
        members = tuple(
            Member(self.btf.name(v.type_id), v.type_id, 8 * v.offset) for v in variables
        )
        return Struct(_BAD_NAME.sub("_", name), size, members)

    def _place(self, variable: SecVar, section: Section) -> SecVar:
        offset = section.offsets.get(self.btf.name(variable.type_id), variable.offset)
        return replace(variable, offset=offset)
