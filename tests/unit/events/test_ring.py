from __future__ import annotations

from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpfkit.errors import FormatError
from bpfkit.events.ring import RingMemory, RingReader, scan
from tests.fakes.rings import FakeRing


def reader(ring: FakeRing, into: list[bytes]) -> RingReader:
    def callback(address: int, size: int) -> None:
        into.append(bytes(result.view(address, size)))

    result = RingReader(cast(RingMemory, ring), 3, callback)
    return result


payloads = st.lists(st.tuples(st.binary(max_size=300), st.booleans()), max_size=60)


@given(payloads, st.integers(0, 10_000).map(lambda n: n * 8), st.integers(1, 8))
def test_every_committed_record_comes_once_and_in_order(
    records: list[tuple[bytes, bool]], begin: int, rhythm: int
) -> None:
    ring = FakeRing(size=1024, begin=begin)
    seen: list[bytes] = []
    consumer = reader(ring, seen)
    sent = []
    for i, (payload, discard) in enumerate(records):
        if ring.submit(payload, discard=discard) and not discard:
            sent.append(payload)
        if i % rhythm == 0:
            consumer.consume()
    consumer.consume()
    assert seen == sent
    assert ring.consumer[0] == ring.producer[0]
    assert consumer.drained


@given(payloads, st.integers(0, 59))
def test_a_busy_record_holds_back_what_follows(
    records: list[tuple[bytes, bool]], busy_at: int
) -> None:
    ring = FakeRing(size=65536)
    seen: list[bytes] = []
    consumer = reader(ring, seen)
    held = None
    for i, (payload, discard) in enumerate(records):
        if i == busy_at:
            held = ring.producer[0]
        ring.submit(payload, busy=i == busy_at, discard=discard)
    consumer.consume()
    sent = [payload for payload, discard in records if not discard]
    if held is not None:
        assert ring.consumer[0] == held
        assert seen == [payload for payload, discard in records[:busy_at] if not discard]
        ring.commit(held)
        consumer.consume()
    assert seen == sent


def test_a_batch_limit_does_not_end_the_round() -> None:
    ring = FakeRing(size=65536)
    for i in range(1000):
        ring.submit(i.to_bytes(4, "little"))
    seen: list[bytes] = []
    assert reader(ring, seen).consume() == 1000
    assert seen[-1] == (999).to_bytes(4, "little")


def test_a_round_ends_after_one_ring_full() -> None:
    ring = FakeRing(size=256)
    ring.submit(b"x" * 8)

    def refill(address: int, size: int) -> None:
        ring.submit(b"x" * 8)

    consumer = RingReader(cast(RingMemory, ring), 3, refill)
    assert consumer.consume() == 16
    assert not consumer.drained


def test_a_negative_result_stops_behind_its_record() -> None:
    ring = FakeRing()
    for payload in (b"a", b"b", b"c"):
        ring.submit(payload)
    results = iter([0, -1, 0])
    consumer = RingReader(cast(RingMemory, ring), 3, lambda address, size: next(results))
    assert consumer.consume() == 2
    assert not consumer.drained
    assert consumer.consume() == 1
    assert consumer.drained


def test_an_exception_reaches_the_caller_and_its_record_counts_as_read() -> None:
    ring = FakeRing()
    for payload in (b"a", b"b"):
        ring.submit(payload)
    seen: list[int] = []

    def callback(address: int, size: int) -> None:
        seen.append(address)
        if len(seen) == 1:
            raise KeyboardInterrupt

    consumer = RingReader(cast(RingMemory, ring), 3, callback)
    with pytest.raises(KeyboardInterrupt):
        consumer.consume()
    assert not consumer.drained
    assert consumer.consume() == 1


def test_close_inside_the_callback_unmaps_after_it() -> None:
    ring = FakeRing()
    ring.submit(b"a")
    ring.submit(b"b")
    closed_during: list[int] = []

    def callback(address: int, size: int) -> None:
        consumer.close()
        closed_during.append(ring.closed)

    consumer = RingReader(cast(RingMemory, ring), 3, callback)
    consumer.consume()
    consumer.close()
    assert closed_during == [0]
    assert ring.closed == 1
    assert consumer.consume() == 0


def test_consume_inside_the_callback_does_nothing() -> None:
    ring = FakeRing()
    ring.submit(b"a")
    inner: list[int] = []
    consumer = RingReader(
        cast(RingMemory, ring), 3, lambda address, size: inner.append(consumer.consume())
    )
    assert consumer.consume() == 1
    assert inner == [0]


@given(st.binary(min_size=1, max_size=100), st.integers(0, 200))
def test_a_record_beyond_the_producer_is_a_format_error(payload: bytes, cut: int) -> None:
    ring = FakeRing()
    ring.submit(payload)
    whole = ring.producer[0]
    producer = min(cut, whole)
    if producer == 0 or producer == whole:
        assert len(scan(ring.data, 0, producer, 9)[0]) == (1 if producer else 0)
    else:
        with pytest.raises(FormatError):
            scan(ring.data, 0, producer, 9)


@given(st.binary(min_size=512, max_size=512), st.integers(0, 32).map(lambda n: n * 8))
def test_noise_gives_records_inside_the_ring_or_an_error(noise: bytes, producer: int) -> None:
    try:
        found, reached = scan(memoryview(noise), 0, producer, 100)
    except FormatError:
        return
    assert reached <= producer
    assert all(record.next <= producer for record in found)
