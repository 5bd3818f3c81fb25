"""Where things lie in memory: size, alignment and the offset of a member by its path.

Sizes and alignments are in bytes, offsets and widths of members in bits. BTF keeps no alignment, so
it is what the C rules give for the members.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..errors import FormatError
from .types import (
    MAX_DEPTH,
    Array,
    Btf,
    Const,
    Datasec,
    Enum,
    Enum64,
    Float,
    Int,
    Member,
    Ptr,
    Restrict,
    Struct,
    Typedef,
    TypeTag,
    Union,
    Var,
    Volatile,
)

POINTER_BYTES = 8
"""BPF programs and every kernel that runs them in full have 64-bit pointers."""


def size_of(btf: Btf, type_id: int) -> int:
    """Return the size of a type in bytes.

    Raises FormatError when it has none (void, function, forward).
    """
    factor = 1
    for _ in range(MAX_DEPTH):
        match btf.type(type_id):
            case Int(size=size) | Float(size=size) | Enum(size=size) | Enum64(size=size):
                return factor * size
            case Struct(size=size) | Union(size=size) | Datasec(size=size):
                return factor * size
            case Ptr():
                return factor * POINTER_BYTES
            case Array(count=count, type_id=inner):
                factor *= count
                type_id = inner
            case (
                Typedef(type_id=inner)
                | Const(type_id=inner)
                | Volatile(type_id=inner)
                | Restrict(type_id=inner)
                | TypeTag(type_id=inner)
                | Var(type_id=inner)
            ):
                type_id = inner
            case other:
                raise FormatError(f"{other.kind} {other.name} (BTF type {type_id}) has no size")
    raise FormatError(f"BTF type {type_id} is nested deeper than {MAX_DEPTH}")


def align_of(btf: Btf, type_id: int, depth: int = 0) -> int:
    """Return the natural alignment of a type in bytes, 1 for a packed record."""
    if depth > MAX_DEPTH:
        raise FormatError(f"BTF type {type_id} is nested deeper than {MAX_DEPTH}")
    _, found = btf.resolve(type_id)
    match found:
        case Int(size=size) | Float(size=size) | Enum(size=size) | Enum64(size=size):
            return min(size, 16)
        case Ptr():
            return POINTER_BYTES
        case Array(type_id=inner) | Var(type_id=inner):
            return align_of(btf, inner, depth + 1)
        case Struct() | Union():
            return 1 if is_packed(btf, found, depth) else natural_align(btf, found, depth)
        case _:
            raise FormatError(f"{found.kind} {found.name} (BTF type {type_id}) has no alignment")


def natural_align(btf: Btf, record: Struct | Union, depth: int = 0) -> int:
    """Return the largest alignment of the members of ``record``, 1 when it has none."""
    return max((align_of(btf, m.type_id, depth + 1) for m in record.members), default=1)


def is_packed(btf: Btf, record: Struct | Union, depth: int = 0) -> bool:
    """Tell whether a member or the size breaks the natural alignment."""
    largest = 1
    for member in record.members:
        align = align_of(btf, member.type_id, depth + 1)
        largest = max(largest, align)
        offset, bits = member_bits(btf, member)
        if not bits and offset % (8 * align):
            return True
    return record.size % largest != 0


def member_bits(btf: Btf, member: Member) -> tuple[int, int]:
    """Return the bit offset of a member and its width, 0 when it is no bit-field.

    Old BTF keeps the width of a bit-field in an integer type of its own.
    """
    if member.bits:
        return member.bit_offset, member.bits
    _, found = btf.resolve(member.type_id)
    if isinstance(found, Int) and (found.offset or found.bits != 8 * found.size):
        return member.bit_offset + found.offset, found.bits
    return member.bit_offset, 0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a member lies: bits from the start of the outer record; ``bits`` if a bit-field."""

    bit_offset: int
    type_id: int
    bits: int = 0

    @property
    def offset(self) -> int:
        """Offset in bytes of the byte that holds the first bit."""
        return self.bit_offset // 8


def find_member(btf: Btf, type_id: int, path: str) -> Place | None:
    """Find a member such as ``se.run_node`` or ``comm[2]``, through anonymous members too.

    Returns None when there is no such member.
    """
    place: Place | None = Place(0, type_id)
    for step in path.replace("[", ".[").split("."):
        if place is None:
            return None
        if step.startswith("["):
            place = _element(btf, place, int(step[1:].rstrip("]")))
        else:
            place = _named(btf, place, step)
    return place


def _element(btf: Btf, place: Place, index: int) -> Place | None:
    _, found = btf.resolve(place.type_id)
    if not isinstance(found, Array) or not 0 <= index < found.count:
        return None
    step = 8 * size_of(btf, found.type_id)
    return Place(place.bit_offset + index * step, found.type_id)


def _named(btf: Btf, place: Place, name: str) -> Place | None:
    _, found = btf.resolve(place.type_id)
    if not isinstance(found, Struct | Union):
        return None
    for member, base in flat_members(btf, found, place.bit_offset):
        if member.name == name:
            offset, bits = member_bits(btf, member)
            return Place(base + offset, member.type_id, bits)
    return None


def flat_members(
    btf: Btf, record: Struct | Union, base: int = 0, depth: int = 0
) -> Iterator[tuple[Member, int]]:
    """Give every named member with the bit offset of its own record; anonymous ones are entered."""
    if depth > MAX_DEPTH:
        raise FormatError(f"anonymous members are nested deeper than {MAX_DEPTH}")
    for member in record.members:
        if member.name:
            yield member, base
            continue
        _, inner = btf.resolve(member.type_id)
        if isinstance(inner, Struct | Union):
            yield from flat_members(btf, inner, base + member.bit_offset, depth + 1)
