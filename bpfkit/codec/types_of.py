"""The types of codecs as one BTF: what the kernel needs to know of a map's keys and values.

Only what says how the bytes lie is taken along: a pointer becomes one to void, whatever it points
to, unless it is a kptr, whose target the kernel looks up.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from ..btf.decode import decode
from ..btf.encode import encode
from ..btf.types import (
    MAX_DEPTH,
    VOID,
    Array,
    Btf,
    Const,
    Enum,
    Enum64,
    Float,
    Fwd,
    Int,
    Ptr,
    Restrict,
    Struct,
    Type,
    Typedef,
    TypeTag,
    Union,
    Volatile,
)
from ..errors import DecodeError


class HasType(Protocol):
    """A codec, whatever its values are."""

    @property
    def btf(self) -> Btf:
        """The graph its type belongs to."""
        ...

    @property
    def type_id(self) -> int:
        """The type."""
        ...


def types_of(*codecs: HasType) -> tuple[Btf, tuple[int, ...]]:
    """Return one BTF (``.raw`` is what BPF_BTF_LOAD takes) and the id of each codec's type in it.

    Raises DecodeError when a type cannot be what a map holds, or byte orders differ.
    """
    orders = {codec.btf.byteorder for codec in codecs}
    if len(orders) != 1:
        raise DecodeError("types of both byte orders do not go into one BTF" if orders else "none")
    copies: dict[int, _Copy] = {}
    types: list[Type] = []
    ids = []
    for codec in codecs:
        copy = copies.setdefault(id(codec.btf), _Copy(codec.btf, types))
        ids.append(copy.copied(codec.type_id, 0))
    return decode(encode(types, byteorder=orders.pop())), tuple(ids)


class _Copy:
    """Copies types of one BTF to the end of a list, each once."""

    def __init__(self, btf: Btf, types: list[Type]) -> None:
        self._btf = btf
        self._types = types
        self._ids: dict[int, int] = {0: 0}

    def copied(self, type_id: int, depth: int) -> int:
        """Return the new id of a type, which is copied with all it is made of."""
        known = self._ids.get(type_id)
        if known is not None:
            return known
        if depth > MAX_DEPTH:
            raise DecodeError(f"types are nested deeper than {MAX_DEPTH}")
        # The place is taken first: through a kptr a type may be part of itself.
        self._types.append(VOID)
        new = self._ids[type_id] = len(self._types)
        self._types[new - 1] = self._copy(self._btf.type(type_id), depth + 1)
        return new

    def _copy(self, found: Type, depth: int) -> Type:
        match found:
            case Int() | Float() | Enum() | Enum64() | Fwd():
                return found
            case Ptr(type_id=inner):
                tagged = isinstance(self._btf.type(inner), TypeTag)
                return Ptr(self.copied(inner, depth) if tagged else 0)
            case Array():
                index = self.copied(found.index_id, depth)
                return Array(self.copied(found.type_id, depth), index, found.count)
            case Struct() | Union():
                members = [replace(m, type_id=self.copied(m.type_id, depth)) for m in found.members]
                return replace(found, members=tuple(members))
            case Typedef() | Const() | Volatile() | Restrict() | TypeTag():
                return replace(found, type_id=self.copied(found.type_id, depth))
            case _:
                raise DecodeError(f"{found.kind} {found.name} has no value")
