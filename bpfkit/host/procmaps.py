"""/proc/PID/maps: what a process has mapped where.

Format: ``START-END PERMISSIONS OFFSET DEVICE INODE PATH``, numbers in hexadecimal but the inode.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_LINE = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S{4}) ([0-9a-f]+) ([0-9a-f]+:[0-9a-f]+) (\d+) *(.*)")
_DELETED = " (deleted)"


@dataclass(frozen=True, slots=True)
class Mapping:
    """A line. ``path`` is empty for memory that is no file's; of a deleted file it is kept."""

    start: int
    end: int
    permissions: str
    offset: int
    device: str
    inode: int
    path: str
    deleted: bool = False

    @property
    def executable(self) -> bool:
        """Whether code may run there."""
        return "x" in self.permissions

    @property
    def is_file(self) -> bool:
        """Whether it is part of a file, and not memory with a made-up name."""
        return self.path.startswith("/") and self.inode != 0


def parse_maps(text: str) -> list[Mapping]:
    """Return the mappings of such a text; lines that make no sense are skipped."""
    mappings = []
    for line in text.splitlines():
        found = _LINE.fullmatch(line)
        if found is None:
            continue
        path = found[7].replace("\\012", "\n")
        mappings.append(
            Mapping(
                int(found[1], 16),
                int(found[2], 16),
                found[3],
                int(found[4], 16),
                found[5],
                int(found[6]),
                path.removesuffix(_DELETED),
                path.endswith(_DELETED),
            )
        )
    return mappings


def read_maps(pid: int | str, root: Path = Path("/")) -> list[Mapping]:
    """Return what a process ("self": this one) has mapped.

    Raises OSError when there is no such process, or it is not ours to look into.
    """
    return parse_maps((root / f"proc/{pid}/maps").read_text(errors="surrogateescape"))


def path_of_process(pid: int, path: str, root: Path = Path("/")) -> Path:
    """Where a file that process ``pid`` calls ``path`` is found from here.

    A process in a container has other files under the same names; /proc/PID/root leads to them.
    """
    same = _mount_namespace(pid, root)
    if same is not None and same == _mount_namespace("self", root):
        theirs, ours = root / f"proc/{pid}/root", root
        # In the same namespace the process may still have changed its root.
        if _same_folder(theirs, ours):
            return root / path.lstrip("/")
    return root / f"proc/{pid}/root" / path.lstrip("/")


def _mount_namespace(pid: int | str, root: Path) -> str | None:
    try:
        return str((root / f"proc/{pid}/ns/mnt").readlink())
    except OSError:
        return None


def _same_folder(a: Path, b: Path) -> bool:
    try:
        return a.stat()[1:3] == b.stat()[1:3]
    except OSError:
        return False
