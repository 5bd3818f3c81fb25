"""Perf buffers: a BPF_MAP_TYPE_PERF_EVENT_ARRAY and one perf ring for each CPU that is online.

The program sends to the ring of the CPU it runs on. What does not fit is dropped and counted, and
the count comes with the next record that fits.
"""

from __future__ import annotations

import contextlib
import errno
import mmap
import struct
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from ..errors import SyscallError
from ..syscalls.fd import OwnedFd
from ..syscalls.requests import PerfEvent
from ..uapi.perf_event import (
    MMAP_PAGE_DATA_HEAD,
    MMAP_PAGE_DATA_TAIL,
    PerfSw,
    PerfType,
    SampleFormat,
)
from .perf_ring import PerfRing

if TYPE_CHECKING:
    from ..system import System

_KEY = struct.Struct("=I")
_VALUE = struct.Struct("=i")


class PerfMap(Protocol):
    """A map, as far as reading it as a perf buffer needs it."""

    @property
    def name(self) -> str:
        """The map's name."""

    def fileno(self) -> int:
        """Its descriptor."""

    def update(self, key: bytes, value: bytes) -> None:
        """Set an element."""

    def delete(self, key: bytes) -> bool:
        """Delete an element; False when there was none."""


class MappedPerf:
    """The mapping of a live perf ring."""

    def __init__(self, system: System, event: OwnedFd, pages: int, what: str) -> None:
        """Map ``pages`` of data and the page before them; SyscallError when that fails."""
        page = mmap.PAGESIZE
        self._map = system.syscalls.mmap(event.fileno(), page * (1 + pages), what, writable=True)
        self.head = self._map.view[MMAP_PAGE_DATA_HEAD : MMAP_PAGE_DATA_HEAD + 8].cast("Q")
        self.tail = self._map.view[MMAP_PAGE_DATA_TAIL : MMAP_PAGE_DATA_TAIL + 8].cast("Q")
        self.data = self._map.view[page:]
        self.address = self._map.address + page

    def close(self) -> None:
        """Unmap."""
        for view in (self.head, self.tail, self.data):
            view.release()
        self._map.close()


class PerfBuffer:
    """Reads a perf buffer; add it to a `Poller`.

    ``callback(cpu, address, size)`` is called for each sample and ``lost(count)`` for each gap, see
    `PerfRing`. ``size`` may be larger than what was sent: the kernel rounds it up.
    """

    def __init__(
        self,
        system: System,
        map: PerfMap,
        callback: Callable[[int, int, int], object],
        *,
        lost: Callable[[int], object] | None = None,
        pages: int = 8,
        wakeup_events: int = 1,
    ) -> None:
        """Open a ring of ``pages`` pages on every online CPU and put it into ``map``.

        The reader is woken up once for ``wakeup_events`` samples of one CPU. Raises ValueError when
        ``pages`` is no power of two, and SyscallError.
        """
        if pages < 1 or pages & (pages - 1):
            raise ValueError(f"Perf buffer page_cnt must be a power of two, not {pages}")
        self._map = map
        self._rings: list[PerfRing] = []
        self._events: list[OwnedFd] = []
        try:
            for cpu in system.facts.online_cpu_list:
                self._open(system, cpu, callback, lost, pages, wakeup_events)
        except BaseException:
            self.close()
            raise

    def _open(
        self,
        system: System,
        cpu: int,
        callback: Callable[[int, int, int], object],
        lost: Callable[[int], object] | None,
        pages: int,
        wakeup_events: int,
    ) -> None:
        what = f"perf buffer '{self._map.name}' on CPU {cpu}"
        try:
            event = system.syscalls.perf_event_open(
                PerfEvent(
                    type=PerfType.SOFTWARE,
                    config=PerfSw.BPF_OUTPUT,
                    sample_type=SampleFormat.RAW,
                    sample_period=1,
                    wakeup_events=wakeup_events,
                ),
                -1,
                cpu,
                subject=what,
            )
        except SyscallError as error:
            if error.errno == errno.ENODEV:
                return  # the CPU went offline meanwhile
            raise
        self._events.append(event)
        ring = PerfRing(MappedPerf(system, event, pages, what), event.fileno(), cpu, callback, lost)
        self._rings.append(ring)
        self._map.update(_KEY.pack(cpu), _VALUE.pack(event.fileno()))
        system.syscalls.perf_event_enable(event.fileno())

    def channels(self) -> Sequence[PerfRing]:
        """The rings, one for each CPU."""
        return tuple(self._rings)

    def close(self) -> None:
        """Take the rings out of the map and close them. Calling it twice is harmless."""
        rings, self._rings = self._rings, []
        events, self._events = self._events, []
        for ring in rings:
            # The map may be closed by now, which took the ring out of it too.
            with contextlib.suppress(SyscallError, ValueError):
                self._map.delete(_KEY.pack(ring.cpu))
            ring.close()
        for event in events:
            event.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
