"""Where a kernel's own headers are: a source tree and a configured build tree.

Distributions lay them out in three ways: one tree; a build tree beside a common one, joined by the
symbolic links ``build`` and ``source`` of /lib/modules/RELEASE; or a build tree whose Makefile
names the common one (Debian).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import MissingDependencyError

SOURCE_MARK = "include/linux/kconfig.h"
"""A file of every source tree."""
BUILD_MARK = "include/generated/autoconf.h"
"""A file that configuring a tree makes."""
_INCLUDED = re.compile(r"^include\s+(\S+)/Makefile\s*$", re.MULTILINE)
_RELEASE = re.compile(r'#define\s+UTS_RELEASE\s+"([^"]*)"')


@dataclass(frozen=True, slots=True)
class KernelHeaders:
    """Directories to take headers from; the same one twice for a tree in one piece."""

    source: str
    build: str
    release: str
    """The release the headers are of, "" when they do not tell."""


def find_kernel_headers(directory: Path | None, release: str, root: Path) -> KernelHeaders:
    """Find the headers in ``directory``, or those of ``release`` below ``root`` without one.

    Raises MissingDependencyError that names the file that is not there, and what to do.
    """
    if directory is None and not release:
        raise MissingDependencyError(
            "compiling with kernel headers needs their directory where the kernel's release is "
            "not known; name it"
        )
    build = directory or root / "lib" / "modules" / release / "build"
    if not (build / BUILD_MARK).is_file():
        package = f"install the package linux-headers-{release}, or " if release else ""
        raise MissingDependencyError(
            f"compiling with kernel headers needs {build / BUILD_MARK}, which is not there; "
            f"{package}configure the tree ('make modules_prepare'), or compile without kernel "
            "headers"
        )
    for source in _sources(build):
        if (source / SOURCE_MARK).is_file():
            return KernelHeaders(str(source), str(build), _release_of(build))
    raise MissingDependencyError(
        f"compiling with kernel headers needs {SOURCE_MARK}, which is not in {build} nor beside "
        "it; install the whole headers package, or name the whole tree"
    )


def _sources(build: Path) -> Iterator[Path]:
    """Give the places where the source of a build tree may be."""
    yield build
    yield build / "source"
    yield build.parent / "source"
    makefile = build / "Makefile"
    if makefile.is_file():
        for named in _INCLUDED.findall(makefile.read_text(errors="replace")):
            yield Path(named)
            # A tree that was moved as a whole: its parts are still beside each other.
            yield build.parent / Path(named).name


def _release_of(build: Path) -> str:
    file = build / "include" / "generated" / "utsrelease.h"
    found = _RELEASE.search(file.read_text()) if file.is_file() else None
    return found[1] if found else ""
