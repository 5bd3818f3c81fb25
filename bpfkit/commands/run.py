"""``bpfkit run SCRIPT``: a script that says ``from bcc import BPF``, unchanged."""

from __future__ import annotations

import argparse
import runpy
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .base import complain

if TYPE_CHECKING:
    from .base import Commands


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "run", help='run a script that says "from bcc import BPF", unchanged'
    )
    parser.add_argument("script", type=Path)
    parser.add_argument("args", nargs=argparse.REMAINDER, help="the script's own arguments")
    parser.set_defaults(command=run_script)


def run_script(args: argparse.Namespace) -> int:
    """Run the script as if Python had been given it."""
    from ..compat import as_bcc

    if not args.script.is_file():
        complain("run", f"no such script: {args.script}")
        return 2
    as_bcc.install()
    sys.argv = [str(args.script), *args.args]
    sys.path.insert(0, str(args.script.resolve().parent))
    runpy.run_path(str(args.script), run_name="__main__")
    return 0
