"""tracefs: trace events, their formats and ids, and the names that can be probed.

It is mounted at /sys/kernel/tracing, and below debugfs, or anywhere else that the mounts tell.
"""

from __future__ import annotations

from pathlib import Path

from ..errors import NotSupportedError
from .mounts import read_mounts

_USUAL = ("sys/kernel/tracing", "sys/kernel/debug/tracing")


class Tracefs:
    """The file system, found when first asked for."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._path: Path | None = None

    @property
    def path(self) -> Path:
        """Where it is mounted. Raises NotSupportedError when it is not."""
        found = self.find()
        if found is None:
            raise NotSupportedError(
                "tracefs, which is not mounted or not readable",
                hint="run as root; mount it with 'mount -t tracefs tracefs /sys/kernel/tracing'",
            )
        return found

    def find(self) -> Path | None:
        """Where it is mounted, None when it is not or is not readable."""
        if self._path is None:
            mounted = [m.path.lstrip("/") for m in read_mounts(self._root) if m.type == "tracefs"]
            # Looking below debugfs is what makes the kernel mount it there.
            for place in (*mounted, *_USUAL):
                if _is_directory(self._root / place / "events"):
                    self._path = self._root / place
                    break
        return self._path

    def events(self) -> list[tuple[str, str]]:
        """(category, event) of every trace event, sorted; empty without tracefs."""
        path = self.find()
        if path is None:
            return []
        folders = (p.parent for p in (path / "events").glob("*/*/format"))
        return sorted((p.parent.name, p.name) for p in folders)

    def event_id(self, category: str, event: str) -> int | None:
        """The number perf knows an event by, None when there is no such event."""
        text = self._read(f"events/{category}/{event}/id")
        return int(text) if text is not None else None

    def format(self, category: str, event: str) -> str | None:
        """The text that describes an event's record, None when there is no such event."""
        return self._read(f"events/{category}/{event}/format")

    def available_filter_functions(self) -> list[str]:
        """Lines with the functions that ftrace can trace; a module's name may follow."""
        return (self._read("available_filter_functions") or "").splitlines()

    def read_bytes(self, name: str) -> bytes:
        """A long file as it is; empty when it is not there."""
        path = self.find()
        if path is None:
            return b""
        try:
            return (path / name).read_bytes()
        except OSError:
            return b""

    def _read(self, name: str) -> str | None:
        path = self.find()
        if path is None:
            return None
        try:
            return (path / name).read_text()
        except OSError:
            return None


def _is_directory(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # not permitted to look
        return False
