"""A program's own headers: what it includes in quotation marks and has beside it.

The compiler is given their texts, as everything else; so it knows what they name, and an object in
the cache depends on them.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"\n]+)"', re.MULTILINE)
# Written by the compiler for the kernel that is compiled for, whichever one lies around.
_OURS = frozenset({"vmlinux.h"})
LARGEST_BYTES = 4 << 20
"""Larger ones are none that somebody wrote."""


def read_own_headers(text: str, folder: Path) -> dict[str, str]:
    """Return the headers ``text`` includes from ``folder``, and those they include, by their path
    below it. What is not there is left out: the compiler knows it, or says so.
    """
    found: dict[str, str] = {}
    left = [("", text)]
    while left:
        base, including = left.pop()
        for name in _INCLUDE.findall(including):
            path = posixpath.normpath(posixpath.join(base, name))
            if path in found or posixpath.basename(path) in _OURS:
                continue
            content = _read(folder / path)
            if content is not None:
                found[path] = content
                left.append((posixpath.dirname(path), content))
    return found


def _read(path: Path) -> str | None:
    """Return a file's text, None when there is no such file."""
    try:
        if not path.is_file() or path.stat().st_size > LARGEST_BYTES:
            return None
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except (OSError, ValueError):  # a name with a NUL in it
        return None
