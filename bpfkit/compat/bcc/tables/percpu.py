"""Per-CPU tables: each key has one leaf for every CPU that could ever be present.

``sLeaf`` is the class of one CPU's leaf, ``Leaf`` that of all CPUs' as the kernel moves them: each
at a multiple of 8 bytes, so integers are widened to 8, as in bcc. `getvalue` and items give arrays
of ``sLeaf``. Where a structure is no multiple of 8 bytes, which bcc refuses, ``Leaf`` is such an
array too. Setting takes either array.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable
from functools import reduce
from typing import TYPE_CHECKING, Any

from ....maps.base import Map
from .arrays import ArrayBase
from .base import TableBase
from .bulk import CData, pack, unpack
from .hashes import HashTable

if TYPE_CHECKING:
    from ..bpf import BPF

Reducer = Callable[[Any, Any], Any]

_WIDE = {True: ctypes.c_int64, False: ctypes.c_uint64}


class PerCpu(TableBase):
    """What per-CPU tables share."""

    def __init__(
        self,
        bpf: BPF,
        map: Map,
        key: type[CData],
        leaf: type[CData],
        reducer: Reducer | None = None,
    ) -> None:
        """Open ``map``; with ``reducer`` an element is its CPUs' leaves, joined two by two."""
        super().__init__(bpf, map, key, leaf)
        self.reducer = reducer
        self.sLeaf = leaf
        self._stride = -(-map.value_size // 8) * 8
        self.total_cpu = map.buffer_size // self._stride
        self.alignment = map.value_size % 8
        self._each = leaf * self.total_cpu
        self._raw = ctypes.c_char * map.buffer_size
        self._moved = _widened(leaf) if self.alignment else leaf
        self.Leaf = self._moved * self.total_cpu
        self._plain_leaf = None

    @property
    def _leaf_bytes(self) -> int:
        """What ``Leaf`` must have: one CPU's size at first, then that of all."""
        moved = getattr(self, "_moved", None)
        return self.total_cpu * ctypes.sizeof(moved) if moved else self.map.value_size

    def getvalue(self, key: CData) -> CData:
        """The leaf of each CPU, whatever the reducer."""
        found = self.map.lookup(bytes(self._key(key)))
        if found is None:
            raise KeyError
        return self._each.from_buffer_copy(self._dense(found))

    def __getitem__(self, key: CData) -> CData:
        leaves = self.getvalue(key)
        return reduce(self.reducer, leaves) if self.reducer else leaves

    def _dense(self, row: bytes) -> bytes:
        """Values without what lies between them."""
        if not self.alignment:
            return row
        size = self.map.value_size
        if size == 4:
            return memoryview(row).cast("I")[::2].tobytes()
        return b"".join([row[at : at + size] for at in range(0, len(row), self._stride)])

    def _spread(self, row: bytes) -> bytes:
        """Values as the kernel takes them."""
        size = self.map.value_size
        parts = [row[at : at + size] for at in range(0, len(row), size)]
        return b"".join([part.ljust(self._stride, b"\0") for part in parts])

    def _leaf(self, leaf: CData) -> CData:
        if type(leaf) is self.Leaf and ctypes.sizeof(leaf) == self.map.buffer_size:
            return leaf
        if type(leaf) is self._each:
            return self._raw.from_buffer_copy(self._spread(bytes(leaf)))
        return self._fitting(leaf, "Leaf", self._raw)

    def _unpack_leaves(self, row: bytes) -> Iterable[CData]:
        leaves = unpack(self._each, self._dense(row))
        return [reduce(self.reducer, each) for each in leaves] if self.reducer else leaves

    def _pack_leaves(self, leaves: object) -> tuple[bytes, int]:
        what = f"values of table '{self.map.name}'"
        if isinstance(leaves, ctypes.Array):
            if ctypes.sizeof(leaves._type_) == self.map.buffer_size:
                return bytes(leaves), len(leaves)
            row, count = pack(leaves, self._each, what)
            return self._spread(row), count
        if not isinstance(leaves, Iterable) or isinstance(leaves, str | bytes):
            raise TypeError(f"{what} come as an array or a list, not {type(leaves).__name__}")
        rows = [bytes(self._leaf(self._made(leaf))) for leaf in leaves]
        return b"".join(rows), len(rows)

    def _made(self, leaf: CData) -> CData:
        return self._each(*leaf) if isinstance(leaf, list | tuple) else leaf

    # ------------------------------------------------------------ over all CPUs

    def sum(self, key: CData) -> CData:
        """The sum of the CPUs' leaves, as an object of ``sLeaf``."""
        return self.sLeaf(sum(self._numbers(key, "sum")))

    def max(self, key: CData) -> CData:
        """The largest of the CPUs' leaves, as an object of ``sLeaf``."""
        return self.sLeaf(max(self._numbers(key, "max")))

    def average(self, key: CData) -> float:
        """The sum divided by the number of CPUs that could be present."""
        total: float = self.sum(key).value
        return total / self.total_cpu

    def _numbers(self, key: CData, what: str) -> CData:
        if not issubclass(self.sLeaf, ctypes._SimpleCData):
            raise IndexError(f"Leaf must be an integer type for default {what} functions")
        return self.getvalue(key)


def _widened(leaf: type[CData]) -> type[CData]:
    """The class of 8 bytes for an integer; others stay."""
    code = getattr(leaf, "_type_", "")
    if not issubclass(leaf, ctypes._SimpleCData) or code not in "bBhHiI":
        return leaf
    return _WIDE[code.islower()]


class PerCpuHash(PerCpu, HashTable):
    """BPF_MAP_TYPE_PERCPU_HASH (v4.6)."""


class LruPerCpuHash(PerCpuHash):
    """BPF_MAP_TYPE_LRU_PERCPU_HASH (v4.10)."""


class PerCpuArray(PerCpu, ArrayBase):
    """BPF_MAP_TYPE_PERCPU_ARRAY (v4.6). Deleting an element sets it to zeroes."""

    def __delitem__(self, key: CData) -> None:
        self.clearitem(key)

    def clear(self) -> None:
        """Set every element to zeroes."""
        self.zero()


class PerCpuCgroupStorage(PerCpuHash):
    """BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE (v4.20), which bcc cannot open."""
