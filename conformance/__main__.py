"""``python -m conformance kernel ID`` and ``python -m conformance set NAME``: the suite, in
guests.

Exit status: 0 when every guest finished and no case failed; 1 when a case or a guest failed; 2
when a kernel could not be had; 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from vmlab.errors import LabError
from vmlab.manifest import resolve_set

from .matrix import Options, is_good, run_kernel, say, write_report
from .record import KernelRecord, Record
from .staging import ROOT


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="conformance", description=__doc__)
    parser.add_argument("what", choices=["kernel", "set"])
    parser.add_argument("name", help="id of a kernel, or name of a set, as in kernels/")
    parser.add_argument("--image", type=Path, help="boot this bzImage or vmlinux instead")
    parser.add_argument("--modules", type=Path, help="its directory of modules (…/lib/modules/REL)")
    parser.add_argument("--engine", default="auto", choices=["auto", "snapshot", "cold", "virtme"])
    parser.add_argument("--timeout", type=float, default=1800.0, metavar="SECONDS")
    parser.add_argument("--out", type=Path, default=ROOT / "reports")
    parser.add_argument(
        "-k", dest="keyword", default="", help="only cases that match, as in pytest"
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
        return run_kernels(args, options)
    except LabError as error:
        say(str(error))
        return 2
    except KeyboardInterrupt:
        say("interrupted")
        return 130


def run_kernels(args: argparse.Namespace, options: Options) -> int:
    """Run the suite in each kernel, and return the exit status.

    Raises LabError if there is no such kernel or set.
    """
    records: list[Record] = []
    unavailable = False
    for kernel in [kernel.id for kernel in resolve_set(args.name)]:
        try:
            found = run_kernel(kernel, options)
        except LabError as error:
            say(f"{kernel}: {error}")
            unavailable = True
            found = [KernelRecord(kernel, "", "", "", "", "unavailable", 0.0, str(error))]
        records += found
        if args.what == "set":
            write_report(found, options.out, kernel)
    report = write_report(records, options.out, args.name)
    say(f"report: {report}")
    if unavailable:
        return 2
    return 0 if is_good(records) else 1


if __name__ == "__main__":
    sys.exit(main())
