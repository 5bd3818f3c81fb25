"""Tables that programs send records through: perf buffers and ring buffers."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from ....errors import NotSupportedError, SyscallError
from ....maps.base import Map
from ....syscalls.fd import OwnedFd
from ....syscalls.requests import PerfEvent
from ..text import WE
from .arrays import SlotArray
from .base import TableBase
from .bulk import CData
from .descriptors import Descriptors
from .errors import table_error

if TYPE_CHECKING:
    from ..bpf import BPF


class EventSource(TableBase):
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


class PerfEventArray(Descriptors, SlotArray, EventSource):
    """A perf buffer with a ring for each CPU, or counters that the program reads, one for each.

    BPF_MAP_TYPE_PERF_EVENT_ARRAY (v4.3). Its places cannot be read.
    """

    def __init__(
        self, bpf: BPF, map: Map, key: type[CData], leaf: type[CData], event: type[CData] | None
    ) -> None:
        super().__init__(bpf, map, key, leaf, event)
        self._counters: dict[int, OwnedFd] = {}

    def open_perf_buffer(
        self,
        callback: Callable[[int, int, int], object],
        page_cnt: int = 8,
        lost_cb: Callable[[int], object] | None = None,
        wakeup_events: int = 1,
    ) -> None:
        """Open a ring of ``page_cnt`` pages on each CPU; ``callback(cpu, address, size)``."""
        self.bpf.open_perf_buffer(self.map, callback, page_cnt, lost_cb, wakeup_events)

    def open_perf_event(self, typ: int, config: int, pid: int = -1) -> None:
        """Count an event on each online CPU: ``perf_read(CUR_CPU_IDENTIFIER)`` reads it.

        ``typ`` is of `PerfType`, ``config`` of `PerfHWConfig` or `PerfSWConfig`; ``pid`` -1 counts
        for every process. Counting ends with ``del table[cpu]`` and with the BPF object.
        """
        system = self.bpf.collection.system
        for cpu in system.facts.online_cpu_list:
            what = f"perf event type {typ} config {config:#x} on CPU {cpu}"
            try:
                counter = system.syscalls.perf_event_open(
                    PerfEvent(typ, config), pid, cpu, subject=what
                )
            except SyscallError as error:
                raise table_error("bpf_open_perf_event failed", error) from error
            self._forget(cpu)
            self._counters[cpu] = counter
            self.bpf.collection.own(counter)
            self[cpu] = counter

    def _forget(self, cpu: int) -> None:
        counter = self._counters.pop(cpu, None)
        if counter is not None:
            self.bpf.collection.disown(counter)
            counter.close()

    def __delitem__(self, key: CData) -> None:
        """Take out what is at an index; nothing happens when nothing is."""
        place = self._key(key)
        self.map.delete(bytes(place))
        self._forget(place.value)


class RingBuf(EventSource):
    """A BPF ring buffer: BPF_MAP_TYPE_RINGBUF (v5.8)."""

    def __len__(self) -> int:
        return 0

    def __iter__(self) -> Iterator[CData]:
        return iter(())

    def items(self) -> list[tuple[CData, CData]]:  # type: ignore[override]  # bcc gives a list
        """Nothing: a ring buffer has no elements."""
        return []

    def values(self) -> list[CData]:  # type: ignore[override]  # bcc gives a list
        """Nothing: a ring buffer has no elements."""
        return []

    def clear(self) -> None:
        """Do nothing: a ring buffer has no elements."""

    def open_ring_buffer(
        self, callback: Callable[[object, int, int], object], ctx: object = None
    ) -> None:
        """Read it when polled; ``callback(ctx, address, size)``, a negative result stops."""
        self.bpf.open_ring_buffer(self.map, callback, ctx)
