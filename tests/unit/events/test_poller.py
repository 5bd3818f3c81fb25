from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from bpfkit.events.poller import Poller


class PipeSource:
    """A source whose records are bytes in a pipe."""

    def __init__(self, callback: Callable[[bytes], object] = lambda record: None) -> None:
        self.reader, self.writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.callback = callback
        self.drained = True
        self.closed = 0

    def fileno(self) -> int:
        return self.reader

    def channels(self) -> Sequence[PipeSource]:
        return (self,)

    def send(self, count: int = 1) -> None:
        os.write(self.writer, b"x" * count)

    def consume(self) -> int:
        self.drained = False
        count = 0
        while True:
            try:
                record = os.read(self.reader, 1)
            except BlockingIOError:
                self.drained = True
                return count
            count += 1
            self.callback(record)

    def close(self) -> None:
        self.closed += 1
        if self.closed == 1:
            os.close(self.reader)
            os.close(self.writer)


@pytest.fixture
def poller() -> Iterator[Poller]:
    with Poller() as poller:
        yield poller


def test_nothing_to_read_takes_the_timeout_in_milliseconds(poller: Poller) -> None:
    poller.add(PipeSource())
    begin = time.monotonic()
    assert poller.poll(50) == 0
    assert 0.045 <= time.monotonic() - begin < 5


def test_a_poller_without_sources_just_waits(poller: Poller) -> None:
    assert poller.poll(1) == 0


def test_records_of_all_sources_are_handed_over_in_one_round(poller: Poller) -> None:
    sources = [PipeSource() for _ in range(5)]
    for i, source in enumerate(sources):
        poller.add(source)
        source.send(i)
    assert poller.poll(1000) == 10


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_what_a_callback_raises_reaches_the_caller(
    poller: Poller, error: type[BaseException]
) -> None:
    def callback(record: bytes) -> None:
        raise error

    source = PipeSource(callback)
    poller.add(source)
    source.send()
    with pytest.raises(error):
        poller.poll(1000)


def test_after_an_exception_the_rest_is_handed_over_without_waiting(poller: Poller) -> None:
    raised = iter([True])

    def callback(record: bytes) -> None:
        if next(raised, False):
            raise ValueError

    for _ in range(2):
        source = PipeSource(callback)
        poller.add(source)
        source.send(2)
    with pytest.raises(ValueError, match=r"^$"):
        poller.poll(1000)
    assert poller.poll(-1) == 3


def test_consume_does_not_wait(poller: Poller) -> None:
    source = PipeSource()
    poller.add(source)
    assert poller.consume() == 0
    source.send(3)
    assert poller.consume() == 3


def test_closing_closes_the_sources_once() -> None:
    source = PipeSource()
    poller = Poller()
    poller.add(source)
    poller.close()
    poller.close()
    assert source.closed == 1
    with pytest.raises(ValueError, match="closed"):
        poller.poll(0)


def test_a_callback_may_close_the_poller() -> None:
    poller = Poller()
    source = PipeSource()
    other = PipeSource()

    def consume() -> int:
        poller.close()
        return 1

    source.consume = consume  # type: ignore[method-assign]
    poller.add(source)
    poller.add(other)
    source.send()
    other.send()
    assert poller.poll(1000) >= 1
    assert other.closed == 1
