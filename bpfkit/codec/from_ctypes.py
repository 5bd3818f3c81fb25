"""Layouts of ctypes classes: what ctypes itself says about sizes, offsets and bit-fields.

Structures and unions come back as instances of their class; simple types and arrays as plain
values. Types whose values Python follows as pointers on its own are refused: bytes of a map could
then crash the process.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..btf.types import ByteOrder, Member, Struct, Union
from ..errors import DecodeError
from .arrays import Chars, Items, Numbers
from .ctype import SCALARS
from .members import Field, Members, record_members
from .plans import Data, Plan, Value
from .scalars import Bool, Number, Real, Wide, integer, real
from .typelist import TypeList, is_c_name

_SIMPLE = ctypes.c_int.__mro__[1]
_POINTER = ctypes.POINTER(ctypes.c_int).__mro__[1]
_FUNCTION = ctypes.CFUNCTYPE(None).__mro__[1]
_RECORDS = (ctypes.Structure, ctypes.Union)
_SIGNED, _UNSIGNED, _REAL = frozenset("bhilq"), frozenset("BHILQu"), frozenset("fd")
_MAX_DEPTH = 32
_HERE: ByteOrder = "little" if sys.byteorder == "little" else "big"
_THERE: ByteOrder = "big" if sys.byteorder == "little" else "little"

Made = tuple[Plan, int, int]
"""Plan, alignment in bytes and id of a type."""


def is_ctypes(found: type) -> bool:
    """Tell whether a class is one of ctypes'."""
    return issubclass(found, (*_RECORDS, _SIMPLE, ctypes.Array, _POINTER, _FUNCTION))


def ctypes_layout(found: type[Any], types: TypeList, name: str, depth: int = 0) -> Made:
    """Lay out a ctypes class. Raises DecodeError for what cannot be read safely."""
    if depth > _MAX_DEPTH:
        raise DecodeError(f"classes are nested deeper than {_MAX_DEPTH}", name)
    if issubclass(found, _RECORDS):
        return _record(found, types, name, depth)
    if issubclass(found, ctypes.Array):
        return _array(found, types, name, depth)
    if issubclass(found, (_POINTER, _FUNCTION)):
        return integer(8, signed=False, order=_HERE), 8, types.scalar(SCALARS["ptr"])
    return _simple(found, types, name)


@dataclass(frozen=True, slots=True)
class Instance:
    """A structure or union of ctypes, whose values are instances of its class."""

    python: type[Any]
    members: Members

    @property
    def size(self) -> int:
        """Bytes that the class takes."""
        return self.members.size

    @property
    def exact(self) -> bool:
        """All bytes are copied."""
        return True

    def read(self, data: Data, at: int) -> Value:
        """Return an instance that owns a copy of the bytes."""
        made: Value = self.python.from_buffer_copy(data, at)
        return made

    def write(self, data: bytearray, at: int, value: Value, name: str) -> None:
        """Take an instance, or what any record takes."""
        if isinstance(value, self.python):
            value = bytes(value)
        self.members.write(data, at, value, name)


def _simple(found: type[Any], types: TypeList, name: str) -> Made:
    code, size = found._type_, ctypes.sizeof(found)
    align = ctypes.alignment(found)
    swapped = getattr(found, f"__ctype_{'be' if _HERE == 'little' else 'le'}__", None) is found
    order = _THERE if swapped else _HERE
    if code in _SIGNED or code in _UNSIGNED:
        signed = code in _SIGNED
        return integer(size, signed=signed, order=order), align, types.integer(size, signed=signed)
    if code == "?":
        return Bool(Number("B", order)), align, types.scalar(SCALARS["bool"])
    if code in _REAL:
        plan = real(size, order)
        assert plan is not None
        return plan, align, types.scalar(SCALARS["f32" if size == 4 else "f64"])
    if code == "c":
        return Chars(1), 1, types.char()
    if code == "P":
        return integer(8, signed=False, order=_HERE), 8, types.scalar(SCALARS["ptr"])
    if code == "g":  # long double, which Python has no number for
        return Chars(size), align, types.array(types.integer(8, signed=False), size // 8)
    raise DecodeError(f"{found.__name__} is followed by Python as a pointer; use c_void_p", name)


def _array(found: type[Any], types: TypeList, name: str, depth: int) -> Made:
    count, element = found._length_, found._type_
    item, align, type_id = ctypes_layout(element, types, f"{name}[0]", depth + 1)
    array_id = types.array(type_id, count)
    if element is ctypes.c_char:
        return Chars(count), align, array_id
    if isinstance(item, Number | Real):
        return Numbers(item, count), align, array_id
    return Items(item, count), align, array_id


def _record(found: type[Any], types: TypeList, name: str, depth: int) -> Made:
    size = ctypes.sizeof(found)
    if not size:
        raise DecodeError(f"{found.__name__} has no fields", name)
    fields: list[Field] = []
    members: list[Member] = []
    for entry in _entries(found):
        path = f"{name}.{entry.name}" if name else entry.name
        plan, _, type_id = ctypes_layout(entry.type, types, path, depth + 1)
        first = 8 * entry.offset
        if entry.bits:
            whole, shift = plan.size, entry.shift
            first += shift if entry.order == "little" else 8 * whole - shift - entry.bits
            number = Wide(whole, entry.bits, shift, _is_signed(plan), entry.order)
            plan = Bool(number) if isinstance(plan, Bool) else number
        if entry.anonymous and isinstance(plan, Instance):
            fields += [Field(f.name, entry.offset + f.offset, f.plan) for f in plan.members.fields]
        else:
            fields.append(Field(entry.name, entry.offset, plan))
        shown = "" if entry.anonymous or not is_c_name(entry.name) else entry.name
        members.append(Member(shown, type_id, first, entry.bits))
    kind = Union if issubclass(found, ctypes.Union) else Struct
    c_name = found.__name__ if is_c_name(found.__name__) else ""
    type_id = types.add(kind(c_name, size, tuple(members)))
    inner = record_members(found.__name__, c_name, size, fields, _HERE)
    return Instance(found, inner), ctypes.alignment(found), type_id


@dataclass(frozen=True, slots=True)
class _Entry:
    """A field of a ctypes class; ``bits`` at ``shift`` of its integer when it is a bit-field."""

    name: str
    type: type[Any]
    offset: int
    bits: int
    shift: int
    anonymous: bool
    order: ByteOrder


def _entries(found: type[Any]) -> Iterator[_Entry]:
    """Give the fields of a class, those of its bases first."""
    for owner in reversed(found.__mro__):
        anonymous = vars(owner).get("_anonymous_", ())
        for name, kind, *bits in vars(owner).get("_fields_", ()):
            place = vars(owner)[name]
            # Of a bit-field ctypes gives the width above the place of the lowest bit.
            shift = place.size & 0xFFFF if bits else 0
            width = place.size >> 16 if bits else 0
            swapped = issubclass(found, _swapped_bases())
            order = _THERE if swapped else _HERE
            yield _Entry(name, kind, place.offset, width, shift, name in anonymous, order)


def _swapped_bases() -> tuple[type[Any], ...]:
    if _HERE == "little":
        return (ctypes.BigEndianStructure, ctypes.BigEndianUnion)
    return (ctypes.LittleEndianStructure, ctypes.LittleEndianUnion)


def _is_signed(plan: Plan) -> bool:
    return isinstance(plan, Number) and plan.code.islower()
