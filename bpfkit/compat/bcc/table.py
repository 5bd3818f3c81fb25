"""bcc's tables: mappings of ctypes keys to ctypes leaves over live maps.

``Key`` and ``Leaf`` are made from the C declaration through BTF (``codec/views.py``), laid out as
bcc lays them out. Values returned are copies. A missing key is KeyError, anything else that fails
is the map's own SyscallError.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, MutableMapping
from typing import TYPE_CHECKING, Any

from ...errors import NotSupportedError
from ...maps.base import Map
from ...uapi.bpf import MapType
from .histogram import json_histograms, linear_histogram, log2_histogram
from .text import WE

if TYPE_CHECKING:
    from .bpf import BPF

# ctypes classes are made at run time, one for each C declaration: no narrower type can be written
# down.
CData = Any
_CTYPES = (ctypes._SimpleCData, ctypes.Structure, ctypes.Union, ctypes.Array)


class Table(MutableMapping[CData, CData]):
    """What all tables share: their map, their classes for keys and leaves, and bytes in both
    directions.
    """

    def __init__(self, bpf: BPF, map: Map, key: type[CData], leaf: type[CData]) -> None:
        self.bpf = bpf
        self.map = map
        self.Key = key
        self.Leaf = leaf

    @property
    def name(self) -> bytes:
        """The name the program gave the table."""
        return self.map.name.encode()

    @property
    def map_fd(self) -> int:
        """The map's descriptor."""
        return self.map.fileno()

    @property
    def max_entries(self) -> int:
        """How many elements the map can hold."""
        return self.map.max_entries

    def get_fd(self) -> int:
        """The map's descriptor, in bcc's older spelling."""
        return self.map.fileno()

    def __getitem__(self, key: CData) -> CData:
        data = self.map.lookup(self._key_bytes(key))
        if data is None:
            raise KeyError
        return self.Leaf.from_buffer_copy(data)

    def __setitem__(self, key: CData, leaf: CData) -> None:
        self.map.update(self._key_bytes(key), self._bytes(leaf, "Leaf", self.Leaf))

    def __delitem__(self, key: CData) -> None:
        if not self.map.delete(self._key_bytes(key)):
            raise KeyError

    def __iter__(self) -> Iterator[CData]:
        for key in self.map.keys():  # noqa: SIM118 - a map is no dict
            yield self.Key.from_buffer_copy(key)

    def __len__(self) -> int:
        return sum(1 for _ in self.map.keys())  # noqa: SIM118 - a map is no dict

    def keys(self) -> Iterator[CData]:  # type: ignore[override]  # bcc gives an iterator, not a view
        """Iterate over the keys."""
        return iter(self)

    def iteritems(self) -> Iterator[tuple[CData, CData]]:
        """Iterate over pairs; keys that vanish meanwhile are left out."""
        for key in self:
            leaf = self.get(key)
            if leaf is not None:
                yield key, leaf

    def itervalues(self) -> Iterator[CData]:
        """Iterate over the leaves."""
        return (leaf for _, leaf in self.iteritems())

    def items(self) -> list[tuple[CData, CData]]:  # type: ignore[override]  # bcc gives a list
        """All pairs as a list."""
        return list(self.iteritems())

    def values(self) -> list[CData]:  # type: ignore[override]  # bcc gives a list
        """All leaves as a list."""
        return list(self.itervalues())

    def clear(self) -> None:
        """Delete every key."""
        for key in list(self.map.keys()):
            self.map.delete(key)

    def zero(self) -> None:
        """Set every leaf to zeroes."""
        for key in list(self.map.keys()):
            self.map.update(key, bytes(self.Leaf()))

    def print_log2_hist(
        self,
        val_type: str = "value",
        section_header: str = "Bucket ptr",
        section_print_fn: Callable[[Any], object] | None = None,
        bucket_fn: Callable[[Any], Any] | None = None,
        strip_leading_zero: bool | None = None,
        bucket_sort_fn: Callable[[list[Any]], list[Any]] | None = None,
    ) -> None:
        """Print the table as a histogram of powers of two."""
        _show(
            log2_histogram(
                self.items(),
                val_type,
                section_header,
                section_print_fn,
                bucket_fn,
                bool(strip_leading_zero),
                bucket_sort_fn,
            )
        )

    def print_linear_hist(
        self,
        val_type: str = "value",
        section_header: str = "Bucket ptr",
        section_print_fn: Callable[[Any], object] | None = None,
        bucket_fn: Callable[[Any], Any] | None = None,
        strip_leading_zero: bool | None = None,
        bucket_sort_fn: Callable[[list[Any]], list[Any]] | None = None,
    ) -> None:
        """Print the table as a histogram with one row for each value."""
        _show(
            linear_histogram(
                self.items(),
                val_type,
                section_header,
                section_print_fn,
                bucket_fn,
                bool(strip_leading_zero),
                bucket_sort_fn,
            )
        )

    def print_json_hist(
        self,
        val_type: str = "value",
        section_header: str = "Bucket ptr",
        section_print_fn: Callable[[Any], object] | None = None,
        bucket_fn: Callable[[Any], Any] | None = None,
        bucket_sort_fn: Callable[[list[Any]], list[Any]] | None = None,
    ) -> None:
        """Print the table as histograms of powers of two, each a dictionary as Python shows it."""
        shown = json_histograms(
            self.items(), val_type, section_header, section_print_fn, bucket_fn, bucket_sort_fn
        )
        _show("".join(f"{histogram}\n" for histogram in shown))

    def _key_bytes(self, key: CData) -> bytes:
        return self._bytes(key, "Key", self.Key)

    def _bytes(self, value: CData, role: str, kind: type[CData]) -> bytes:
        if not isinstance(value, _CTYPES):
            raise TypeError(
                f"table '{self.map.name}' takes ctypes values, as table.{role}({value!r})"
            )
        data = bytes(value)
        if len(data) != ctypes.sizeof(kind):
            raise TypeError(
                f"table '{self.map.name}': {type(value).__name__} has {len(data)} bytes, "
                f"its C type has {ctypes.sizeof(kind)}"
            )
        return data


