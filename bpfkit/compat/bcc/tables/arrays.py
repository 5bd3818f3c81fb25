"""Arrays: keys are indexes, and integers are keys too, negative ones from the end."""

from __future__ import annotations

import array
import ctypes
from collections.abc import Iterator
from typing import Any

from ....errors import SyscallError
from .base import TableBase
from .bulk import CData
from .errors import NoSuchIndexError, RefusedLookupError, table_error


class ArrayBase(TableBase):
    """What all arrays share."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - those of the next class
        super().__init__(*args, **kwargs)
        self._plain_key = None  # every index is compared with the length

    def _key(self, key: CData) -> CData:
        index = key
        if isinstance(key, ctypes._SimpleCData):
            index = key.value
        elif isinstance(key, int) and key < 0:
            index = key + self.max_entries
        if not isinstance(index, int):
            raise IndexError(
                f"Array index must be an integer type: array '{self.map.name}' got {key!r}"
            )
        if index < 0:
            raise NoSuchIndexError(f"array '{self.map.name}' has no element {key!r}")
        if index >= self.max_entries:
            raise IndexError(
                f"Array index out of range: array '{self.map.name}' has no element {index}, "
                f"only {self.max_entries}"
            )
        return key if type(key) is self.Key else self.Key(index)

    def __iter__(self) -> Iterator[CData]:
        return map(self.Key, range(self.max_entries))

    def __len__(self) -> int:
        return self.max_entries

    def clearitem(self, key: CData) -> None:
        """Set one element to zeroes."""
        try:
            self.map.update(bytes(self._key(key)), bytes(self.map.buffer_size))
        except SyscallError as error:
            raise table_error("Could not clear item", error) from error

    def zero(self) -> None:
        """Set every leaf to zeroes."""
        step = self._rows
        for at in range(0, self.max_entries, step):
            indexes = range(at, min(at + step, self.max_entries))
            self._zero_row(array.array("I", indexes).tobytes(), len(indexes))


class Array(ArrayBase):
    """An array of values: BPF_MAP_TYPE_ARRAY (v3.19). Deleting an element sets it to zeroes."""

    def __delitem__(self, key: CData) -> None:
        self.clearitem(key)

    def clear(self) -> None:
        """Set every element to zeroes."""
        self.zero()


class SlotArray(ArrayBase):
    """An array whose places can be empty; what the kernel does not give is left out."""

    def iteritems(self) -> Iterator[tuple[CData, CData]]:
        """Iterate over the places that hold something, as far as the kernel tells."""
        for key in self:
            try:
                yield key, self[key]
            except KeyError:
                continue

    def itervalues(self) -> Iterator[CData]:
        """Iterate over what the places hold."""
        return (leaf for _, leaf in self.iteritems())

    def items(self) -> list[tuple[CData, CData]]:  # type: ignore[override]  # bcc gives a list
        """The places that hold something, as far as the kernel tells."""
        return list(self.iteritems())

    def values(self) -> list[CData]:  # type: ignore[override]  # bcc gives a list
        """What the places hold."""
        return list(self.itervalues())

    def clear(self) -> None:
        """Empty every place."""
        for key in self:
            try:
                del self[key]
            except RefusedLookupError:
                raise
            except KeyError:
                continue
