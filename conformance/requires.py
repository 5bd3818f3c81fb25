"""What a case needs of a kernel, and the rule that turns it into run, skip or failure.

A requirement is data. ``kernel`` is the first release that has the feature; ``feature`` names a
probe of ``bpfkit.features``; ``config`` a build option. The probe decides and the release
cross-checks it: a kernel at or above the release whose probe says no is a lie, not a skip.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Answer(StrEnum):
    """A probe's answer."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Decision(StrEnum):
    """What to do with a case."""

    RUN = "run"
    SKIP = "skip"
    LIE = "lie"


@dataclass(frozen=True, slots=True)
class Requirement:
    """What a case needs. Empty fields ask nothing."""

    kernel: str = ""  # "5.8"
    feature: str = ""  # "map_type/ringbuf"
    config: str = ""  # "BPF_LSM"
    arch: str = ""  # "x86_64"


@dataclass(frozen=True, slots=True)
class Situation:
    """What a kernel says to a requirement."""

    version: tuple[int, ...]
    vanilla: bool  # not a distribution's kernel: nothing is backported
    config_present: bool | None  # None: the configuration is unknown
    probe: Answer | None  # None: the requirement names no probe
    arch: str = ""


def parse_version(text: str) -> tuple[int, ...]:
    """``"5.8"`` as ``(5, 8)``."""
    return tuple(int(part) for part in text.split("."))


def decide(need: Requirement, here: Situation) -> tuple[Decision, str, str]:
    """Apply the rule of the house: (decision, reason, what decided).

    Without a named probe the release decides alone; the record says so.
    """
    if need.arch and need.arch != here.arch:
        return Decision.SKIP, f"only on {need.arch}", "arch"
    if need.config and here.config_present is False:
        return Decision.SKIP, f"this kernel is built without CONFIG_{need.config}", "config"
    reached = not need.kernel or here.version >= parse_version(need.kernel)
    if here.probe is None:
        if reached:
            return Decision.RUN, "", "release" if need.kernel else ""
        return Decision.SKIP, f"it came with Linux {need.kernel}", "release"
    if here.probe is Answer.UNKNOWN:
        return Decision.LIE, f"the probe of {need.feature} could not finish", "probe"
    if here.probe is Answer.YES:
        if reached or not here.vanilla:
            return Decision.RUN, "", "probe"
        return (
            Decision.LIE,
            f"{need.feature} is here although our table says {need.kernel}",
            "probe",
        )
    if not reached:
        return (
            Decision.SKIP,
            f"{need.feature} is not here; it came with Linux {need.kernel}",
            "probe",
        )
    since = need.kernel or "the first"
    return Decision.LIE, f"{need.feature} is missing although our table says {since}", "probe"