class HashTable(Table):
    """A hash, its LRU kind included."""


class Array(Table):
    """An array: every index is there, integers are keys too, deleting sets to zero."""

    def __iter__(self) -> Iterator[CData]:
        return (self.Key(i) for i in range(self.max_entries))

    def __len__(self) -> int:
        return self.max_entries

    def __delitem__(self, key: CData) -> None:
        self.clearitem(key)

    def clearitem(self, key: CData) -> None:
        """Set one element to zeroes."""
        self[key] = self.Leaf()

    def clear(self) -> None:
        """Set every element to zeroes."""
        self.zero()

    def _key_bytes(self, key: CData) -> bytes:
        if isinstance(key, int):
            key = self.Key(key + self.max_entries if key < 0 else key)
        if not isinstance(key, ctypes._SimpleCData):
            raise TypeError(f"array '{self.map.name}' takes integers as keys, not {key!r}")
        if not 0 <= key.value < self.max_entries:
            raise IndexError(f"array '{self.map.name}' has no element {key.value}")
        return super()._key_bytes(key)


class EventSource(Table):
    """What perf buffers and ring buffers share: decoding what the program sent."""

    def __init__(
        self, bpf: BPF, map: Map, key: type[CData], leaf: type[CData], event: type[CData] | None
    ) -> None:
        super().__init__(bpf, map, key, leaf)
        self._event = event

    def event(self, data: int) -> CData:
        """The record at address ``data`` as a structure; valid only during the callback."""
        if self._event is None:
            raise NotSupportedError(
                f"table.event() for '{self.map.name}'",
                hint="the program sends no struct through it; decode the bytes yourself",
                who=WE,
            )
        return ctypes.cast(data, ctypes.POINTER(self._event)).contents


class PerfEventArray(EventSource):
    """A perf buffer: one ring for each CPU."""

    def open_perf_buffer(
        self,
        callback: Callable[[int, int, int], object],
        page_cnt: int = 8,
        lost_cb: Callable[[int], object] | None = None,
        wakeup_events: int = 1,
    ) -> None:
        """Open a ring of ``page_cnt`` pages on each CPU; ``callback(cpu, address, size)``."""
        self.bpf.open_perf_buffer(self.map, callback, page_cnt, lost_cb, wakeup_events)


class RingBuf(EventSource):
    """A BPF ring buffer."""

    def __len__(self) -> int:
        return 0

    def __iter__(self) -> Iterator[CData]:
        return iter(())

    def open_ring_buffer(
        self, callback: Callable[[object, int, int], object], ctx: object = None
    ) -> None:
        """Read it when polled; ``callback(ctx, address, size)``, a negative result stops."""
        self.bpf.open_ring_buffer(self.map, callback, ctx)


_CLASSES: dict[MapType, type[Table]] = {
    MapType.HASH: HashTable,
    MapType.LRU_HASH: HashTable,
    MapType.ARRAY: Array,
    MapType.PERF_EVENT_ARRAY: PerfEventArray,
    MapType.RINGBUF: RingBuf,
}


def table_class(map: Map) -> type[Table]:
    """The class for a map; NotSupportedError when tables of its type cannot be opened yet."""
    kind = _CLASSES.get(map.type)
    if kind is None:
        raise NotSupportedError(
            f"reading {map.type} '{map.name}' as a table",
            hint="use the map itself: bpf.collection.maps[name]",
            who=WE,
        )
    return kind


def _show(text: str) -> None:
    # Printing is what the method is for; it goes where print() goes.
    print(text, end="")  # noqa: T201
