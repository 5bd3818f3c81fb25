"""Bytes of a C type as Python values, and back, by a plan made once from BTF.

    codec = codec_of(btf, type_id)
    record = codec.decode(data)       # record.pid, record["comm"]
    data = codec.encode({"pid": 1})   # what is left out is zero

Integers, enumerations and pointers become int, bool bool, floating point numbers float, arrays of
char bytes, other arrays tuples, records `Record`. Members of anonymous records belong to the outer
one. The members of a union all read the same bytes. Values that do not fit raise DecodeError with
the field's name.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from ..btf.layout import member_bits, size_of
from ..btf.types import Array, Btf, ByteOrder, Enum, Enum64, Float, Int, Ptr, Struct, Union
from ..errors import DecodeError

T = TypeVar("T")
Value = object
_FORMATS = {1: "b", 2: "h", 4: "i", 8: "q"}
_MAX_DEPTH = 32


class Record:
    """A decoded structure or union: members as attributes and as items."""

    def __init__(self, names: Sequence[str], values: Sequence[Value]) -> None:
        self.__dict__.update(zip(names, values, strict=True))

    def __getitem__(self, name: str) -> Value:
        return self.__dict__[name]

    def __getattr__(self, name: str) -> Value:
        raise AttributeError(f"the record has no member '{name}'")

    def __iter__(self) -> Iterator[str]:
        return iter(self.__dict__)

    def __len__(self) -> int:
        return len(self.__dict__)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Record):
            return self.__dict__ == other.__dict__
        return self.__dict__ == other if isinstance(other, Mapping) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        members = ", ".join(f"{name}={value!r}" for name, value in self.__dict__.items())
        return f"Record({members})"


class _Plan(Protocol):
    """How one type is read and written at an offset; the buffer is long enough."""

    def read(self, data: memoryview, at: int) -> Value: ...

    def write(self, data: bytearray, at: int, value: Value, name: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Codec(Generic[T]):
    """Reads and writes one C type of ``size`` bytes."""

    size: int
    _plan: _Plan

    def decode(self, data: bytes | bytearray | memoryview, offset: int = 0) -> T:
        """Read one value at ``offset``; bytes behind it are ignored.

        Raises DecodeError when short.
        """
        view = memoryview(data).cast("B")
        if offset < 0 or offset + self.size > len(view):
            raise DecodeError(f"{len(view) - offset} bytes where the type has {self.size}")
        return self._plan.read(view, offset)  # type: ignore[return-value]

    def encode(self, value: T | Mapping[str, Value] | Sequence[Value]) -> bytes:
        """Return exactly ``size`` bytes. Raises DecodeError when the value does not fit."""
        data = bytearray(self.size)
        self._plan.write(data, 0, value, "")
        return bytes(data)


def codec_of(btf: Btf, type_id: int) -> Codec[Value]:
    """Make the codec of a type. Raises FormatError when it has no size."""
    size = size_of(btf, type_id)
    return Codec(size, _Planner(btf).plan(type_id, 0))


@dataclass(frozen=True, slots=True)
class _Scalar:
    """A number the struct module knows."""

    packer: struct.Struct
    convert: Callable[[int | float], Value]

    def read(self, data: memoryview, at: int) -> Value:
        return self.convert(self.packer.unpack_from(data, at)[0])

    def write(self, data: bytearray, at: int, value: Value, name: str) -> None:
        try:
            self.packer.pack_into(data, at, value)
        except struct.error:
            size = self.packer.size
            raise DecodeError(f"{value!r} does not fit {size} bytes", name) from None


@dataclass(frozen=True, slots=True)
class _Wide:
    """An integer of any width: ``bits`` bits, ``shift`` above the lowest of ``size`` bytes."""

    size: int
    bits: int
    shift: int
    signed: bool
    order: ByteOrder

    def read(self, data: memoryview, at: int) -> Value:
        whole = int.from_bytes(data[at : at + self.size], self.order) >> self.shift
        value = whole & ((1 << self.bits) - 1)
        return value - (1 << self.bits) if self.signed and value >> (self.bits - 1) else value

    def write(self, data: bytearray, at: int, value: Value, name: str) -> None:
        low = -(1 << (self.bits - 1)) if self.signed else 0
        if not isinstance(value, int) or not low <= value < low + (1 << self.bits):
            raise DecodeError(f"{value!r} does not fit {self.bits} bits", name)
        mask = ((1 << self.bits) - 1) << self.shift
        whole = int.from_bytes(data[at : at + self.size], self.order) & ~mask
        whole |= (value << self.shift) & mask
        data[at : at + self.size] = whole.to_bytes(self.size, self.order)


@dataclass(frozen=True, slots=True)
class _Chars:
    """An array of char."""

    count: int

    def read(self, data: memoryview, at: int) -> Value:
        return bytes(data[at : at + self.count])

    def write(self, data: bytearray, at: int, value: Value, name: str) -> None:
        if isinstance(value, str):
            value = value.encode()
        if not isinstance(value, bytes | bytearray | memoryview) or len(value) > self.count:
            raise DecodeError(f"{value!r} does not fit {self.count} bytes", name)
        data[at : at + len(value)] = value


@dataclass(frozen=True, slots=True)
class _Items:
    """An array of anything else."""

    item: _Plan
    size: int
    count: int

    def read(self, data: memoryview, at: int) -> Value:
        read, size = self.item.read, self.size
        return tuple(read(data, at + i * size) for i in range(self.count))

    def write(self, data: bytearray, at: int, value: Value, name: str) -> None:
        if not isinstance(value, Sequence) or len(value) > self.count:
            raise DecodeError(f"needs a sequence of up to {self.count} elements", name)
        for i, item in enumerate(value):
            self.item.write(data, at + i * self.size, item, f"{name}[{i}]")


@dataclass(frozen=True, slots=True)
class _Field:
    """A member: its plan at ``offset`` bytes.

    An anonymous record's fields are listed like the others.
    """

    name: str
    offset: int
    plan: _Plan


@dataclass(frozen=True, slots=True)
class _Members:
    """A structure or union."""

    names: tuple[str, ...]
    fields: tuple[_Field, ...]

    def read(self, data: memoryview, at: int) -> Value:
        return Record(self.names, [f.plan.read(data, at + f.offset) for f in self.fields])

    def write(self, data: bytearray, at: int, value: Value, name: str) -> None:
        given = self._given(value, name)
        for f in self.fields:
            if f.name in given:
                path = f"{name}.{f.name}" if name else f.name
                f.plan.write(data, at + f.offset, given[f.name], path)

    def _given(self, value: Value, name: str) -> Mapping[str, Value]:
        if isinstance(value, Record):
            return value.__dict__
        if isinstance(value, Mapping):
            unknown = next((key for key in value if key not in self.names), None)
            if unknown is not None:
                raise DecodeError(f"the record has no member '{unknown}'", name)
            return value
        if isinstance(value, Sequence) and not isinstance(value, str | bytes):
            if len(value) > len(self.names):
                raise DecodeError(f"{len(value)} values for {len(self.names)} members", name)
            return dict(zip(self.names, value, strict=False))
        raise DecodeError(f"a record cannot be made from {value!r}", name)


@dataclass(frozen=True, slots=True)
class _Flat:
    """A structure of plain numbers and strings: read by one call."""

    names: tuple[str, ...]
    packer: struct.Struct
    members: _Members

    def read(self, data: memoryview, at: int) -> Value:
        return Record(self.names, self.packer.unpack_from(data, at))

    def write(self, data: bytearray, at: int, value: Value, name: str) -> None:
        self.members.write(data, at, value, name)


class _Planner:
    """Makes plans for the types of one BTF."""

    def __init__(self, btf: Btf) -> None:
        self._btf = btf
        self._mark = "<" if btf.byteorder == "little" else ">"

    def plan(self, type_id: int, depth: int) -> _Plan:
        """Make the plan of one type."""
        if depth > _MAX_DEPTH:
            raise DecodeError(f"types are nested deeper than {_MAX_DEPTH}")
        _, found = self._btf.resolve(type_id)
        match found:
            case Int():
                return self._int(found)
            case Enum(size=size, signed=signed) | Enum64(size=size, signed=signed):
                return self._number(_FORMATS[size], signed)
            case Ptr():
                return self._number("q", signed=False)
            case Float(size=size):
                code = {2: "e", 4: "f", 8: "d"}.get(size)
                if code is None:
                    return _Chars(size)
                return _Scalar(struct.Struct(self._mark + code), float)
            case Array():
                return self._array(found, depth)
            case Struct() | Union():
                return self._record(found, depth)
            case _:
                raise DecodeError(f"{found.kind} {found.name} has no value")

    def _number(self, code: str, signed: bool) -> _Plan:
        return _Scalar(struct.Struct(self._mark + (code if signed else code.upper())), int)

    def _int(self, found: Int) -> _Plan:
        if found.size not in _FORMATS or found.bits != 8 * found.size:
            order = self._btf.byteorder
            shift = found.offset if order == "little" else 8 * found.size - found.bits
            return _Wide(found.size, found.bits, shift, found.signed, order)
        if found.bool_:
            return _Scalar(struct.Struct(self._mark + _FORMATS[found.size].upper()), bool)
        return self._number(_FORMATS[found.size], found.signed)

    def _array(self, found: Array, depth: int) -> _Plan:
        _, item = self._btf.resolve(found.type_id)
        if isinstance(item, Int) and is_char(item):
            return _Chars(found.count)
        return _Items(
            self.plan(found.type_id, depth + 1), size_of(self._btf, found.type_id), found.count
        )

    def _record(self, found: Struct | Union, depth: int) -> _Plan:
        fields = tuple(self._fields(found, 0, depth))
        names = tuple(f.name for f in fields)
        members = _Members(names, fields)
        layout = self._flat_layout(fields)
        if layout is None or isinstance(found, Union):
            return members
        return _Flat(names, struct.Struct(layout), members)

    def _fields(self, record: Struct | Union, base: int, depth: int) -> Iterator[_Field]:
        """Give the members; ``base`` is the offset of an anonymous record in bytes."""
        for member in record.members:
            offset, bits = member_bits(self._btf, member)
            inner = self._btf.resolve(member.type_id)[1]
            if not member.name:
                if isinstance(inner, Struct | Union) and depth <= _MAX_DEPTH:
                    yield from self._fields(inner, base + offset // 8, depth + 1)
            elif bits:
                signed = isinstance(inner, Int | Enum | Enum64) and inner.signed
                first, size = offset // 8, (offset % 8 + bits + 7) // 8
                shift = offset % 8
                if self._btf.byteorder == "big":
                    shift = 8 * size - shift - bits
                plan = _Wide(size, bits, shift, signed, self._btf.byteorder)
                yield _Field(member.name, base + first, plan)
            else:
                yield _Field(member.name, base + offset // 8, self.plan(member.type_id, depth + 1))

    def _flat_layout(self, fields: Sequence[_Field]) -> str | None:
        """Return a struct format for the members, None when it cannot say what they are."""
        layout, at = self._mark, 0
        for f in fields:
            gap = f.offset - at
            if gap < 0:
                return None
            layout += f"{gap}x" if gap else ""
            match f.plan:
                case _Scalar(packer=packer, convert=convert) if convert is not bool:
                    layout += packer.format[1:]
                    at = f.offset + packer.size
                case _Chars(count=count):
                    layout += f"{count}s"
                    at = f.offset + count
                case _:
                    return None
        return layout


def is_char(found: Int) -> bool:
    """Tell whether an integer is C's ``char``, whose arrays are text."""
    if found.name == "char":
        return True
    return found.char and found.size == 1 and "signed" not in found.name
