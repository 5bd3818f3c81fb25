"""Which file systems are mounted where: /proc/self/mounts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Mount:
    """A mounted file system."""

    source: str
    path: str
    type: str
    options: tuple[str, ...]


def parse_mounts(text: str) -> list[Mount]:
    """Return the mounts of a text like /proc/self/mounts; lines that make no sense are skipped."""
    mounts = []
    for line in text.splitlines():
        fields = line.split()
        if len(fields) >= 4:
            source, path, kind, options = map(_plain, fields[:4])
            mounts.append(Mount(source, path, kind, tuple(options.split(","))))
    return mounts


def read_mounts(root: Path) -> list[Mount]:
    """Return the mounts of this process; none when they cannot be read."""
    try:
        return parse_mounts((root / "proc/self/mounts").read_text(errors="surrogateescape"))
    except OSError:
        return []


def _plain(field: str) -> str:
    # Blanks, tabs, newlines and backslashes in names are octal escapes.
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), field)
