"""The ``cold`` engine: boots the guest from the start, for one job."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

from vmlab.engine.accel import Accelerator
from vmlab.engine.base import Notice
from vmlab.engine.channel import Channel
from vmlab.engine.console import Console
from vmlab.engine.prepare import prepare_machine, share_directory
from vmlab.engine.qemu import Guest
from vmlab.engine.session import Session, boot_timeout_s
from vmlab.model import Job, KernelImage, RunResult, Streams, Verdict


@dataclass(frozen=True, slots=True)
class ColdEngine:
    """Boots without any saved state."""

    cache: Path
    accelerator: Accelerator
    name: str = "cold"

    def can_do_without(self, drivers: Collection[str]) -> bool:
        """Whether a kernel that lacks ``drivers`` can still be booted."""
        return not drivers

    def run(self, image: KernelImage, job: Job, streams: Streams, notice: Notice) -> RunResult:
        """Boot and run ``job``."""
        machine = prepare_machine(image, job, self.accelerator, self.cache, notice)
        with Guest(machine, share_directory(job, self.cache)) as guest:
            channel = Channel(guest.agent, guest.console, Console())
            session = Session(channel, self.name, job, streams, image.modules)
            result = session.run_booting(boot_timeout_s())
            return explain(result, guest)


def explain(result: RunResult, guest: Guest) -> RunResult:
    """Add what QEMU itself said, when the guest never came to run its command."""
    said = guest.process.error_text() if result.verdict is Verdict.BOOT_FAILED else ""
    return replace(result, notices=(*result.notices, f"qemu: {said}")) if said else result
