"""The nouns of the lab, shared by the part that gets kernels and the part that runs them.

A `Kernel` is what a manifest declares; a `KernelImage` is the same kernel as files on this machine;
a `Job` is one command to run in it; a `RunResult` is what became of that command.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """One place a kernel can come from; a manifest lists them in the order they are tried."""

    kind: str
    """``debian`` (a signed archive), ``mainline`` (virtme-ng's), ``image`` (a user's file)."""
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Kernel:
    """A kernel of ``kernels/manifest``: what it is, where it comes from, why it is in the set."""

    id: str
    series: str
    why: str
    differs: str
    sources: tuple[SourceSpec, ...]
    cmdline: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KernelImage:
    """A kernel as files on this machine, ready to boot.

    ``image`` is a bzImage or an uncompressed vmlinux. ``modules`` is the directory that holds
    ``modules.dep`` (its name is the release), or None when everything is built in. ``digest``
    changes whenever any of the files does; engines key what they derive from an image by it.
    """

    id: str
    release: str
    image: Path
    modules: Path | None
    config: Path | None
    digest: str
    origin: str
    cmdline: tuple[str, ...] = ()


class Verdict(StrEnum):
    """What became of a command in a guest."""

    OK = "ok"
    """The command ran and its exit status was 0."""
    FAILED = "failed"
    """The command ran and its exit status was not 0."""
    BOOT_FAILED = "boot_failed"
    """The guest never came as far as running the command."""
    PANIC = "panic"
    """The kernel panicked or oopsed while the command ran; the console has the trace."""
    LOST = "lost"
    """QEMU ended, or the channel broke, with no exit message and no panic on the console."""
    TIMEOUT = "timeout"
    """The deadline passed first; the guest was killed."""


@dataclass(frozen=True, slots=True)
class Job:
    """One command of the host to run as root in a guest."""

    argv: Sequence[str]
    cwd: Path
    env: Mapping[str, str] = field(default_factory=dict)
    share: Path | None = None
    """Directory of the host, mounted read-write in the guest at the path in ``$VMLAB_SHARE``."""
    timeout_s: float = 600.0
    cpus: int = 2
    memory_mib: int = 1024


@dataclass(frozen=True, slots=True)
class RunResult:
    """What became of a job. ``exit_status`` is None unless the guest's exit message came."""

    verdict: Verdict
    exit_status: int | None
    engine: str
    duration_s: float
    console: str
    """The guest's console: whole when short, else its tail; the oops for `Verdict.PANIC`."""
    notices: tuple[str, ...] = ()


@dataclass(slots=True)
class Streams:
    """Where a job's output goes, live, byte for byte."""

    stdout: BinaryIO
    stderr: BinaryIO
