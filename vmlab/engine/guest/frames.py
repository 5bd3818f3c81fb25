"""The frames that the agent in a guest and its host exchange; this one file serves both sides.

A frame is a header of five bytes (payload length, big-endian, then the kind) and its payload: JSON
for `CONTROL`, raw bytes for output. A frame never exceeds `MAX_PAYLOAD`, so either side holds at
most one.
"""

from __future__ import annotations

import json
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:  # the guest must not pay for importing typing
    from collections.abc import Sequence
    from typing import Any

PROTOCOL = 1
"""Changes whenever the two sides stop understanding each other."""

PORT_NAME = "vmlab.agent"
"""The virtio port that carries the frames."""

CONTROL = 0x4A
"""JSON object. From the guest: ready, started, refused, exit. From the host: start."""
STDOUT = 0x31
STDERR = 0x32
KINDS = (CONTROL, STDOUT, STDERR)

HEADER = struct.Struct(">IB")
MAX_PAYLOAD = 1 << 20


class FrameError(ValueError):
    """The bytes are not a frame; ``offset`` counts from the first byte ever fed.

    ``frames`` are those that were whole before it in the same bytes.
    """

    def __init__(self, message: str, offset: int, frames: Sequence[tuple[int, bytes]] = ()) -> None:
        super().__init__(f"{message} at byte {offset}")
        self.offset = offset
        self.frames = frames


def encode(kind: int, payload: bytes) -> bytes:
    """Return ``payload`` as one frame.

    Raises ValueError if the payload is longer than `MAX_PAYLOAD`.
    """
    if len(payload) > MAX_PAYLOAD:
        raise ValueError(f"a frame of {len(payload)} bytes is too long; the limit is {MAX_PAYLOAD}")
    return HEADER.pack(len(payload), kind) + payload


def encode_control(message: dict[str, Any]) -> bytes:
    """Return ``message`` as one control frame."""
    return encode(CONTROL, json.dumps(message).encode())


def parse_control(payload: bytes) -> dict[str, Any]:
    """Return the message of a control frame's payload.

    Raises FrameError if it is not a JSON object.
    """
    try:
        message = json.loads(payload)
    except ValueError as error:
        raise FrameError(f"a control frame is not JSON ({error})", 0) from None
    if not isinstance(message, dict):
        raise FrameError("a control frame is not a JSON object", 0)
    return message


class Decoder:
    """Turns a byte stream, cut anywhere, back into frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._consumed = 0

    @property
    def pending_bytes(self) -> int:
        """Bytes of a frame that is not yet whole; 0 at a frame boundary."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """Add ``data`` and return every frame now whole, as (kind, payload).

        Raises FrameError on a header that no peer of ours sends; the stream is lost from there.
        """
        self._buffer += data
        frames: list[tuple[int, bytes]] = []
        while len(self._buffer) >= HEADER.size:
            length, kind = HEADER.unpack_from(self._buffer)
            if length > MAX_PAYLOAD:
                raise FrameError(f"a frame announces {length} bytes", self._consumed, frames)
            if kind not in KINDS:
                raise FrameError(f"a frame has the unknown kind {kind:#x}", self._consumed, frames)
            end = HEADER.size + length
            if len(self._buffer) < end:
                break
            frames.append((kind, bytes(self._buffer[HEADER.size : end])))
            del self._buffer[:end]
            self._consumed += end
        return frames
