"""One perf ring, the part of a perf buffer that belongs to one CPU.

The first page is a struct perf_event_mmap_page, of which two words matter here: ``data_head``,
written by the kernel, and ``data_tail``, written by the reader. Then come the data, mapped once: a
record that wraps is copied together. A record starts with a struct perf_event_header, 8 bytes that
never wrap because all records are multiples of 8.

With sample_type PERF_SAMPLE_RAW a sample's body is a u32 size and that many bytes; the kernel has
rounded the size up so that the record ends on 8 bytes, so it may be larger than what the program
sent. A lost record's body is an id and the number of records dropped since the last.

Memory order is as in ``ring.py``: ``data_head`` before the records, all reads before ``data_tail``.

Source: perf_event_mmap_page and PERF_RECORD_* in include/uapi/linux/perf_event.h.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from ..errors import FormatError
from ..uapi.perf_event import RecordType

HEADER_BYTES = 8  # sizeof(struct perf_event_header)
BATCH = 256

_HEADER = struct.Struct("=IHH")
_SIZE = struct.Struct("=I")
_LOST = struct.Struct("=QQ")
_MAX_RECORD_BYTES = 0xFFFF  # the size field has 16 bits


class Found(NamedTuple):
    """A record: its type, offset and length of its body, and the position behind it."""

    type: int
    offset: int
    size: int
    next: int


class Scan(Protocol):
    """Finds records; `scan` is the reference, a native twin may take its place."""

    def __call__(
        self, data: memoryview, tail: int, head: int, limit: int
    ) -> tuple[Sequence[Found], int]:
        """See `scan`."""


def scan(data: memoryview, tail: int, head: int, limit: int) -> tuple[Sequence[Found], int]:
    """Find up to ``limit`` records between two positions, and the position where the scan ended.

    A body's offset is that of its first byte; it wraps at the end of ``data``. Native byte order.

    Raises FormatError for a record that is shorter than its header or reaches beyond ``head``.
    """
    mask = len(data) - 1
    found: list[Found] = []
    read = _HEADER.unpack_from
    while tail < head and len(found) < limit:
        start = tail & mask
        kind, _, size = read(data, start)
        if size < HEADER_BYTES or tail + size > head:
            raise FormatError(f"a perf record of {size} bytes does not fit its ring", start)
        tail += size
        found.append(Found(kind, (start + HEADER_BYTES) & mask, size - HEADER_BYTES, tail))
    return found, tail


def copy_out(data: memoryview, offset: int, size: int) -> bytes:
    """Copy ``size`` bytes from ``offset``, which may wrap at the end of ``data``."""
    first = bytes(data[offset : offset + size])
    return first + bytes(data[: size - len(first)])


class PerfMemory(Protocol):
    """The mapping of one perf ring."""

    head: memoryview
    """data_head: one native 8-byte word."""
    tail: memoryview
    """data_tail: one native 8-byte word, writable."""
    data: memoryview
    """The data pages as bytes."""
    address: int
    """Where ``data`` begins in this process."""

    def close(self) -> None:
        """Unmap."""


class PerfRing:
    """Hands the samples of one CPU to a callback, in order.

    ``callback(cpu, address, size)`` gets the place of a sample's bytes in this process, valid only
    until it returns; ``lost(count)`` how many samples the kernel dropped.
    """

    def __init__(
        self,
        memory: PerfMemory,
        fd: int,
        cpu: int,
        callback: Callable[[int, int, int], object],
        lost: Callable[[int], object] | None = None,
        scan: Scan = scan,
    ) -> None:
        self.cpu = cpu
        self._memory = memory
        self._fd = fd
        self._callback = callback
        self._lost = lost
        self._scan = scan
        self._scratch = array("B")  # where a wrapped sample is put together; made when needed
        self._reading = False
        self._closed = False
        self.drained = True

    def fileno(self) -> int:
        """The perf event's descriptor: readable when as many samples wait as were asked for."""
        return self._fd

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
        position = memory.tail[0]
        end = position + len(memory.data)
        count = 0
        self.drained = False
        while position < end and not self._closed:
            found, reached = self._scan(memory.data, position, memory.head[0], BATCH)
            if not found:
                self.drained = True
                break
            try:
                for record in found:
                    position = record.next
                    count += self._hand_over(record)
                    if self._closed:
                        break
                else:
                    position = reached
            finally:
                memory.tail[0] = position
        return count

    def _hand_over(self, record: Found) -> int:
        """Call back for one record: 1 for a sample, 0 for everything else."""
        data = self._memory.data
        offset = record.offset
        if record.type == RecordType.LOST:
            _, count = _LOST.unpack(copy_out(data, offset, _LOST.size))
            if self._lost is not None:
                self._lost(count)
            return 0
        if record.type != RecordType.SAMPLE:
            return 0  # throttling and the like say nothing about samples
        # Offsets and sizes are multiples of 4 at least, so the size itself never wraps.
        (size,) = _SIZE.unpack_from(data, offset)
        if size + _SIZE.size > record.size:
            raise FormatError(f"a sample of {size} bytes is larger than its record", offset)
        start = offset + _SIZE.size
        if start + size <= len(data):
            self._callback(self.cpu, self._memory.address + start, size)
        else:
            self._callback(self.cpu, self._together(start & (len(data) - 1), size), size)
        return 1

    def _together(self, start: int, size: int) -> int:
        """Copy a wrapped sample into one piece; the address of the copy."""
        if not self._scratch:
            self._scratch = array("B", bytes(_MAX_RECORD_BYTES))
        memoryview(self._scratch)[:size] = copy_out(self._memory.data, start, size)
        return self._scratch.buffer_info()[0]

    def close(self) -> None:
        """Unmap the ring, after the running callback if there is one. Twice is harmless."""
        if self._closed:
            return
        self._closed = True
        if not self._reading:
            self._memory.close()
