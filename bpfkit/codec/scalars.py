"""Plans for single values: integers of any width, bool, floating point numbers, bit-fields, named
constants, and what only the kernel may write.
"""

from __future__ import annotations

import operator
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ..btf.types import ByteOrder
from ..errors import DecodeError, EncodeError
from .plans import Data, Plan, Value

CODES: dict[int, str] = {1: "b", 2: "h", 4: "i", 8: "q"}
"""Codes of signed integers for the struct module, by size; upper case is unsigned."""
FLOAT_CODES: dict[int, str] = {2: "e", 4: "f", 8: "d"}
MARKS: dict[ByteOrder, str] = {"little": "<", "big": ">"}


def integer_range(bits: int, *, signed: bool) -> tuple[int, int]:
    """Return the least and the greatest value of an integer."""
    low = -(1 << (bits - 1)) if signed else 0
    return low, low + (1 << bits) - 1


def _accepts(bits: int, low: int, high: int) -> str:
    return f"{'signed' if low else 'unsigned'} integer of {bits} bits, {low} to {high}"


@dataclass(frozen=True, slots=True)
class Number:
    """An integer of 1, 2, 4 or 8 bytes; ``code`` is its letter in the struct module."""

    code: str
    order: ByteOrder
    packer: struct.Struct = field(init=False, repr=False)
    exact: bool = field(default=True, init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "packer", struct.Struct(MARKS[self.order] + self.code))

    @property
    def size(self) -> int:
        """Bytes that the integer takes."""
        return self.packer.size

    def read(self, data: Data, at: int) -> Value:
        """Return an int."""
        value: int = self.packer.unpack_from(data, at)[0]
        return value

    def write(self, data: bytearray, at: int, value: Value, name: str) -> None:
        """Take an int, or what ``__index__`` makes one."""
        try:
            self.packer.pack_into(data, at, value)
        except (struct.error, OverflowError, TypeError, ValueError) as error:
            bits = 8 * self.packer.size
            accepts = _accepts(bits, *integer_range(bits, signed=self.code.islower()))
            raise EncodeError(value, accepts, name) from error


@dataclass(frozen=True, slots=True)
class Wide:
    """An integer or bit-field: ``bits`` bits, ``shift`` above the lowest of ``size`` bytes."""

    size: int
    bits: int
    shift: int
    signed: bool
    order: ByteOrder

    def __post_init__(self) -> None:
        if self.bits < 1 or self.shift < 0 or self.shift + self.bits > 8 * self.size:
            raise DecodeError(f"{self.bits} bits at bit {self.shift} of {self.size} bytes")

    @property
    def exact(self) -> bool:
        """Whether every bit belongs to the value."""
        return self.bits == 8 * self.size

    def read(self, data: Data, at: int) -> Value:
        """Return an int."""
        whole = int.from_bytes(data[at : at + self.size], self.order) >> self.shift
        value = whole & ((1 << self.bits) - 1)
        return value - (1 << self.bits) if self.signed and value >> (self.bits - 1) else value

    def write(self, data: bytearray, at: int, value: Value, name: str) -> None:
        """Take an int; the bits around a bit-field stay as they are."""
        low, high = integer_range(self.bits, signed=self.signed)
        try:
            number = operator.index(value)  # type: ignore[arg-type]
        except (TypeError, ValueError) as error:
            raise EncodeError(value, _accepts(self.bits, low, high), name) from error
        if not low <= number <= high:
            raise EncodeError(value, _accepts(self.bits, low, high), name)
        mask = ((1 << self.bits) - 1) << self.shift
        whole = int.from_bytes(data[at : at + self.size], self.order) & ~mask
        whole |= (number << self.shift) & mask
        data[at : at + self.size] = whole.to_bytes(self.size, self.order)


@dataclass(frozen=True, slots=True)
class Bool:
    """A ``_Bool``, in an integer of any width: what is not 0 is true."""

    number: Number | Wide
    exact: bool = field(default=False, init=False)

    @property
    def size(self) -> int:
        """Bytes that the integer takes."""
        return self.number.size

    def read(self, data: Data, at: int) -> Value:
        """Return a bool."""
        return bool(self.number.read(data, at))

    def write(self, data: bytearray, at: int, value: Value, name: str) -> None:
        """Take a bool, or 0 or 1."""
        if not isinstance(value, int) or value not in (0, 1):
            raise EncodeError(value, "_Bool, False or True", name)
        self.number.write(data, at, int(value), name)


@dataclass(frozen=True, slots=True)
class Real:
    """A floating point number of 2, 4 or 8 bytes. Not exact: a NaN may come back as another."""

    code: str
    order: ByteOrder
    packer: struct.Struct = field(init=False, repr=False)
    exact: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "packer", struct.Struct(MARKS[self.order] + self.code))

    @property
    def size(self) -> int:
        """Bytes that the number takes."""
        return self.packer.size

    def read(self, data: Data, at: int) -> Value:
        """Return a float."""
        value: float = self.packer.unpack_from(data, at)[0]
        return value

    def write(self, data: bytearray, at: int, value: Value, name: str) -> None:
        """Take a float, or what ``__float__`` makes one; it is rounded."""
        try:
            self.packer.pack_into(data, at, value)
        except (struct.error, OverflowError, TypeError, ValueError) as error:
            accepts = f"floating point number of {8 * self.packer.size} bits"
            raise EncodeError(value, accepts, name) from error


@dataclass(frozen=True, slots=True)
class Named:
    """An integer whose known values are constants of a Python enumeration; others stay int."""

    number: Number | Wide
    members: Mapping[int, int]
    values: Mapping[str, int]
    other: Callable[[int], int]
    """What to make of an int that is none of them."""

    @property
    def size(self) -> int:
        """Bytes that the integer takes."""
        return self.number.size

    @property
    def exact(self) -> bool:
        """Whether every bit belongs to the value."""
        return self.number.exact

    def read(self, data: Data, at: int) -> Value:
        """Return the constant, or an int when none has the value."""
        value = self.number.read(data, at)
        assert isinstance(value, int)
        found = self.members.get(value)
        return self.other(value) if found is None else found

    def write(self, data: bytearray, at: int, value: Value, name: str) -> None:
        """Take an int, a constant, or the name of one."""
        if isinstance(value, str):
            known = self.values.get(value)
            if known is None:
                raise EncodeError(value, f"one of {', '.join(self.values)}", name)
            value = known
        self.number.write(data, at, value, name)


@dataclass(frozen=True, slots=True)
class Hidden:
    """What only the kernel may write: it shows zeros and ignores what is written.

    Locks, timers, lists and trees, reference counts and kptrs inside values are None in Python.
    """

    what: str
    size: int
    exact: bool = field(default=False, init=False)

    def read(self, data: Data, at: int) -> Value:
        """Return None."""
        return None

    def write(self, data: bytearray, at: int, value: Value, name: str) -> None:
        """Take None; the bytes stay zero."""
        if value is not None:
            raise EncodeError(value, f"None, since {self.what} belongs to the kernel", name)


def integer(size: int, *, signed: bool, order: ByteOrder) -> Number | Wide:
    """Make the plan of an integer that uses all of its bytes."""
    code = CODES.get(size)
    if code is None:
        return Wide(size, 8 * size, 0, signed, order)
    return Number(code if signed else code.upper(), order)


def real(size: int, order: ByteOrder) -> Plan | None:
    """Make the plan of a floating point number, None when Python has none of this size."""
    code = FLOAT_CODES.get(size)
    return Real(code, order) if code else None
