"""Maps without keys from Python alone: queues, stacks, Bloom filters."""

from __future__ import annotations

import threading

from bpfkit.maps.bloom import BloomFilter
from bpfkit.maps.queue import Queue, Stack
from bpfkit.system import System
from conformance.case import case
from conformance.fuzz.maps import run, twin_of
from conformance.map_life import check_opening
from tests.contracts.maps import check_bloom, check_queue


def queue_life(queue: Queue[int], kind: str) -> None:
    """Contract, opening, two threads that take different values, random operations."""
    with queue:
        check_queue(queue, [1, 2**63, 3])
        check_opening(queue)
    for seed in range(3):
        with twin_of(kind, System.live()) as twin:
            run(twin, seed, 300)


@case("maps/py/queue", kernel="4.20", feature="map_type/queue")
def test_a_queue_from_python() -> None:
    """A queue gives what was put in, the oldest first, until it is empty."""
    queue_life(Queue.create(name="q", value="u64", max_entries=3), "queue")


@case("maps/py/stack", kernel="4.20", feature="map_type/stack")
def test_a_stack_from_python() -> None:
    """A stack gives what was put in, the newest first, until it is empty."""
    queue_life(Stack.create(name="s", value="u64", max_entries=3), "stack")


@case("maps/py/queue/two-threads", kernel="4.20", feature="map_type/queue")
def test_two_takers_share_a_queue() -> None:
    """Of two threads that take from one queue, each value comes to one."""
    taken: list[int] = []
    with Queue[int].create(name="q", value="u32", max_entries=5000) as queue:
        for i in range(5000):
            queue.push(i)
        takers = [threading.Thread(target=lambda: taken.extend(queue.drain())) for _ in range(2)]
        for taker in takers:
            taker.start()
        for taker in takers:
            taker.join()
    assert sorted(taken) == list(range(5000))


@case("maps/py/bloom-filter", kernel="5.16", feature="map_type/bloom_filter")
def test_a_bloom_filter_from_python() -> None:
    """A Bloom filter finds all that was added, and little of what was not."""
    with BloomFilter[int].create(name="b", value="u64", max_entries=1000, hashes=4) as filter:
        check_bloom(filter, [1, 2, 3])
        check_opening(filter)
        assert filter.info().map_extra == 4
        for i in range(1000):
            filter.add(i)
        assert sum(i in filter for i in range(10_000, 20_000)) < 1500
    for seed in range(3):
        with twin_of("bloom_filter", System.live()) as twin:
            run(twin, seed, 200)
