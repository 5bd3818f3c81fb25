"""What the client and the helper say to each other about one job: frames over a stream socket.

    frame     u8 kind, u32 size (little endian), the content

Content is text, or values under pickle. What comes from a child is read by `values.read_value`: a
child that a hostile text took over can at most give a wrong answer.
"""

from __future__ import annotations

import pickle
import socket
import struct
from enum import IntEnum

from ..values import write_value

HEAD = struct.Struct("<BI")
CHUNK = 1 << 20


class Kind(IntEnum):
    """What a frame is."""

    IR = 1
    """To the helper: an `IrJob`."""
    TEXT = 2
    """To the helper: a `TextJob`."""
    ASK = 3
    """From the helper: (name, arguments) of a fact of the kernel."""
    ANSWER = 4
    """To the helper: the fact."""
    OBJECT = 5
    """From a child: the object's bytes."""
    COMPILED = 6
    """From a child: a `Compiled`."""
    REFUSED = 7
    """From a child: the diagnostics of a CompileError."""
    MISSING = 8
    """From a child: which package is not installed."""
    BROKEN = 9
    """From a child: an exception nobody expected, as text."""
    ENDED = 10
    """From the helper, the last frame: the wait status of the child (i32)."""
    EXHAUSTED = 11
    """From a child: there was no more memory."""


class ClosedError(Exception):
    """The other side went away."""


class Channel:
    """Frames over a blocking socket."""

    def __init__(self, socket: socket.socket) -> None:
        self.socket = socket

    def send(self, kind: Kind, content: bytes) -> None:
        """Send a frame. Raises ClosedError."""
        try:
            self.socket.sendall(frame(kind, content))
        except OSError as error:
            raise ClosedError from error

    def receive(self) -> tuple[Kind, bytes]:
        """Wait for a frame. Raises ClosedError."""
        kind, size = HEAD.unpack(self._exactly(HEAD.size))
        return Kind(kind), self._exactly(size)

    def ask(self, *question: str) -> object:
        """Ask the client for a fact."""
        self.send(Kind.ASK, write_value(question))
        kind, content = self.receive()
        if kind is not Kind.ANSWER:
            raise ClosedError
        return pickle.loads(content)  # from our client, which started us

    def _exactly(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            try:
                chunk = self.socket.recv(min(size - len(data), CHUNK))
            except OSError as error:
                raise ClosedError from error
            if not chunk:
                raise ClosedError
            data += chunk
        return bytes(data)


def frame(kind: Kind, content: bytes) -> bytes:
    """One frame."""
    return HEAD.pack(kind, len(content)) + content


def take_frame(data: bytearray) -> tuple[Kind, bytes] | None:
    """Take the first frame off ``data``; None while it is not all there."""
    if len(data) < HEAD.size:
        return None
    kind, size = HEAD.unpack_from(data)
    end = HEAD.size + size
    if len(data) < end:
        return None
    content = bytes(data[HEAD.size : end])
    del data[:end]
    return Kind(kind), content
