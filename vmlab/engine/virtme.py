"""The ``virtme`` engine: virtme-ng boots the kernel on a snapshot of the host's root."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vmlab.engine.accel import Accelerator
from vmlab.engine.base import Notice
from vmlab.errors import EngineError
from vmlab.model import Job, KernelImage, RunResult, Streams


@dataclass(frozen=True, slots=True)
class VirtmeEngine:
    cache: Path
    accelerator: Accelerator
    name: str = "virtme"

    def run(self, image: KernelImage, job: Job, streams: Streams, notice: Notice) -> RunResult:
        raise EngineError("not yet")


def open_virtme_shell(
    image: KernelImage, cache: Path, accelerator: Accelerator, notice: Callable[[str], None]
) -> int:
    raise EngineError("not yet")
