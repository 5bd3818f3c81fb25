"""Synthetic rings: bytearrays that stand for what the kernel maps."""

from __future__ import annotations

import struct
from array import array
from dataclasses import dataclass, field

from bpfkit.events.ring import BUSY_BIT, DISCARD_BIT
from bpfkit.uapi.perf_event import RecordType


def word(value: int = 0) -> memoryview:
    return memoryview(array("Q", [value]))


@dataclass
class FakeRing:
    """A BPF ring buffer with its producer. Both halves of the data are kept alike."""

    size: int = 4096
    begin: int = 0
    closed: int = 0
    consumer: memoryview = field(init=False)
    producer: memoryview = field(init=False)
    data: memoryview = field(init=False)
    address: int = 0x10000

    def __post_init__(self) -> None:
        self.consumer = word(self.begin)
        self.producer = word(self.begin)
        self.data = memoryview(bytearray(self.size * 2))

    def _write(self, position: int, raw: bytes) -> None:
        for i, byte in enumerate(raw):
            at = (position + i) % self.size
            self.data[at] = self.data[at + self.size] = byte

    def room(self) -> int:
        return self.size - (self.producer[0] - self.consumer[0])

    def submit(self, payload: bytes, *, busy: bool = False, discard: bool = False) -> bool:
        total = (len(payload) + 15) & ~7
        if total > self.room():
            return False
        flags = (BUSY_BIT if busy else 0) | (DISCARD_BIT if discard else 0)
        self._write(self.producer[0], struct.pack("=II", len(payload) | flags, 0) + payload)
        self.producer[0] += total
        return True

    def commit(self, position: int) -> None:
        (length,) = struct.unpack_from("=I", self.data, position % self.size)
        self._write(position, struct.pack("=I", length & ~BUSY_BIT))

    def close(self) -> None:
        self.closed += 1


@dataclass
class FakePerf:
    """One perf ring with its producer."""

    size: int = 4096
    begin: int = 0
    closed: int = 0
    head: memoryview = field(init=False)
    tail: memoryview = field(init=False)
    store: array[int] = field(init=False)

    def __post_init__(self) -> None:
        self.head = word(self.begin)
        self.tail = word(self.begin)
        self.store = array("B", bytes(self.size))

    @property
    def data(self) -> memoryview:
        return memoryview(self.store)

    @property
    def address(self) -> int:
        return self.store.buffer_info()[0]

    def record(self, kind: int, body: bytes) -> bool:
        raw = struct.pack("=IHH", kind, 0, len(body) + 8) + body
        if len(raw) > self.size - (self.head[0] - self.tail[0]):
            return False
        for i, byte in enumerate(raw):
            self.store[(self.head[0] + i) % self.size] = byte
        self.head[0] += len(raw)
        return True

    def sample(self, payload: bytes) -> bool:
        size = ((len(payload) + 4 + 7) & ~7) - 4
        return self.record(RecordType.SAMPLE, struct.pack("=I", size) + payload.ljust(size, b"\0"))

    def lost(self, count: int) -> bool:
        return self.record(RecordType.LOST, struct.pack("=QQ", 7, count))

    def close(self) -> None:
        self.closed += 1
