"""What every engine offers, and what it may say instead of a result."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Protocol

from vmlab.model import Job, KernelImage, RunResult, Streams

Notice = Callable[[str], None]
"""Takes one line for the user about how, not what: a fallback, a first boot that takes long."""


class Engine(Protocol):
    """Boots a kernel and runs one job in it."""

    @property
    def name(self) -> str:
        """The name that results carry."""
        ...

    def can_do_without(self, drivers: Collection[str]) -> bool:
        """Whether a kernel that lacks ``drivers`` (names of modules) can still be booted."""
        ...

    def run(self, image: KernelImage, job: Job, streams: Streams, notice: Notice) -> RunResult:
        """Run ``job`` and say what became of it.

        Raises EngineError if the engine cannot work here; nothing of the job has run then, so
        another engine may be tried.
        """
        ...
