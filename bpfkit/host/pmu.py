"""Perf's dynamic event sources: sysfs gives each a number, and says which bits mean what.

Source: Documentation/ABI/testing/sysfs-bus-event_source-devices-format.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ..errors import FormatError


@dataclass(frozen=True, slots=True)
class ProbePmu:
    """The source "kprobe" or "uprobe": its type number and the config bit for return probes."""

    type: int
    retprobe_bit: int
    ref_ctr_shift: int | None = None
    """Where in config a uprobe's reference counter offset goes; None where there is no place."""


def read_probe_pmu(name: str, root: Path = Path("/")) -> ProbePmu | None:
    """Read source ``name`` from sysfs; None when this kernel has no such source.

    Raises FormatError when its files do not say what they should.
    """
    folder = root / "sys/bus/event_source/devices" / name
    try:
        number = (folder / "type").read_text()
        retprobe = (folder / "format/retprobe").read_text()
    except OSError:
        return None
    if not number.strip().isdigit():
        raise FormatError(f"the type of event source '{name}' is no number: {number!r}")
    counter = folder / "format/ref_ctr_offset"
    shift = parse_bits(counter.read_text()) if counter.exists() else None
    return ProbePmu(int(number), parse_bits(retprobe), shift)


def parse_bits(text: str) -> int:
    """The lowest bit of ``config:0`` or ``config:32-63``; FormatError for anything else."""
    match = re.fullmatch(r"config:(\d+)(-\d+)?", text.strip())
    if match is None:
        raise FormatError(f"not a place in config: {text!r}")
    return int(match[1])
