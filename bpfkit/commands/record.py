"""``bpfkit record FILE``: the facts of the running kernel, for compiling elsewhere."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .base import STDIO, complain_of_file, write_output

if TYPE_CHECKING:
    from .base import Commands


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "record",
        help="write down the running kernel's facts, for 'compile --for' on any machine",
        description="Write the running kernel's version, configuration, types (its own and those "
        "of loaded modules), trace events and names of symbols into one file of 2 to 4 MB. It "
        "has no addresses. Needs root, for tracefs.",
    )
    parser.add_argument("file", type=Path, help="where to write it; - for standard output")
    parser.set_defaults(command=record_kernel)


def record_kernel(args: argparse.Namespace) -> int:
    """Record, write, and say what there was."""
    from ..host.recorded import RecordedFacts, record
    from ..system import System

    data = record(System.live().facts)
    try:
        write_output(args.file, data)
    except OSError as error:
        complain_of_file("record", error)
        return 1
    if args.file != STDIO:
        facts = RecordedFacts(data)
        modules = len(facts.modules_with_btf())
        sys.stderr.write(
            f"Linux {facts.release} ({facts.arch}, {facts.possible_cpus} CPUs, types of "
            f"{modules} modules): {len(data)} bytes in {args.file}\n"
        )
    return 0
