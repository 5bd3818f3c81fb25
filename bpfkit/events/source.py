"""What a poller needs of a reader."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Channel(Protocol):
    """One descriptor that becomes readable, and the records behind it."""

    def fileno(self) -> int:
        """The descriptor to wait on."""

    def consume(self) -> int:
        """Hand over the records that are there; how many they were.

        What a callback raises comes out of here. The record it was called with counts as read.
        """

    @property
    def drained(self) -> bool:
        """False when the last `consume` left records behind that no wake-up will announce."""


class Source(Protocol):
    """A reader: one channel, or one for each CPU."""

    def channels(self) -> Sequence[Channel]:
        """The channels, the same ones at each call."""

    def close(self) -> None:
        """Let go of memory and descriptors. Calling it twice is harmless."""
