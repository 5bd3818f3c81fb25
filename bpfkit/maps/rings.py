"""Ring buffers: from programs (BPF_MAP_TYPE_RINGBUF, v5.8) and to them
(BPF_MAP_TYPE_USER_RINGBUF, v6.1).

A `RingBuf` is read by ``events/ring.py``. Into a `UserRingBuf` this process writes: a program
takes the samples out with bpf_user_ringbuf_drain().

The positions count bytes for ever; a sample's header is its length, with a bit while it is being
written and another when it is to be passed over. An aligned slice of a memoryview is written by one
store; on x86-64 and s390x stores are seen in their order. Elsewhere the interpreter's own work
between two stores makes another order unlikely, not impossible.

Source: kernel/bpf/ringbuf.c (v6.1).
"""

from __future__ import annotations

import mmap
import struct
import threading
from types import TracebackType
from typing import ClassVar, Self, Unpack

from ..errors import EncodeError
from ..syscalls.api import MappedMemory
from ..uapi.bpf import MapFlag, MapType
from .typed import Options, TypedMap

_HEADER = struct.Struct("=II")  # length, page offset (unused here)
_BUSY = 1 << 31  # BPF_RINGBUF_BUSY_BIT
_DISCARD = 1 << 30  # BPF_RINGBUF_DISCARD_BIT
_LENGTH_LIMIT = _DISCARD - 1


class _Ring(TypedMap):
    @classmethod
    def create(cls, *, size: int, **options: Unpack[Options]) -> Self:
        """Create one of ``size`` bytes, which is rounded up to a power of two of pages."""
        return cls._make(0, 0, size, options)


class RingBuf(_Ring):
    """Records from programs, in their order, read by `RingBuffer`."""

    default: ClassVar[MapType] = MapType.RINGBUF

    @property
    def overwrites(self) -> bool:
        """Whether new records push out old ones that nobody has read (RB_OVERWRITE, v6.19)."""
        return bool(self.raw.flags & MapFlag.RB_OVERWRITE)


class UserRingBuf(_Ring):
    """Samples to programs, written by `writer`."""

    default: ClassVar[MapType] = MapType.USER_RINGBUF

    def writer(self) -> UserRingWriter:
        """Map the buffer for writing; close it when done. There must be one writer at a time."""
        page = mmap.PAGESIZE
        size, what = self.raw.max_entries, self.raw.subject
        calls = self._system.syscalls
        consumer = calls.mmap(self.fileno(), page, what)
        try:
            rest = calls.mmap(self.fileno(), page + 2 * size, what, offset=page, writable=True)
        except BaseException:
            consumer.close()
            raise
        return UserRingWriter(consumer, rest, size)


class UserRingWriter:
    """Writes samples. Threads of this process may share it."""

    def __init__(self, consumer: MappedMemory, rest: MappedMemory, size: int) -> None:
        """Take over the mappings of a buffer of ``size`` bytes."""
        self._mappings = (consumer, rest)
        self._size = size
        self._consumer = consumer.view[:8].cast("Q")
        self._producer = rest.view[:8].cast("Q")
        self._data = rest.view[mmap.PAGESIZE :]
        self._words = self._data.cast("I")
        self._lock = threading.Lock()
        self._closed = False

    def write(self, sample: bytes) -> bool:
        """Add a sample; False when there is no room for it now.

        Raises EncodeError when it could never fit.
        """
        room = (len(sample) + _HEADER.size + 7) & ~7
        if room > self._size or len(sample) > _LENGTH_LIMIT:
            raise EncodeError(sample, f"a sample that fits a ring of {self._size} bytes")
        with self._lock:
            position = self._producer[0]
            if position + room - self._consumer[0] > self._size:
                return False
            start = position & (self._size - 1)
            # The program must not see the sample before it is whole: it is busy until then.
            _HEADER.pack_into(self._data, start, len(sample) | _BUSY, 0)
            self._producer[0] = position + room
            at = start + _HEADER.size
            self._data[at : at + len(sample)] = sample
            self._words[start // 4] = len(sample)
        return True

    @property
    def unread(self) -> int:
        """Bytes that no program has taken yet, headers included."""
        return self._producer[0] - self._consumer[0]

    def close(self) -> None:
        """Unmap. Calling it twice is harmless."""
        if self._closed:
            return
        self._closed = True
        for view in (self._consumer, self._producer, self._words, self._data):
            view.release()
        for mapping in self._mappings:
            mapping.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
