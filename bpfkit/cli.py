"""The command line: ``python -m bpfkit features`` and ``python -m bpfkit run SCRIPT``."""

from __future__ import annotations

import argparse
import json
import runpy
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from .errors import BpfkitError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; a BpfkitError becomes one message and exit status 1."""
    args = _parser().parse_args(argv)
    try:
        return int(args.command(args))
    except BpfkitError as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bpfkit", description="BPF programs in C, from Python.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    features = commands.add_parser(
        "features", help="what this kernel supports, found out by trying"
    )
    features.add_argument("--json", action="store_true", help="for machines")
    features.add_argument("--filter", default="", help="only features whose name has this text")
    features.set_defaults(command=_features)
    run = commands.add_parser("run", help='run a script that says "from bcc import BPF", unchanged')
    run.add_argument("script", type=Path)
    run.add_argument("args", nargs=argparse.REMAINDER, help="the script's own arguments")
    run.set_defaults(command=_run)
    return parser


def _features(args: argparse.Namespace) -> int:
    from .features.catalogue import CATALOGUE
    from .system import System

    system = System.live()
    rows = []
    for feature in CATALOGUE:
        if args.filter in feature.name:
            rows.append((feature, system.features.get(feature)))
    release = ".".join(map(str, system.facts.version))
    if args.json:
        answers = {f.name: {**asdict(f), "support": str(answer)} for f, answer in rows}
        json.dump({"kernel": release, "features": answers}, sys.stdout, indent=2)
        sys.stdout.write("\n")
        return 0
    width = max((len(f.name) for f, _ in rows), default=0)
    sys.stdout.write(f"Linux {release}\n")
    for feature, answer in rows:
        since = f"since {feature.since}" if feature.since else ""
        sys.stdout.write(f"  {feature.name:<{width}}  {answer!s:<8} {since}\n".rstrip() + "\n")
    return 0


def _run(args: argparse.Namespace) -> int:
    from .compat import as_bcc

    if not args.script.is_file():
        sys.stderr.write(f"bpfkit run: no such script: {args.script}\n")
        return 2
    as_bcc.install()
    sys.argv = [str(args.script), *args.args]
    sys.path.insert(0, str(args.script.resolve().parent))
    runpy.run_path(str(args.script), run_name="__main__")
    return 0
