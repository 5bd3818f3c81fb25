"""Arrays: every index below ``max_entries`` is there. BPF_MAP_TYPE_ARRAY (v3.19)."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from .base import Map


def index_key(index: int) -> bytes:
    """The key of an index: four bytes in the machine's order."""
    return index.to_bytes(4, sys.byteorder)


class ArrayMap(Map):
    """An array of values."""

    def __len__(self) -> int:
        return self.max_entries

    def get(self, index: int) -> bytes:
        """The value at ``index``. Raises IndexError beyond the end."""
        found = self.lookup(index_key(index)) if 0 <= index < self.max_entries else None
        if found is None:
            raise IndexError(f"{self.subject} has no element {index}")
        return found

    def set(self, index: int, value: bytes) -> None:
        """Set the value at ``index``. Raises IndexError beyond the end."""
        if not 0 <= index < self.max_entries:
            raise IndexError(f"{self.subject} has no element {index}")
        self.update(index_key(index), value)

    def keys(self) -> Iterator[bytes]:
        """Every index, in order; the kernel is not asked."""
        return map(index_key, range(self.max_entries))
