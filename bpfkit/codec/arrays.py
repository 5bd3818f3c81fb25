"""Plans for arrays: text, numbers read by one call, anything else, and flexible tails."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..errors import EncodeError
from .plans import Data, Plan, Value
from .scalars import MARKS, Number, Real


def text(data: bytes | bytearray | memoryview) -> str:
    """Return what C takes a char array for: the text before the first NUL.

    Bytes that are not UTF-8 become surrogates, as Python's own file names have them; encoding the
    text again gives the same bytes.
    """
    return bytes(data).partition(b"\0")[0].decode("utf-8", "surrogateescape")


def as_bytes(value: Value) -> bytes | None:
    """Return the bytes of text or of any buffer, None when it is neither."""
    if isinstance(value, str):
        try:
            return value.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            return None
    if isinstance(value, bytes):
        return value
    try:
        return bytes(memoryview(value))  # type: ignore[arg-type]
    except (TypeError, ValueError, BufferError):
        return None


@dataclass(frozen=True, slots=True)
class Chars:
    """An array of char, or bytes that have no other meaning."""

    size: int
    exact: bool = field(default=True, init=False)

    def read(self, data: Data, at: int) -> Value:
        """Return all bytes, NULs included."""
        return bytes(data[at : at + self.size])

    def write(self, data: bytearray, at: int, value: Value, name: str) -> None:
        """Take bytes or text that are not longer; NULs follow."""
        found = as_bytes(value)
        if found is None or len(found) > self.size:
            hint = f"it has {len(found)} bytes" if found is not None else ""
            raise EncodeError(value, f"bytes or text of up to {self.size} bytes", name, hint)
        data[at : at + self.size] = found.ljust(self.size, b"\0")


@dataclass(frozen=True, slots=True)
class Text:
    """An array of char as str, up to the first NUL."""

    size: int
    exact: bool = field(default=False, init=False)

    def read(self, data: Data, at: int) -> Value:
        """Return the text before the first NUL."""
        return text(data[at : at + self.size])

    def write(self, data: bytearray, at: int, value: Value, name: str) -> None:
        """Take bytes or text that are not longer; NULs follow."""
        Chars(self.size).write(data, at, value, name)


@dataclass(frozen=True, slots=True)
class Numbers:
    """An array of numbers that the struct module knows."""

    item: Number | Real
    count: int
    packer: struct.Struct = field(init=False, repr=False)

    def __post_init__(self) -> None:
        layout = f"{MARKS[self.item.order]}{self.count}{self.item.code}"
        object.__setattr__(self, "packer", struct.Struct(layout))

    @property
    def size(self) -> int:
        """Bytes of all elements."""
        return self.packer.size

    @property
    def exact(self) -> bool:
        """Whether the elements are."""
        return self.item.exact

    def read(self, data: Data, at: int) -> Value:
        """Return a tuple."""
        return self.packer.unpack_from(data, at)

    def write(self, data: bytearray, at: int, value: Value, name: str) -> None:
        """Take a sequence that is not longer; the rest is zero."""
        if isinstance(value, list | tuple | bytes) and len(value) == self.count:
            try:
                self.packer.pack_into(data, at, *value)
            except (struct.error, OverflowError, TypeError, ValueError):
                pass  # element by element below, to say which one it is
            else:
                return
        _write_items(self.item, self.count, data, at, value, name)


@dataclass(frozen=True, slots=True)
class Items:
    """An array of anything else."""

    item: Plan
    count: int

    @property
    def size(self) -> int:
        """Bytes of all elements."""
        return self.count * self.item.size

    @property
    def exact(self) -> bool:
        """Whether the elements are."""
        return self.item.exact

    def read(self, data: Data, at: int) -> Value:
        """Return a tuple."""
        read, size = self.item.read, self.item.size
        return tuple([read(data, at + i * size) for i in range(self.count)])

    def write(self, data: bytearray, at: int, value: Value, name: str) -> None:
        """Take a sequence that is not longer; the rest is zero."""
        _write_items(self.item, self.count, data, at, value, name)


@dataclass(frozen=True, slots=True)
class Listed:
    """An array that a class wants as a list instead of a tuple."""

    items: Plan

    @property
    def size(self) -> int:
        """Bytes of all elements."""
        return self.items.size

    @property
    def exact(self) -> bool:
        """Whether the elements are."""
        return self.items.exact

    def read(self, data: Data, at: int) -> Value:
        """Return a list."""
        return list(self.items.read(data, at))  # type: ignore[call-overload]

    def write(self, data: bytearray, at: int, value: Value, name: str) -> None:
        """Take a sequence that is not longer; the rest is zero."""
        self.items.write(data, at, value, name)


@dataclass(frozen=True, slots=True)
class Tail:
    """A flexible array at the end of a record: as many elements as there is data for."""

    item: Plan | None
    """None for char."""
    room: int
    """Bytes of the record's own size that lie where the array begins."""
    size: int = field(default=0, init=False)
    exact: bool = field(default=True, init=False)

    def read(self, data: Data, at: int) -> Value:
        """Return bytes or a tuple of all whole elements that follow."""
        if self.item is None:
            return bytes(data[at:])
        count = (len(data) - at) // self.item.size if self.item.size else 0
        return Items(self.item, max(count, 0)).read(data, at)

    def write(self, data: bytearray, at: int, value: Value, name: str) -> None:
        """Take what has room in the type's own size: a codec writes no more bytes than that."""
        if self.item is None:
            Chars(self.room).write(data, at, value, name)
        else:
            room = self.room // self.item.size if self.item.size else 0
            _write_items(self.item, room, data, at, value, name)


def _write_items(item: Plan, count: int, data: bytearray, at: int, value: Value, name: str) -> None:
    wrong = isinstance(value, str) or not isinstance(value, Sequence | memoryview)
    if wrong or len(value) > count:  # type: ignore[arg-type]
        hint = "" if wrong else f"it has {len(value)}"  # type: ignore[arg-type]
        raise EncodeError(value, f"a sequence of up to {count} elements", name, hint)
    size = item.size
    for i, element in enumerate(value):  # type: ignore[arg-type, var-annotated]
        item.write(data, at + i * size, element, f"{name}[{i}]")
