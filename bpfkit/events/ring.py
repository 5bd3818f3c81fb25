"""The BPF ring buffer, read from user space.

The kernel maps three things: a page with the consumer's position, a page with the producer's, and
the data, mapped twice in a row so that a record that wraps is still contiguous. A record is an
8-byte header (length with two flag bits, page offset) and its bytes, rounded up to 8. Positions
count bytes for ever; the offset is the position modulo the size.

`scan` and `RingBuffer` are the reference in plain Python. The order of memory accesses that they
need: the producer's position before the headers, a header before its bytes (acquire), and all reads
before the consumer's position is written (release). An aligned 8-byte slice assignment or read of a
memoryview is one load or store in CPython, and on x86-64 and s390x loads are not reordered with
loads, nor stores with earlier accesses, so plain ones do. Elsewhere the interpreter's own work
between two accesses makes a reordering unlikely, not impossible: use a native scan there. The
kernel decides on a wake-up from the consumer's position it sees at commit; if it sees an old one,
the next epoll_wait finds the record by itself, since readiness of a ring buffer is computed from
the positions.

Sources: Documentation/bpf/ringbuf.rst, kernel/bpf/ringbuf.c (v5.8).
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Protocol, Self

from ..errors import FormatError

if TYPE_CHECKING:
    from ..system import System

BUSY_BIT = 1 << 31  # BPF_RINGBUF_BUSY_BIT
DISCARD_BIT = 1 << 30  # BPF_RINGBUF_DISCARD_BIT
HEADER_BYTES = 8  # BPF_RINGBUF_HDR_SZ

# Records handed over between two updates of the consumer's position: room comes back to the
# producer in good time, and the update costs little.
BATCH = 256

_LENGTH = struct.Struct("=I")


class SupportsFileno(Protocol):
    """Anything with a descriptor."""

    def fileno(self) -> int:
        """The number."""


class RingMap(SupportsFileno, Protocol):
    """A map, as far as reading it as a ring buffer needs it."""

    @property
    def name(self) -> str:
        """The map's name."""

    @property
    def max_entries(self) -> int:
        """The size of the data area in bytes."""


class Found(NamedTuple):
    """A record: offset of its bytes in the data area, their number, and the position behind it."""

    offset: int
    size: int
    next: int


class Scan(Protocol):
    """Finds committed records; `scan` is the reference, a native twin may take its place."""

    def __call__(
        self, data: memoryview, position: int, producer: int, limit: int
    ) -> tuple[Sequence[Found], int]:
        """See `scan`."""


def scan(data: memoryview, position: int, producer: int, limit: int) -> tuple[Sequence[Found], int]:
    """Find up to ``limit`` records between two positions; discarded ones are passed over.

    ``data`` is the double-mapped area, so a record never wraps. The second result is the position
    where the scan ended: at ``producer``, at a record its producer still holds, or at the limit.
    Headers are in native byte order.

    Raises FormatError when a record reaches beyond ``producer``: the memory is not a ring buffer.
    """
    mask = len(data) // 2 - 1
    found: list[Found] = []
    read = _LENGTH.unpack_from
    while position < producer and len(found) < limit:
        start = position & mask
        (length,) = read(data, start)
        if length & BUSY_BIT:
            break
        size = length & ~DISCARD_BIT
        following = position + ((size + HEADER_BYTES + 7) & ~7)
        if following > producer:
            raise FormatError(f"a record of {size} bytes reaches beyond the ring's end", start)
        if not length & DISCARD_BIT:
            found.append(Found(start + HEADER_BYTES, size, following))
        position = following
    return found, position


class RingMemory(Protocol):
    """The three mappings of a ring buffer."""

    consumer: memoryview
    """One native 8-byte word, writable."""
    producer: memoryview
    """One native 8-byte word."""
    data: memoryview
    """The data area as bytes, twice in a row."""
    address: int
    """Where ``data`` begins in this process."""

    def close(self) -> None:
        """Unmap."""


