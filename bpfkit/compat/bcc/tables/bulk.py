"""Rows of bytes to ctypes objects and back, many at a time.

`unpack` makes all keys or leaves of a row with one call into C. Structures and arrays made this way
lie beside each other in one buffer that they share; each has its own part of it, so writing to one
never changes another. `pack` takes what scripts have: ctypes arrays, lists, views of dictionaries.
"""

from __future__ import annotations

import array
import ctypes
import gc
from collections.abc import Iterable
from typing import Any

from ....errors import SyscallError
from ....maps.base import Map
from ....maps.batch import NO_BATCHES

# ctypes classes are made at run time, one for each C declaration: no narrower type can be written
# down.
CData = Any
CLASSES = (ctypes._SimpleCData, ctypes.Structure, ctypes.Union, ctypes.Array, ctypes._Pointer)

_NUMBERS = "bBhHiIlLqQfd"


class CollectionPaused:
    """Keeps the garbage collector from looking at objects that are only being made.

    Every one of them survives, and looking at them over and over takes as long as making them.
    """

    __slots__ = ("_enabled",)

    def __enter__(self) -> None:
        self._enabled = gc.isenabled()
        gc.disable()

    def __exit__(self, *_: object) -> None:
        if self._enabled:
            gc.enable()


def unpack(kind: type[CData], data: bytes) -> Iterable[CData]:
    """Make the ctypes objects whose bytes ``data`` has in a row."""
    size = ctypes.sizeof(kind)
    if kind.__base__ is ctypes._SimpleCData:
        return map(kind, memoryview(data).cast(kind._type_))
    made: list[CData] = (kind * (len(data) // size)).from_buffer(bytearray(data))[:]
    return made


def pack(values: object, kind: type[CData], what: str) -> tuple[bytes, int]:
    """The bytes of ``values``, objects or numbers of ``kind``, in a row, and how many they are.

    Raises TypeError for what is no array or list, or has elements of another size, and
    OverflowError for a number that does not fit.
    """
    if isinstance(values, ctypes.Array):
        if ctypes.sizeof(values._type_) != ctypes.sizeof(kind):
            raise TypeError(f"{what} are an array of {values._type_.__name__}, not {kind.__name__}")
        return bytes(values), len(values)
    if isinstance(values, (str, bytes, *CLASSES)) or not isinstance(values, Iterable):
        raise TypeError(f"{what} come as a ctypes array or a list, not {type(values).__name__}")
    row = list(values)
    if kind.__base__ is ctypes._SimpleCData and kind._type_ in _NUMBERS:
        try:
            data: bytes = array.array(kind._type_, row).tobytes()
            return data, len(row)
        except OverflowError as error:
            raise OverflowError(f"{what} do not all fit {kind.__name__}: {error}") from None
        except TypeError:
            pass  # there is a ctypes object among them
    return b"".join([pack_one(value, kind, what) for value in row]), len(row)


def pack_one(value: object, kind: type[CData], what: str) -> bytes:
    """The bytes of one object of ``kind``, or of what ``kind`` can be made from."""
    made: CData = value
    if not isinstance(value, CLASSES):
        made = kind(*value) if isinstance(value, tuple) else kind(value)
    data = bytes(made)
    if len(data) != ctypes.sizeof(kind):
        raise TypeError(
            f"{what} have {ctypes.sizeof(kind)} bytes each, {type(value).__name__} {len(data)}"
        )
    return data


def update_row(map: Map, keys: bytes, values: bytes, count: int) -> None:
    """Set ``count`` elements in one call, one by one where there are no batches."""
    try:
        map.update_batch(keys, values, count)
    except SyscallError as error:
        if error.errno not in NO_BATCHES:
            raise
        for key, value in zip(split(keys, count), split(values, count), strict=True):
            map.update(key, value)


def delete_row(map: Map, keys: bytes, count: int) -> int:
    """Remove ``count`` keys; how many there were before the first that was missing."""
    try:
        return map.delete_batch(keys, count)
    except SyscallError as error:
        if error.errno not in NO_BATCHES:
            raise
    for done, key in enumerate(split(keys, count)):
        if not map.delete(key):
            return done
    return count


def split(row: bytes, count: int) -> list[bytes]:
    """The elements of a row."""
    size = len(row) // count
    return [row[at : at + size] for at in range(0, len(row), size)]
