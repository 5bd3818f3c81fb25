"""A system over a kernel in memory."""

from __future__ import annotations

from pathlib import Path

from bpfkit.host.facts import LiveFacts
from bpfkit.system import System
from tests.fakes.syscalls import FakeSyscalls


def fake_system(root: Path, release: str = "6.12.1") -> tuple[System, FakeSyscalls]:
    """A system whose files lie below ``root`` and whose kernel keeps maps in memory; 4 CPUs."""
    cpus = root / "sys/devices/system/cpu"
    cpus.mkdir(parents=True, exist_ok=True)
    (cpus / "possible").write_text("0-3\n")
    (cpus / "online").write_text("0-1\n")
    calls = FakeSyscalls()
    return System(calls, LiveFacts(root, release, "#1 SMP")), calls