class RingReader:
    """Hands the records of one ring buffer to a callback, in order.

    ``callback(address, size)`` gets the place of a record's bytes in this process, valid only until
    it returns. A negative result stops the round; the record counts as read all the same.
    """

    def __init__(
        self,
        memory: RingMemory,
        fd: int,
        callback: Callable[[int, int], int | None],
        scan: Scan = scan,
    ) -> None:
        self._memory = memory
        self._fd = fd
        self._callback = callback
        self._scan = scan
        self._reading = False
        self._closed = False
        self.drained = True

    def fileno(self) -> int:
        """The map's descriptor: readable while records wait."""
        return self._fd

    def channels(self) -> Sequence[Self]:
        """Itself."""
        return (self,)

    def view(self, address: int, size: int) -> memoryview:
        """The bytes of a record, without a copy; valid only during the callback."""
        start = address - self._memory.address
        return self._memory.data[start : start + size]

    def consume(self) -> int:
        """Hand over the records that are there, one ring full of them at most; how many they were.

        A call from inside the callback does nothing.
        """
        if self._reading or self._closed:
            return 0
        self._reading = True
        try:
            return self._consume()
        finally:
            self._reading = False
            if self._closed:
                self._memory.close()

    def _consume(self) -> int:
        memory = self._memory
        begin = position = memory.consumer[0]
        end = begin + len(memory.data) // 2
        count = 0
        self.drained = False
        while position < end:
            found, reached = self._scan(memory.data, position, memory.producer[0], BATCH)
            if reached == position:
                self.drained = True
                break
            handed, stopped = self._hand_over(found, reached)
            count += handed
            if stopped:
                break
            position = reached
        return count

    def _hand_over(self, found: Sequence[Found], reached: int) -> tuple[int, bool]:
        """Call back for each record; how many, and whether the callback asked to stop."""
        callback = self._callback
        base = self._memory.address
        handed = 0
        # What follows a record that raises or stops the round stays to be read.
        position = reached
        try:
            for offset, size, following in found:
                handed += 1
                position = following
                status = callback(base + offset, size)
                if status is not None and status < 0:
                    return handed, True
                if self._closed:
                    return handed, True
            position = reached
        finally:
            self._memory.consumer[0] = position
        return handed, False

    def close(self) -> None:
        """Unmap the buffer, after the running callback if there is one. Twice is harmless."""
        if self._closed:
            return
        self._closed = True
        if not self._reading:
            self._memory.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class MappedRing:
    """The mappings of a live ring buffer: a writable page, and behind it all that is read only."""

    def __init__(self, system: System, map: SupportsFileno, size: int, name: str) -> None:
        """Map the ring buffer ``map`` of ``size`` bytes; SyscallError when that fails."""
        page = mmap.PAGESIZE
        what = f"ring buffer '{name}'"
        self._own = system.syscalls.mmap(map.fileno(), page, what, writable=True)
        try:
            self._shared = system.syscalls.mmap(
                map.fileno(), page + 2 * size, what, offset=page, writable=False
            )
        except BaseException:
            self._own.close()
            raise
        self.consumer = self._own.view[:8].cast("Q")
        self.producer = self._shared.view[:8].cast("Q")
        self.data = self._shared.view[page:]
        self.address = self._shared.address + page

    def close(self) -> None:
        """Unmap."""
        for view in (self.consumer, self.producer, self.data):
            view.release()
        self._own.close()
        self._shared.close()


class RingBuffer(RingReader):
    """Reads a BPF_MAP_TYPE_RINGBUF map; add it to a `Poller`.

    ``callback(address, size)`` is called for each record, see `RingReader`. The descriptor stays
    the map's: keep the map open as long as the reader is polled.
    """

    def __init__(
        self, system: System, map: RingMap, callback: Callable[[int, int], int | None]
    ) -> None:
        """Map the buffer. Raises SyscallError when the kernel refuses."""
        super().__init__(MappedRing(system, map, map.max_entries, map.name), map.fileno(), callback)
