from __future__ import annotations

import ctypes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpfkit.errors import FormatError
from bpfkit.events.perf_ring import PerfRing, scan
from bpfkit.uapi.perf_event import RecordType
from tests.fakes.rings import FakePerf


def collect(ring: FakePerf, into: list[bytes | int], cpu: int = 0) -> PerfRing:
    def sample(cpu: int, address: int, size: int) -> None:
        into.append(ctypes.string_at(address, size))

    return PerfRing(ring, 3, cpu, sample, into.append)


records = st.lists(st.one_of(st.binary(max_size=200), st.integers(0, 2**64 - 1)), max_size=60)


@given(records, st.integers(0, 4096).map(lambda n: n * 8), st.integers(1, 8))
def test_samples_and_lost_counts_come_once_and_in_order(
    sequence: list[bytes | int], begin: int, rhythm: int
) -> None:
    ring = FakePerf(size=512, begin=begin)
    seen: list[bytes | int] = []
    reader = collect(ring, seen)
    sent: list[bytes | int] = []
    for i, record in enumerate(sequence):
        if ring.lost(record) if isinstance(record, int) else ring.sample(record):
            sent.append(record)
        if i % rhythm == 0:
            reader.consume()
    reader.consume()
    assert len(seen) == len(sent)
    for got, expected in zip(seen, sent, strict=True):
        if isinstance(expected, bytes):
            assert isinstance(got, bytes)
            assert got.startswith(expected)
            assert len(got) == ((len(expected) + 11) & ~7) - 4
        else:
            assert got == expected
    assert ring.tail[0] == ring.head[0]
    assert reader.drained


def test_the_callback_learns_the_cpu() -> None:
    ring = FakePerf()
    ring.sample(b"x")
    cpus: list[int] = []
    PerfRing(ring, 3, 5, lambda cpu, address, size: cpus.append(cpu)).consume()
    assert cpus == [5]


def test_other_records_are_passed_over() -> None:
    ring = FakePerf()
    ring.record(5, bytes(24))
    ring.sample(b"x")
    seen: list[bytes | int] = []
    assert collect(ring, seen).consume() == 1
    assert len(seen) == 1


def test_an_exception_reaches_the_caller_and_its_record_counts_as_read() -> None:
    ring = FakePerf()
    ring.sample(b"a")
    ring.sample(b"b")
    calls: list[int] = []

    def callback(cpu: int, address: int, size: int) -> None:
        calls.append(size)
        if len(calls) == 1:
            raise KeyboardInterrupt

    reader = PerfRing(ring, 3, 0, callback)
    with pytest.raises(KeyboardInterrupt):
        reader.consume()
    assert not reader.drained
    assert reader.consume() == 1
    assert reader.drained


def test_a_round_ends_after_one_ring_full() -> None:
    ring = FakePerf(size=256)
    ring.sample(b"x" * 4)
    reader = PerfRing(ring, 3, 0, lambda cpu, address, size: ring.sample(b"x" * 4))
    assert reader.consume() == 16
    assert not reader.drained


def test_close_inside_the_callback_unmaps_after_it() -> None:
    ring = FakePerf()
    ring.sample(b"a")
    ring.sample(b"b")
    during: list[int] = []

    def callback(cpu: int, address: int, size: int) -> None:
        reader.close()
        during.append(ring.closed)

    reader = PerfRing(ring, 3, 0, callback)
    assert reader.consume() == 1
    assert during == [0]
    assert ring.closed == 1


@given(st.binary(max_size=64), st.integers(1, 200))
def test_a_cut_record_is_a_format_error(payload: bytes, cut: int) -> None:
    ring = FakePerf()
    ring.sample(payload)
    head = min(cut, ring.head[0])
    if head < ring.head[0]:
        with pytest.raises(FormatError):
            scan(ring.data, 0, head, 9)
    else:
        assert len(scan(ring.data, 0, head, 9)[0]) == 1


def test_a_sample_larger_than_its_record_is_a_format_error() -> None:
    ring = FakePerf()
    ring.record(RecordType.SAMPLE, (100).to_bytes(4, "little") + bytes(4))
    with pytest.raises(FormatError):
        collect(ring, []).consume()
