"""The command line: ``vmlab list | fetch | run | shell | matrix | doctor | prune``.

Nothing is imported here that a cached run does not need. What each command does is in
``vmlab.commands``; this module parses, and turns every outcome into one exit status.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from vmlab import report
from vmlab.__main__ import EXIT_INTERRUPTED
from vmlab.engine.interrupt import ending_cleanly
from vmlab.errors import LabError

EXIT_BOOT_FAILED = 120
EXIT_PANIC = 121
EXIT_LOST = 122
EXIT_TIMEOUT = 124
EXIT_LAB_ERROR = 125
EXIT_BROKEN_PIPE = 141
"""As a shell reports SIGPIPE."""

_EXIT_STATUS = f"""\
exit status: that of CMD when it ran to its end, else
  {EXIT_BOOT_FAILED}  the guest never came as far as CMD
  {EXIT_PANIC}  the kernel panicked or oopsed
  {EXIT_LOST}  the guest was lost without a word
  {EXIT_TIMEOUT}  the deadline passed
  {EXIT_LAB_ERROR}  vmlab itself could not: one line on stderr says why and what to try
  {EXIT_INTERRUPTED}  Ctrl-C
  {EXIT_BROKEN_PIPE}  whoever read the output has gone
matrix: 0 when CMD was ok in every kernel, else 1."""

_ENVIRONMENT = """\
environment:
  VMLAB_CACHE                   where kernels are kept (default: bpfkit-vmlab in ~/.cache)
  VMLAB_DEBIAN_MIRROR           a Debian mirror, where apt of this machine knows none
  VMLAB_DEBIAN_SECURITY_MIRROR  its security area (default: the mirror's address + "-security")
  VMLAB_DEBIAN_KEYRING          Debian's archive keys (default: those of debian-archive-keyring)
  VMLAB_ALLOW_EXPIRED=1         take indexes past their Valid-Until date
  VMLAB_IMAGE_5_15, VMLAB_MODULES_5_15  an image, and its modules, of your own for 5.15"""

Command = Callable[[argparse.Namespace], int]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        # argparse's own 2 could be taken for the status of the command that was to run.
        self.print_usage(sys.stderr)
        self.exit(EXIT_LAB_ERROR, f"{self.prog}: {message}\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    head, command = _split_command(list(sys.argv[1:] if argv is None else argv))
    arguments = _parser().parse_args(head)
    arguments.command = command
    try:
        # Being ended runs every ``finally`` too: nothing is left half done.
        with ending_cleanly():
            status = _find(arguments.action)(arguments)
    except LabError as error:
        report.notice(str(error))
        if arguments.json:
            report.emit_json(report.error_json(error))
        status = EXIT_LAB_ERROR
    except KeyboardInterrupt:
        report.notice("interrupted")
        status = EXIT_INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone (``| head``). Nothing may be written at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = EXIT_BROKEN_PIPE
    return status


def _find(action: str) -> Command:
    from vmlab import commands

    table: dict[str, Command] = {
        "list": commands.list_kernels,
        "fetch": commands.fetch,
        "run": commands.run,
        "shell": commands.shell,
        "matrix": commands.matrix,
        "doctor": commands.doctor,
        "prune": commands.prune,
    }
    return table[action]


def _split_command(argv: list[str]) -> tuple[list[str], list[str]]:
    """Cut at the first ``--``: what follows is the guest's command, whatever it looks like."""
    if "--" not in argv:
        return argv, []
    cut = argv.index("--")
    return argv[:cut], argv[cut + 1 :]


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="vmlab",
        description="Boot Linux kernels under QEMU and run commands of this machine in them.",
        epilog=f"{_EXIT_STATUS}\n\n{_ENVIRONMENT}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="COMMAND")

    def add(name: str, text: str, epilog: str = "") -> argparse.ArgumentParser:
        made = actions.add_parser(
            name,
            help=text,
            description=text,
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        made.add_argument("--json", action="store_true", help="write one JSON document to stdout")
        return made

    add("list", "Show the declared kernels and sets, and what is cached.")

    fetch = add("fetch", "Get kernels, checked and ready to boot.", _ENVIRONMENT)
    fetch.add_argument("kernel", metavar="KERNEL", nargs="+", help="an id, or a set")
    fetch.add_argument("--force", action="store_true", help="again, although it is cached")
    fetch.add_argument(
        "--update-lock",
        action="store_true",
        help="pin the newest of its series in kernels/lock.toml",
    )

    run = add("run", "Run CMD in a kernel; its output streams live.", _EXIT_STATUS)
    run.usage = "vmlab run [options] [KERNEL] -- CMD ..."
    _add_kernel_options(run)
    _add_job_options(run)

    shell = add("shell", "Open an interactive shell in a kernel.")
    _add_kernel_options(shell)

    matrix = add("matrix", "Run CMD in every kernel of a set and show a table of verdicts.")
    matrix.usage = "vmlab matrix [options] SET -- CMD ..."
    matrix.add_argument("set", metavar="SET", help="a set, or kernels and sets joined by commas")
    _add_job_options(matrix)

    add("doctor", "Check what the lab needs; each problem comes with the command that mends it.")

    prune = add(
        "prune",
        "Free space: leftovers, superseded kernels and saved guests; kernels in use stay.",
    )
    prune.add_argument("kernel", metavar="KERNEL", nargs="*", help="these kernels as well")
    prune.add_argument("--all", action="store_true", help="everything, all kernels too")
    prune.add_argument(
        "--keep-snapshots", action="store_true", help="leave what engines have saved"
    )
    prune.add_argument("--dry-run", action="store_true", help="only show what would go")
    return parser


def _add_kernel_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kernel", metavar="KERNEL", nargs="?", help="an id of `vmlab list`")
    parser.add_argument(
        "--image", type=Path, metavar="PATH", help="a bzImage, vmlinux or built tree"
    )
    parser.add_argument("--modules", type=Path, metavar="DIR", help="the modules of --image")


def _add_job_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--engine",
        choices=("auto", "snapshot", "cold", "virtme"),
        default="auto",
        help="how to boot; auto restores a snapshot and falls back (default)",
    )
    parser.add_argument("--no-snapshot", action="store_true", help="boot from the start")
    parser.add_argument(
        "--share", type=Path, metavar="DIR", help="writable in the guest, at $VMLAB_SHARE"
    )
    parser.add_argument("--timeout", type=_positive, metavar="SECONDS", default=600.0)
    parser.add_argument("--cpus", type=_count, metavar="N", default=2)
    parser.add_argument("--memory", type=_count, metavar="MIB", default=1024)
    parser.add_argument(
        "--env",
        action="append",
        default=[],
        metavar="NAME[=VALUE]",
        help="set a variable for CMD; without a value, pass on ours",
    )


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return value
