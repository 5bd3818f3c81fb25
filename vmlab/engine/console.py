"""A guest's console: kept bounded, watched for a panic, searched for the oops behind it."""

from __future__ import annotations

import re
import time

HEAD_BYTES = 64 << 10
TAIL_BYTES = 256 << 10

_PANIC = re.compile(rb"Kernel panic - not syncing")
_OOPS_START = re.compile(
    r"^.*(?:BUG: |Oops: |kernel BUG at |general protection fault|Internal error: |"
    r"sysrq: Trigger a crash|watchdog: BUG|rcu: INFO: .*detected stall|"
    r"Kernel panic - not syncing).*$",
    re.MULTILINE,
)
_ESCAPES = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z]|c)")


class Console:
    """What came on the console so far: the beginning and the end of it, if it is long."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._tail = bytearray()
        self._dropped_bytes = 0
        self.panicked_at: float | None = None
        """When the kernel said that it panics, in the time of `time.monotonic`."""

    def feed(self, data: bytes) -> None:
        """Add what was read."""
        if self.panicked_at is None:
            # The words may come in two reads.
            seam = bytes((self._tail or self._head)[-64:])
            if _PANIC.search(seam + data):
                self.panicked_at = time.monotonic()
        room = HEAD_BYTES - len(self._head)
        self._head += data[:room]
        self._tail += data[room:]
        if len(self._tail) > 2 * TAIL_BYTES:
            excess = len(self._tail) - TAIL_BYTES
            del self._tail[:excess]
            self._dropped_bytes += excess

    @property
    def panicked(self) -> bool:
        """Whether the kernel said that it panics."""
        return self.panicked_at is not None

    def text(self) -> str:
        """Return the console as text; a gap is marked with the number of bytes left out."""
        gap = f"\n[... {self._dropped_bytes} bytes left out ...]\n" if self._dropped_bytes else ""
        text = self._head.decode(errors="replace") + gap + self._tail.decode(errors="replace")
        return _ESCAPES.sub("", text).replace("\r\n", "\n").replace("\r", "")

    def oops(self) -> str:
        """Return the text from the first sign of the crash on; all of it if there is none."""
        text = self.text()
        start = _OOPS_START.search(text)
        return text[start.start() :] if start else text
