"""The host's end of the channel to the agent in a guest, and of the guest's console.

Both are sockets whose other end QEMU holds, so that no name in the filesystem is needed and the
death of QEMU is seen at once as their end. The frames are those of `guest.frames`.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Mapping, Sequence
from typing import Any

from vmlab.engine.console import Console
from vmlab.engine.guest.frames import (
    CONTROL,
    STDOUT,
    Decoder,
    FrameError,
    encode_control,
    parse_control,
)
from vmlab.model import Streams

_READ_BYTES = 1 << 18
_LAST_WORDS_S = 2.0
"""How long to read on from a console after the channel ended."""
_PANIC_GRACE_S = 5.0
"""How long a guest that says it panics may take to end."""


class GuestGone(Exception):  # noqa: N818 - an ending, not an error of ours
    """The channel ended: QEMU is gone, or what came is not a frame."""


class DeadlinePassed(Exception):  # noqa: N818 - an ending, not an error of ours
    """The guest did not say what was waited for in time."""


class GuestRefused(Exception):  # noqa: N818 - an ending, not an error of ours
    """The agent could not set the job up; the text says why."""


class Channel:
    """Talks to one agent, and collects the console meanwhile."""

    def __init__(
        self, agent: socket.socket, console_socket: socket.socket, console: Console
    ) -> None:
        self.console = console
        self._agent = agent
        self._console_socket = console_socket
        self._decoder = Decoder()
        self._messages: list[dict[str, Any]] = []
        for end in (agent, console_socket):
            end.setblocking(False)
        self._poller = select.poll()
        self._poller.register(agent, select.POLLIN)
        self._poller.register(console_socket, select.POLLIN)
        self._console_open = True
        self._broken = ""

    def send(self, message: Mapping[str, Any], deadline: float) -> None:
        """Send a control frame. ``deadline`` is a time of `time.monotonic`."""
        data = memoryview(encode_control(dict(message)))
        while data:
            try:
                data = data[self._agent.send(data) :]
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise DeadlinePassed from None
                select.select([], [self._agent], [], 0.1)
            except OSError as error:
                self._read_last_words()
                raise GuestGone(str(error)) from None

    def expect(self, event: str, streams: Streams, deadline: float) -> dict[str, Any]:
        """Wait for the control message ``event``, passing output on to ``streams`` until then.

        Raises GuestGone, DeadlinePassed, or GuestRefused when the agent says that it cannot go on.
        """
        while True:
            while self._messages:
                message = self._messages.pop(0)
                if message.get("event") == event:
                    return message
                if message.get("event") == "refused":
                    raise GuestRefused(str(message.get("message")))
            self._wait(streams, deadline)

    def _wait(self, streams: Streams, deadline: float) -> None:
        if self._broken:
            raise GuestGone(self._broken)
        panicked = self.console.panicked_at
        if panicked is not None:
            deadline = min(deadline, panicked + _PANIC_GRACE_S)
        left = deadline - time.monotonic()
        if left <= 0:
            raise DeadlinePassed
        # A console line can announce a panic while nothing else ever comes, so look again each
        # second.
        ready = {fd for fd, _ in self._poller.poll(min(left, 1.0) * 1000)}
        if self._console_socket.fileno() in ready:
            self._read_console()
        if self._agent.fileno() in ready:
            self._read_agent(streams)

    def _read_agent(self, streams: Streams) -> None:
        try:
            data = self._agent.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._read_last_words()
            raise GuestGone("the channel to the guest ended")
        try:
            self._deliver(self._decoder.feed(data), streams)
        except FrameError as error:
            self._deliver(error.frames, streams)
            self._broken = f"the channel to the guest is broken: {error}"

    def _deliver(self, frames: Sequence[tuple[int, bytes]], streams: Streams) -> None:
        for kind, payload in frames:
            if kind == CONTROL:
                self._messages.append(parse_control(payload))
            else:
                target = streams.stdout if kind == STDOUT else streams.stderr
                target.write(payload)
                target.flush()

    def _read_console(self) -> None:
        try:
            data = self._console_socket.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self.console.feed(data)
        elif self._console_open:
            self._console_open = False
            self._poller.unregister(self._console_socket)

    def _read_last_words(self) -> None:
        """Read the console to its end; QEMU closes it when it dies."""
        end = time.monotonic() + _LAST_WORDS_S
        while self._console_open and time.monotonic() < end:
            if select.select([self._console_socket], [], [], 0.1)[0]:
                self._read_console()
