"""Running one command of the host in one kernel: the engine is chosen here, and falls back here.

``auto`` restores a saved guest; if that cannot be, it boots the same guest from the start; if this
machine or kernel cannot do that either, virtme-ng boots it. Each step down is told through
``notice``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from vmlab.engine.accel import Accelerator, named_accelerator, probe_acceleration, remember
from vmlab.engine.base import Engine
from vmlab.engine.cold import ColdEngine
from vmlab.engine.initramfs import MissingDriversError
from vmlab.engine.interrupt import ending_cleanly
from vmlab.engine.prepare import bootable_kernel
from vmlab.engine.snapshot import SnapshotEngine
from vmlab.engine.virtme import VirtmeEngine, open_virtme_shell
from vmlab.errors import EngineError, ToolMissingError
from vmlab.model import Job, KernelImage, RunResult, Streams, Verdict

ENGINES = ("auto", "snapshot", "cold", "virtme")


def run_job(
    image: KernelImage,
    job: Job,
    streams: Streams,
    *,
    engine: str = "auto",
    cache: Path,
    notice: Callable[[str], None],
    accel: str | None = None,
) -> RunResult:
    """Run ``job`` in the kernel ``image``; its output goes to ``streams`` as it comes.

    ``engine`` is one of `ENGINES`, ``accel`` the name of an accelerator; None probes for one.
    Raises EngineError if no engine of the choice can work on this machine.
    """
    check_job(job)
    cache.mkdir(parents=True, exist_ok=True)
    with ending_cleanly():
        if accel:
            accelerator = named_accelerator(accel, "as asked")
        else:
            accelerator = probe_acceleration(cache, bootable_kernel(image, cache))
        engines = choose_engines(engine, cache, accelerator)
        result = run_first_able(engines, image, job, streams, notice)
        if accel or accelerator.name == "tcg" or result.verdict is not Verdict.BOOT_FAILED:
            return result
        # Nothing of the job has run. A probe is short; this boot says more about KVM than it did.
        emulated = Accelerator("tcg", f"kernel {image.id} did not boot under KVM")
        remember(cache, emulated)
        notice(f"{emulated.reason}; trying without it")
        return run_first_able(choose_engines(engine, cache, emulated), image, job, streams, notice)


def choose_engines(engine: str, cache: Path, accelerator: Accelerator) -> Sequence[Engine]:
    """Return the engines to try for the choice ``engine``, in order.

    Raises EngineError if there is no such choice.
    """
    snapshot, cold = SnapshotEngine(cache, accelerator), ColdEngine(cache, accelerator)
    match engine:
        case "auto":
            return (snapshot, cold, VirtmeEngine(cache, accelerator))
        case "snapshot":
            # A state that does not restore is no reason not to run.
            return (snapshot, cold)
        case "cold":
            return (cold,)
        case "virtme":
            return (VirtmeEngine(cache, accelerator),)
    raise EngineError(f"there is no engine {engine!r}", f"use one of {', '.join(ENGINES)}")


def run_first_able(
    engines: Sequence[Engine],
    image: KernelImage,
    job: Job,
    streams: Streams,
    notice: Callable[[str], None],
) -> RunResult:
    """Run ``job`` with the first of ``engines`` that can, else raise what the last one raised.

    A kernel that lacks the drivers of a guest has failed to boot, so that is a result.
    """
    began = time.monotonic()
    told: list[str] = []
    left = list(engines)
    while left:
        engine = left.pop(0)
        try:
            result = engine.run(image, job, streams, notice)
        except (EngineError, ToolMissingError) as error:
            if isinstance(error, MissingDriversError):
                left = [other for other in left if other.can_do_without(error.missing)]
            if not left:
                if isinstance(error, MissingDriversError):
                    return unbootable(engine.name, time.monotonic() - began, (*told, str(error)))
                raise
            told.append(f"engine {engine.name} cannot run this: {error}; trying {left[0].name}")
            notice(told[-1])
        else:
            return replace(result, notices=(*told, *result.notices))
    raise EngineError("there is no engine to try")


def unbootable(engine: str, duration_s: float, notices: tuple[str, ...]) -> RunResult:
    """Return the result for a kernel that is known not to boot before it is tried."""
    return RunResult(Verdict.BOOT_FAILED, None, engine, duration_s, console="", notices=notices)


def open_shell(image: KernelImage, *, cache: Path, notice: Callable[[str], None]) -> int:
    """Open an interactive shell in the kernel ``image``; return its exit status."""
    cache.mkdir(parents=True, exist_ok=True)
    with ending_cleanly():
        return open_virtme_shell(image, cache, probe_acceleration(cache), notice)


def check_job(job: Job) -> None:
    """Raise EngineError if ``job`` cannot run anywhere."""
    if not job.argv:
        raise EngineError("there is no command to run")
    if not job.cwd.is_absolute() or not job.cwd.is_dir():
        raise EngineError(f"{job.cwd} is not a directory to run in", "give an absolute path")
    if job.share is not None and not job.share.is_dir():
        raise EngineError(f"{job.share} is not a directory to share")
    if job.cpus < 1 or job.memory_mib < 256:
        raise EngineError("a guest needs at least 1 cpu and 256 MiB")
