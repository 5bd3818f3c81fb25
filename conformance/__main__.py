"""``python -m conformance kernel ID`` and ``python -m conformance set NAME``: the suite, in
guests.

Exit status: 0 when every guest finished and no case failed; 1 when a case or a guest failed; 2
when a kernel could not be had; 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from vmlab.errors import LabError
from vmlab.manifest import resolve_set

from .matrix import Options, is_good, run_kernel, say, write_report
from .record import KernelRecord, Record, read_records
from .several import one_kernel, run_several
from .staging import ROOT


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="conformance", description=__doc__)
    parser.add_argument("what", choices=["kernel", "set"])
    parser.add_argument("name", help="id of a kernel, or name of a set, as in kernels/")
    parser.add_argument("--image", type=Path, help="boot this bzImage or vmlinux instead")
    parser.add_argument("--modules", type=Path, help="its directory of modules (…/lib/modules/REL)")
    parser.add_argument("--engine", default="auto", choices=["auto", "snapshot", "cold", "virtme"])
    parser.add_argument("--timeout", type=float, default=3600.0, metavar="SECONDS")
    parser.add_argument("--out", type=Path, default=ROOT / "reports")
    parser.add_argument(
        "-k", dest="keyword", default="", help="only cases that match, as in pytest"
    )
    parser.add_argument(
        "--jobs",
        type=int,
        default=os.cpu_count() or 1,
        metavar="N",
        help="run so many kernels of a set at a time (default: one for each core)",
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run, report, and say where the report is."""
    args = parse_args(argv)
    options = Options(
        out=args.out,
        engine=args.engine,
        timeout_s=args.timeout,
        image=args.image,
        modules=args.modules,
        pytest_args=("-k", args.keyword) if args.keyword else (),
    )
    try:
        kernels = [kernel.id for kernel in resolve_set(args.name)]
        if args.what == "set" or len(kernels) > 1:
            return run_set(kernels, args)
        return run_one(kernels[0], options)
    except LabError as error:
        say(str(error))
        return 2
    except KeyboardInterrupt:
        say("interrupted")
        return 130


def run_one(kernel: str, options: Options) -> int:
    """Run the suite in one kernel, and return the exit status."""
    try:
        records, unavailable = run_kernel(kernel, options), False
    except LabError as error:
        say(f"{kernel}: {error}")
        unavailable = True
        records = [KernelRecord(kernel, "", "", "", "", "unavailable", 0.0, str(error))]
    say(f"report: {write_report(records, options.out, kernel)}")
    return status_of(records, unavailable)


def run_set(kernels: Sequence[str], args: argparse.Namespace) -> int:
    """Run the suite in several kernels, some at a time, and merge what they recorded."""
    flags = ["--out", str(args.out), "--engine", args.engine, "--timeout", str(args.timeout)]
    for option, value in (
        ("-k", args.keyword),
        ("--image", args.image),
        ("--modules", args.modules),
    ):
        flags += [option, str(value)] if value else []
    for kernel in kernels:
        (args.out / f"{kernel}.jsonl").unlink(missing_ok=True)
    say(f"{', '.join(kernels)}: {min(args.jobs, len(kernels))} at a time")
    status = {}
    commands = {kernel: one_kernel(kernel, flags) for kernel in kernels}
    for ended in run_several(commands, args.jobs):
        sys.stdout.buffer.write(ended.output)
        sys.stdout.flush()
        status[ended.name] = ended.status
    records: list[Record] = []
    for kernel in kernels:
        lines = args.out / f"{kernel}.jsonl"
        records += read_records(lines) if lines.exists() else []
    say(f"report: {write_report(records, args.out, args.name)}")
    if 130 in status.values():
        raise KeyboardInterrupt
    bad = [code for code in status.values() if code not in (0, 2)]
    return 1 if bad else status_of(records, 2 in status.values())


def status_of(records: Sequence[Record], unavailable: bool) -> int:
    """The exit status that says how the suite went."""
    if unavailable:
        return 2
    return 0 if is_good(records) else 1


if __name__ == "__main__":
    sys.exit(main())
