"""What became of a command, decided from how its guest ended: one table for every engine."""

from __future__ import annotations

from enum import StrEnum

from vmlab.model import Verdict


class Phase(StrEnum):
    """How far a guest came."""

    BOOT = "boot"
    """The agent has not said that the command started."""
    RUN = "run"
    """The command started."""


class Ending(StrEnum):
    """How the conversation with a guest ended."""

    EXIT = "exit"
    """The framed exit message came."""
    REFUSED = "refused"
    """The agent said that it could not set the job up."""
    GONE = "gone"
    """The channel ended first. QEMU's exit status says nothing: it is 0 after a panic too."""
    DEADLINE = "deadline"
    """The deadline passed first."""


def classify(phase: Phase, ending: Ending, exit_status: int | None, *, panicked: bool) -> Verdict:
    """Return the verdict; ``panicked`` is whether the console has a kernel panic.

    Only a framed exit message makes a run finished, so nothing else is ever `Verdict.OK`.
    """
    if ending is Ending.EXIT and exit_status is not None:
        return Verdict.OK if exit_status == 0 else Verdict.FAILED
    if phase is Phase.BOOT:
        return Verdict.BOOT_FAILED
    if panicked:
        return Verdict.PANIC
    return Verdict.TIMEOUT if ending is Ending.DEADLINE else Verdict.LOST
