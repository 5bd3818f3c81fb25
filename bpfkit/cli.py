"""The command line: ``python -m bpfkit COMMAND``. What each command does is in ``commands/``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from .commands import compile as compile_
from .commands import features, record, run
from .errors import BpfkitError

_COMMANDS = (compile_, features, record, run)


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
    for command in _COMMANDS:
        command.add(commands)
    return parser
