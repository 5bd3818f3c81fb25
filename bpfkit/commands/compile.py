"""``bpfkit compile PROG.c``: an object for the running kernel, or for kernels of other machines."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import BpfkitError, CompileError
from .base import STDIO, complain, complain_of_file, write_output

if TYPE_CHECKING:
    from ..collection import Facts
    from .base import Commands

_SUFFIXES = {"object": ".o", "ir": ".ll", "source": ".i", "reads": ".reads"}
_DESCRIPTION = """\
Compile a C text of bcc's or libbpf's dialect to a BPF object, with no kernel headers. Types come
from the running kernel, or from each FILE of --for: a recording ('bpfkit record'), which has all
that any text may need, or the types alone: raw BTF, a vmlinux or a bzImage. One FILE gives one
object; several give PROG.FILE.o for each.
"""


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "compile",
        help="C text to a BPF object, for this kernel or any other",
        description=_DESCRIPTION,
        epilog="Exit status: 0; 1 when the text does not compile or a file cannot be read or "
        "written; 2 when the command line is wrong.",
    )
    add_arguments(parser)
    parser.set_defaults(command=compile_program)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("program", type=Path, help="the C text; - for standard input")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        help="the file to write, - for standard output; a directory with several --for "
        "(default: PROG.o here; with another --emit standard output)",
    )
    parser.add_argument(
        "--for",
        dest="kernels",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="compile for the kernel of this file; may be repeated",
    )
    parser.add_argument("-D", dest="defines", action="append", default=[], metavar="NAME[=VALUE]")
    parser.add_argument(
        "--cflags",
        action="append",
        default=[],
        metavar="FLAGS",
        help='flags of the C compiler in one word: --cflags="-DA=1 -DB"; may be repeated',
    )
    parser.add_argument("--dialect", choices=["auto", "bcc", "libbpf"], default="auto")
    parser.add_argument(
        "--emit",
        choices=list(_SUFFIXES),
        default="object",
        help="object; LLVM's IR; the source with all that is put before it; which expression reads "
        "memory by which helper, and why",
    )
    parser.add_argument("--arch", default="", help="architecture, where FILE is raw BTF")
    parser.add_argument(
        "--kernel-version",
        type=_version,
        metavar="A.B[.C]",
        help="version of the kernel, where FILE is raw BTF",
    )
    parser.add_argument(
        "--kernel-headers",
        nargs="?",
        const=True,
        default=False,
        metavar="DIR",
        help="take types from kernel headers: those in DIR, or those installed for this kernel",
    )


def compile_program(args: argparse.Namespace) -> int:
    """Compile for every kernel that was named; one that fails does not stop the others."""
    problem = _problem(args)
    if problem:
        complain("compile", problem)
        return 2
    try:
        if args.program == STDIO:
            text, name = sys.stdin.buffer.read(), "stdin.c"
        else:
            text, name = args.program.read_bytes(), str(args.program)
        outputs = _outputs(args)
        if len(args.kernels) > 1 and args.output:
            args.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        complain_of_file("compile", error)
        return 1
    source = text.decode("utf-8", "surrogateescape")
    status = 0
    for kernel, output in zip(args.kernels or [None], outputs, strict=True):
        try:
            write_output(output, _compiled(source, name, kernel, args))
        except CompileError as error:
            where = f"for {kernel}:\n" if kernel else ""
            sys.stderr.write(f"{where}{error}\n")
            status = 1
        except OSError as error:
            if isinstance(error, BpfkitError):
                raise
            complain_of_file("compile", error)
            status = 1
        except BpfkitError as error:
            complain("compile", str(error))
            status = 1
    return status


def _compiled(text: str, name: str, kernel: Path | None, args: argparse.Namespace) -> bytes:
    """Compile for one kernel and return what is to be written."""
    from ..collection import compile_text, preprocess_text
    from ..compiler.reads import list_reads

    flags = [f"-D{define}" for define in args.defines]
    flags += [flag for words in args.cflags for flag in shlex.split(words)]
    facts = _facts(kernel, args)
    how = {"name": name, "cflags": flags, "facts": facts, "dialect": args.dialect}
    headers = args.kernel_headers
    headers = Path(headers) if isinstance(headers, str) else headers
    if args.emit == "source":
        whole = preprocess_text(text, **how, kernel_headers=headers)
        return whole.encode("utf-8", "surrogateescape")
    compiled = compile_text(text, **how, kernel_headers=headers)
    for warning in compiled.warnings:
        sys.stderr.write(warning.render() + "\n")
    if args.emit == "reads":
        return list_reads(compiled.reads, text, name).encode("utf-8", "surrogateescape")
    return compiled.ir.encode() if args.emit == "ir" else compiled.elf


def _facts(kernel: Path | None, args: argparse.Namespace) -> Facts:
    """The facts to compile for: those in a file, or this kernel's."""
    if kernel is None:
        from ..system import System

        return System.live().facts
    from ..host.files import read_facts

    return read_facts(kernel, version=args.kernel_version, arch=args.arch)


def _outputs(args: argparse.Namespace) -> list[Path]:
    """Where the result for each kernel goes."""
    suffix = _SUFFIXES[args.emit]
    stem = "stdin" if args.program == STDIO else args.program.name.removesuffix(".c")
    if len(args.kernels) > 1:
        folder = args.output or Path()
        return [folder / f"{stem}.{kernel.stem}{suffix}" for kernel in args.kernels]
    if args.output is not None:
        return [args.output]
    return [Path(f"{stem}{suffix}") if args.emit == "object" else STDIO]


def _problem(args: argparse.Namespace) -> str:
    """What is wrong with the arguments taken together, "" when nothing is."""
    kernels: Sequence[Path] = args.kernels
    if len({kernel.stem for kernel in kernels}) < len(kernels):
        return "two files of --for have the same name, so would their objects; rename one"
    if len(kernels) > 1 and args.output == STDIO:
        return "several --for give several objects; name a directory with -o"
    if (args.arch or args.kernel_version) and not kernels:
        return "--arch and --kernel-version are about a file; name it with --for"
    try:
        for words in args.cflags:
            shlex.split(words)
    except ValueError as error:
        return f"--cflags: {error}"
    return ""


def _version(text: str) -> tuple[int, int, int]:
    parts = [int(part) for part in text.split(".")]
    if not 2 <= len(parts) <= 3:
        raise ValueError(text)
    return parts[0], parts[1], parts[2] if len(parts) == 3 else 0


# argparse shows the name in "invalid ... value".
_version.__name__ = "version"
