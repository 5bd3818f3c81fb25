"""The host side: run the suite in guests through vmlab, and turn the records into a report.

One guest runs the whole suite; its records land in the shared directory line by line, so a guest
that dies keeps what it had proved. The verdict on the guest is added here: only the host knows it.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vmlab.cache import Cache, cache_root
from vmlab.lock import load_pins
from vmlab.manifest import load_kernel, resolve_set
from vmlab.model import Job, Kernel, KernelImage, RunResult, Streams, Verdict
from vmlab.obtain import Obtainer
from vmlab.runner import run_job
from vmlab.sources.image import image_instead_of

from .record import CaseRecord, KernelRecord, Outcome, Record, append_records, read_records
from .recording import recorded_facts, stage_objects
from .report.markdown import emit_report
from .staging import ROOT, stage

GUEST_SHARE = "/run/vmlab/share"
BAD = {Outcome.FAIL, Outcome.LIE, Outcome.ERROR}


@dataclass(frozen=True, slots=True)
class Options:
    """How to run the suite."""

    out: Path
    engine: str = "auto"
    timeout_s: float = 3600.0
    image: Path | None = None
    modules: Path | None = None
    pytest_args: tuple[str, ...] = ()


def say(text: str) -> None:
    """Write one line for people."""
    sys.stderr.write(f"conformance: {text}\n")
    sys.stderr.flush()


def run_kernel(kernel_id: str, options: Options) -> list[Record]:
    """Run the suite in one kernel and return its records, the guest's verdict included."""
    cache = Cache(cache_root(os.environ))
    with (
        lease(load_kernel(kernel_id), options, cache) as image,
        tempfile.TemporaryDirectory(prefix="conformance-") as directory,
    ):
        say(f"{kernel_id}: Linux {image.release}, from {image.origin}")
        share = Path(directory)
        started = time.monotonic()
        env = stage_objects(
            share,
            lambda: recorded_facts(image, cache, say, options.engine),
            lambda: _oldest_facts(image, cache, options),
            say,
        )
        result = run_job(
            image,
            _job(kernel_id, share, options, env),
            Streams(sys.stdout.buffer, sys.stderr.buffer),
            engine=options.engine,
            cache=cache.root,
            notice=say,
        )
        records = list(read_records(share / "records.jsonl")) if _began(share) else []
    return finish(kernel_id, image.release, records, result, time.monotonic() - started)


def _oldest_facts(image: KernelImage, cache: Cache, options: Options) -> Path:
    """The facts of the oldest kernel we declare, which the one object is compiled for."""
    oldest = resolve_set("all")[0]
    if oldest.id == image.id:
        return recorded_facts(image, cache, say, options.engine)
    with Obtainer(cache, load_pins(), say).lease(oldest) as other:
        return recorded_facts(other, cache, say, options.engine)


@contextlib.contextmanager
def lease(kernel: Kernel, options: Options, cache: Cache) -> Iterator[KernelImage]:
    """Give the kernel to boot, or the user's own image, safe from removal meanwhile."""
    if options.image is None:
        with Obtainer(cache, load_pins(), say).lease(kernel) as image:
            yield image
        return
    with cache.hold("image", exclusive=False, notice=say):
        yield image_instead_of(kernel, options.image, options.modules, cache.root, say)


def _began(share: Path) -> bool:
    return (share / "records.jsonl").exists()


def _pytest() -> list[str]:
    """The command that runs the suite. Hypothesis is not used here, and slow to import."""
    return [
        *(sys.executable, "-m", "pytest", "-p", "conformance.plugin"),
        *("-p", "no:cacheprovider", "-p", "no:hypothesispytest"),
        *("-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT)),
        str(ROOT / "conformance" / "cases"),
    ]


def _job(kernel_id: str, share: Path, options: Options, more_env: Mapping[str, str]) -> Job:
    argv = [
        *stage(share, GUEST_SHARE, [*_pytest(), "--collect-only", "-qq"]),
        *(*_pytest(), "--records", f"{GUEST_SHARE}/records.jsonl", "--kernel-id", kernel_id),
        *("-q", "--tb=short", *options.pytest_args),
    ]
    env = {"PYTHONDONTWRITEBYTECODE": "1", **more_env}
    return Job(argv, cwd=ROOT, env=env, share=share, timeout_s=options.timeout_s)


def finish(
    kernel_id: str, release: str, records: list[Record], result: RunResult, duration_s: float
) -> list[Record]:
    """Add the verdict on the guest to the records that came out of it."""
    kernels = [r for r in records if isinstance(r, KernelRecord)]
    cases = [r for r in records if isinstance(r, CaseRecord)]
    head = kernels[0] if kernels else KernelRecord(kernel_id, release, "", "", "", "", 0.0)
    broken = result.verdict not in (Verdict.OK, Verdict.FAILED)
    nothing = not broken and not cases
    detail = result.console if broken else "the suite ran no case" if nothing else ""
    head = replace(
        head, verdict=str(result.verdict), duration_s=round(duration_s, 1), detail=detail
    )
    return [head, *cases]


def is_good(records: Sequence[Record]) -> bool:
    """Whether every guest finished, proved something, and no case failed."""
    kernels = [r for r in records if isinstance(r, KernelRecord)]
    cases = [r for r in records if isinstance(r, CaseRecord)]
    proved = {c.kernel for c in cases if c.outcome is Outcome.PASS}
    return (
        bool(kernels)
        and all(k.verdict == Verdict.OK and k.kernel in proved for k in kernels)
        and not any(c.outcome in BAD for c in cases)
    )


def write_report(records: Sequence[Record], out: Path, name: str) -> Path:
    """Write records and report side by side; return the report's path."""
    out.mkdir(parents=True, exist_ok=True)
    lines = out / f"{name}.jsonl"
    lines.unlink(missing_ok=True)
    append_records(lines, records)
    report = out / f"{name}.md"
    report.write_text(emit_report(records))
    return report
