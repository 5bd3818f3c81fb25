"""Waiting for many readers at once.

A perf ring announces itself once: the kernel forgets a wake-up as soon as epoll has reported it. So
the poller remembers every channel that was reported and not read to its end, and takes those first.
"""

from __future__ import annotations

import select
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from .source import Channel, Source


class Poller:
    """Waits for records of the sources it was given, and owns them.

    Not for use from two threads at once. A callback may add sources, and may close the poller.
    """

    def __init__(self) -> None:
        self._sources: list[Source] = []
        self._channels: dict[int, Channel] = {}
        self._pending: dict[int, Channel] = {}
        self._epoll: select.epoll | None = None
        self._closed = False

    @property
    def sources(self) -> Sequence[Source]:
        """What was added, in order."""
        return tuple(self._sources)

    def add(self, source: Source) -> None:
        """Wait for ``source`` too; it is closed together with the poller."""
        epoll = self._waiter()
        self._sources.append(source)
        for channel in source.channels():
            epoll.register(channel.fileno(), select.EPOLLIN)
            self._channels[channel.fileno()] = channel

    def poll(self, timeout_ms: float = -1) -> int:
        """Wait for records and hand over all that are there; how many they were.

        ``timeout_ms`` is the longest wait, negative for one without end. What a callback raises
        comes out of here, KeyboardInterrupt included; nothing is lost by it, the next call goes on
        behind the record that raised.
        """
        wait_ms = 0 if self._pending else timeout_ms
        seconds = None if wait_ms < 0 else wait_ms / 1000
        ready = self._waiter().poll(seconds, max(1, len(self._channels)))
        for fd, events in ready:
            self._pending[fd] = self._channels[fd]
            if not events & select.EPOLLIN:
                # Its CPU or task is gone for good: it would be reported for ever.
                self._waiter().unregister(fd)
        return self._drain()

    def consume(self) -> int:
        """Hand over all records that are there without waiting, announced or not."""
        self._pending = dict(self._channels)
        return self._drain()

    def _drain(self) -> int:
        count = 0
        for fd, channel in list(self._pending.items()):
            count += channel.consume()
            if channel.drained:
                self._pending.pop(fd, None)
            if self._closed:
                break
        return count

    def _waiter(self) -> select.epoll:
        if self._closed:
            raise ValueError("the poller is closed")
        if self._epoll is None:
            self._epoll = select.epoll()
        return self._epoll

    def close(self) -> None:
        """Close every source. Calling it twice is harmless."""
        self._closed = True
        if self._epoll is not None:
            self._epoll.close()
            self._epoll = None
        self._pending.clear()
        self._channels.clear()
        while self._sources:
            self._sources.pop().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
