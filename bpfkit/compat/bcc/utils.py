"""bcc.utils: small helpers that scripts import beside the class.

CPU lists, printing bytes, command line strings, and a guess at what language a process runs.
"""

from __future__ import annotations

import os
import re
import sys
import traceback
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from ...host.cpus import parse_cpu_list

_CPUS = Path("/sys/devices/system/cpu")


def get_online_cpus() -> list[int]:
    """Numbers of the CPUs that are online."""
    return list(parse_cpu_list((_CPUS / "online").read_text()))


def get_possible_cpus() -> list[int]:
    """Numbers of the CPUs this kernel could ever bring online."""
    return list(parse_cpu_list((_CPUS / "possible").read_text()))


def printb(s: bytes, file: TextIO | None = None, nl: int = 1) -> None:
    """Write bytes to a text stream as they are, with a newline when ``nl`` is 1, and flush."""
    stream = sys.stdout if file is None else file
    # Text written before must come out before: the bytes pass the text layer by.
    stream.flush()
    stream.buffer.write(s)
    if nl:
        stream.buffer.write(b"\n")
    stream.flush()


class ArgString:
    """A command line argument that is both str and bytes: ``str(arg)``, ``bytes(arg)``."""

    def __init__(self, arg: str) -> None:
        self.s = arg

    def __bytes__(self) -> bytes:
        return os.fsencode(self.s)

    def __str__(self) -> str:
        return self.s


def warn_with_traceback(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Show a warning with the stack that led to it; install as ``warnings.showwarning``."""
    stream = file if file is not None else sys.stderr
    traceback.print_stack(file=stream)
    stream.write(warnings.formatwarning(message, category, filename, lineno, line))


_LANGUAGES = ("c", "java", "node", "perl", "php", "python", "ruby", "tcl")
_LIBRARIES = {
    "java": re.compile(r"/libjvm\.so"),
    "node": re.compile(r"/libnode\.so"),
    "perl": re.compile(r"/libperl\.so"),
    "php": re.compile(r"/libphp[\d.]*\.so"),
    "python": re.compile(r"/libpython[\d.]*[a-z]*\.so"),
    "ruby": re.compile(r"/libruby[-\d.]*\.so"),
    "tcl": re.compile(r"/libtcl[\d.]*\.so"),
    "c": re.compile(r"/libc[.-][^/]*$"),
}


def detect_language(candidates: Iterable[str], pid: int, proc: Path = Path("/proc")) -> str | None:
    """Guess which of ``candidates`` a process runs, by its executable's name, then its libraries.

    None when nothing fits or the process cannot be looked at.
    """
    wanted = list(candidates)
    try:
        executable = (proc / str(pid) / "exe").readlink().name
    except OSError:
        return None
    for language in _LANGUAGES:
        if language in wanted and re.match(rf"{language}[\d.-]*$", executable):
            return language
    try:
        maps = (proc / str(pid) / "maps").read_text(errors="surrogateescape")
    except OSError:
        return None
    paths = {line.split(maxsplit=5)[5] for line in maps.splitlines() if line.count("/")}
    for language, pattern in _LIBRARIES.items():
        if language in wanted and any(pattern.search(path) for path in paths):
            return language
    return None
