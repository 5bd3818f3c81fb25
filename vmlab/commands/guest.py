"""``vmlab run``, ``shell`` and ``matrix``: commands that boot something."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from vmlab import report
from vmlab.cache import Cache, cache_root
from vmlab.errors import FetchError, LabError, ManifestError
from vmlab.lock import load_pins
from vmlab.manifest import load_kernel, resolve_set
from vmlab.model import Job, Kernel, KernelImage, RunResult, Streams, Verdict
from vmlab.obtain import Obtainer

# What a command of the host needs to behave in the guest as it does here.
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TERM", "COLORTERM")

STATUS = {
    Verdict.BOOT_FAILED: 120,
    Verdict.PANIC: 121,
    Verdict.LOST: 122,
    Verdict.TIMEOUT: 124,
}
"""Exit status of a verdict that has none of its own; `vmlab.cli` documents them."""

_CONSOLE_LINES = 60


def run(arguments: argparse.Namespace) -> int:
    """Run one command in one kernel and return its exit status, or that of the verdict."""
    job = _job(arguments)
    cache = Cache(cache_root(os.environ))
    with _image(arguments, cache) as image:
        result = _run_in(image, job, arguments, cache)
    if arguments.json:
        report.emit_json(report.result_json(image.id, image.release, result))
    _tell(image, result)
    return exit_status(result)


def shell(arguments: argparse.Namespace) -> int:
    """Open a shell in one kernel and return its exit status."""
    from vmlab.runner import open_shell

    if arguments.command:
        raise ManifestError("vmlab shell takes no command", "use vmlab run KERNEL -- CMD")
    cache = Cache(cache_root(os.environ))
    with _image(arguments, cache) as image:
        status = open_shell(image, cache=cache.root, notice=report.notice)
    if arguments.json:
        report.emit_json({"kernel": image.id, "release": image.release, "exit_status": status})
    return status


def matrix(arguments: argparse.Namespace) -> int:
    """Run one command in every kernel of a set; 0 only when it was ok in each."""
    job = _job(arguments)
    cache = Cache(cache_root(os.environ))
    kernels = resolve_set(arguments.set)
    records: list[dict[str, object]] = []
    interrupted = False
    for kernel in kernels:
        report.notice(f"── {kernel.id} ──")
        try:
            records.append(_matrix_record(kernel, job, arguments, cache))
        except KeyboardInterrupt:
            interrupted = True
            break
    ok = not interrupted and all(record["verdict"] == Verdict.OK for record in records)
    if arguments.json:
        report.emit_json({"ok": ok, "interrupted": interrupted, "kernels": records})
    else:
        _matrix_table(records)
    if interrupted:
        raise KeyboardInterrupt
    return 0 if ok else 1


def exit_status(result: RunResult) -> int:
    """Return what ``vmlab run`` exits with: the command's own status where there is one."""
    if result.verdict in (Verdict.OK, Verdict.FAILED):
        return 1 if result.exit_status is None else result.exit_status
    return STATUS[result.verdict]


def parse_env(items: list[str]) -> dict[str, str]:
    """Return the variables of ``--env NAME[=VALUE]`` over those that are always passed on."""
    env = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    for item in items:
        name, equals, value = item.partition("=")
        if not name:
            raise ManifestError(
                f"--env {item!r} names no variable", "write --env NAME or --env NAME=VALUE"
            )
        if equals:
            env[name] = value
        elif name in os.environ:
            env[name] = os.environ[name]
        else:
            raise ManifestError(
                f"--env {name}: not set here", f"give its value: --env {name}=VALUE"
            )
    return env


def _job(arguments: argparse.Namespace) -> Job:
    if not arguments.command:
        raise ManifestError("no command was given", f"write vmlab {arguments.action} … -- CMD …")
    share: Path | None = arguments.share
    if share is not None and not share.is_dir():
        raise ManifestError(
            f"--share {share}: no such directory", f"make it with: mkdir -p {share}"
        )
    return Job(
        argv=tuple(arguments.command),
        cwd=Path.cwd(),
        env=parse_env(arguments.env),
        share=share.absolute() if share else None,
        timeout_s=arguments.timeout,
        cpus=arguments.cpus,
        memory_mib=arguments.memory,
    )


@contextlib.contextmanager
def _image(arguments: argparse.Namespace, cache: Cache) -> Iterator[KernelImage]:
    """Give the kernel that the arguments name, safe from removal while it is used."""
    kernel = load_kernel(arguments.kernel) if arguments.kernel else None
    if arguments.image is None:
        if kernel is None:
            raise ManifestError("no kernel was named", "write its id (vmlab list), or --image PATH")
        if arguments.modules is not None:
            raise FetchError("--modules goes with --image only", "leave it out, or name the image")
        with _obtainer(cache).lease(kernel) as image:
            yield image
        return
    from vmlab.sources.image import image_instead_of, user_image

    files = (arguments.image, arguments.modules, cache.root)
    with cache.hold("image", exclusive=False, notice=report.notice):
        if kernel is None:
            yield user_image(*files)
        else:
            yield image_instead_of(kernel, *files, report.notice)


def _obtainer(cache: Cache) -> Obtainer:
    return Obtainer(cache, load_pins(), report.notice, watch=report.watch_download)


def _run_in(image: KernelImage, job: Job, arguments: argparse.Namespace, cache: Cache) -> RunResult:
    from vmlab.runner import run_job

    engine: str = arguments.engine
    if arguments.no_snapshot and engine in ("auto", "snapshot"):
        engine = "cold"
    # With --json our one document has stdout to itself; the command's output is for people then.
    stdout = sys.stderr.buffer if arguments.json else sys.stdout.buffer
    sys.stdout.flush()
    streams = Streams(stdout=stdout, stderr=sys.stderr.buffer)
    return run_job(image, job, streams, engine=engine, cache=cache.root, notice=report.notice)


def _matrix_record(
    kernel: Kernel, job: Job, arguments: argparse.Namespace, cache: Cache
) -> dict[str, object]:
    try:
        with _obtainer(cache).lease(kernel) as image:
            result = _run_in(image, job, arguments, cache)
    except LabError as error:
        report.notice(str(error))
        return {"kernel": kernel.id, "verdict": "lab_error", **report.error_json(error)}
    _tell(image, result)
    return report.result_json(kernel.id, image.release, result)


def _matrix_table(records: list[dict[str, object]]) -> None:
    rows = []
    for record in records:
        if record["verdict"] == "lab_error":
            verdict, detail = report.coloured("lab_error", "red"), str(record["message"])
        else:
            verdict, detail = (
                report.verdict_text(Verdict(str(record["verdict"]))),
                str(record["engine"]),
            )
        status = record.get("exit_status")
        duration = record.get("duration_s")
        rows.append(
            (
                str(record["kernel"]),
                str(record.get("release", "-")),
                verdict,
                "-" if status is None else str(status),
                "-" if duration is None else f"{duration} s",
                detail,
            )
        )
    report.emit_table("Verdicts", ("kernel", "release", "verdict", "exit", "time", "by"), rows)


def _tell(image: KernelImage, result: RunResult) -> None:
    """Say on stderr why there is no exit status of the command, with the end of the console."""
    if result.verdict in (Verdict.OK, Verdict.FAILED):
        return
    lines = result.console.rstrip().splitlines()
    if lines:
        shown = lines[-_CONSOLE_LINES:]
        report.notice(f"the last {len(shown)} of {len(lines)} lines of the guest's console:")
        sys.stderr.write("\n".join(shown) + "\n")
    report.notice(f"{image.id}: {result.verdict} after {result.duration_s:.1f} s ({result.engine})")
