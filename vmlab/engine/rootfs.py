"""The root image of a guest: what it reads most, as an erofs image that every kernel shares.

It holds the running interpreter, the packages of its environment (bytecode compiled without a
check against the source), and the programs nearly every command starts, each at its path on the
host. The rest of the host comes from 9p below it, the working tree too, so the image is never
asked about files that change. Files it does hold are compared with the host's, by size and time,
before each use.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vmlab.engine.locking import locked, making
from vmlab.engine.staging import Stage
from vmlab.errors import EngineError
from vmlab.tools import find_tool, last_line, require_tool, run_tool

_FORMAT = 1
_PROGRAMS = (
    "sh", "bash", "env", "cat", "ls", "cp", "mv", "rm", "mkdir", "rmdir", "ln", "touch", "chmod",
    "chown", "echo", "printf", "true", "false", "sleep", "id", "uname", "date", "head", "tail",
    "wc", "sort", "uniq", "tr", "cut", "tee", "dd", "test", "expr", "seq", "timeout", "kill",
    "stat", "readlink", "realpath", "basename", "dirname", "grep", "sed", "gawk", "mawk", "find",
    "xargs", "mount", "umount", "ip", "tc", "modprobe", "insmod", "rmmod", "lsmod", "dmesg",
    "sysctl", "ps",
)  # fmt: skip
_MOUNT_POINTS = ("proc", "sys", "dev", "run", "tmp")
_LEFT_OUT = frozenset((
    "test", "idlelib", "tkinter", "turtledemo", "ensurepip", "lib2to3", "pydoc_data",
    "site-packages", "dist-packages",
))  # fmt: skip
"""Directories of the standard library that come from the host when they are wanted."""


@dataclass(frozen=True, slots=True)
class RootImage:
    """A root image: its file, and ``python``, the interpreter's path in it."""

    path: Path
    identity: str
    python: str


@dataclass(frozen=True, slots=True)
class _Facts:
    """What an image depends on: the stat of files that must not have changed."""

    stats: dict[str, tuple[int, int]]

    def current(self) -> bool:
        return all(_stat(path) == tuple(stat) for path, stat in self.stats.items())


def _stat(path: str) -> tuple[int, int] | None:
    try:
        state = os.stat(path)  # noqa: PTH116 - called a hundred times for each run
    except OSError:
        return None
    return (state.st_size, state.st_mtime_ns)


def interpreter() -> str:
    """Return the path of the interpreter itself, past the links of a virtual environment."""
    return os.path.realpath(sys.executable)


def library_directories() -> tuple[list[str], list[str]]:
    """Return the directories of the standard library and those of installed packages."""
    paths = sysconfig.get_paths()
    standard = dict.fromkeys(os.path.realpath(paths[name]) for name in ("stdlib", "platstdlib"))
    # In a virtual environment platstdlib names a directory inside it that does not exist.
    installed = dict.fromkeys(os.path.realpath(paths[name]) for name in ("purelib", "platlib"))
    return [p for p in standard if Path(p).is_dir()], [p for p in installed if Path(p).is_dir()]


def package_marks() -> list[str]:
    """Return the files and directories whose times change with the installed packages."""
    standard, installed = library_directories()
    marks = [*standard, *installed, os.path.join(sys.prefix, "pyvenv.cfg")]  # noqa: PTH118
    for directory in installed:
        for entry in os.scandir(directory):
            if entry.name.endswith(".dist-info"):
                marks += [entry.path, f"{entry.path}/RECORD"]
            elif entry.name != "__pycache__":
                marks.append(entry.path)
    return marks


def root_image(cache: Path, notice: Callable[[str], None]) -> RootImage:
    """Return the root image for the running interpreter, making it if there is none or it is stale.

    Raises EngineError or ToolMissingError if it cannot be made.
    """
    slot = hashlib.sha256(f"{_FORMAT}\0{sys.prefix}\0{interpreter()}".encode()).hexdigest()[:16]
    directory = cache / "roots"
    directory.mkdir(parents=True, exist_ok=True)
    record = directory / f"{slot}.json"
    found = _read_record(record)
    if found is None:
        with locked(directory / f"{slot}.lock"):
            found = _read_record(record)
            if found is None:
                notice(
                    "making the root image of guests from the running Python (once per package set)"
                )
                found = _make(record, slot)
    return found


def _read_record(record: Path) -> RootImage | None:
    try:
        content = json.loads(record.read_bytes())
        image = RootImage(
            record.with_name(content["image"]), content["identity"], content["python"]
        )
        facts = _Facts({path: tuple(stat) for path, stat in content["stats"].items()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    # A package that is new changes its directory's time, which is among the marks.
    return image if image.path.exists() and facts.current() else None


def _make(record: Path, slot: str) -> RootImage:
    require_tool("mkfs.erofs", "the root image of guests")
    directory = record.parent
    with making(directory), Stage(directory) as stage:
        files = _collect(stage)
        stats = {path: stat for path in (*files, *package_marks()) if (stat := _stat(path))}
        text = json.dumps([_FORMAT, sorted(stats.items())])
        identity = hashlib.sha256(text.encode()).hexdigest()[:24]
        target = directory / f"{slot}-{identity}.erofs"
        partial = stage.directory / "image"
        ownership = [] if os.geteuid() == 0 else ["--all-root"]
        made = run_tool(
            "mkfs.erofs",
            ["-x2", *ownership, partial, stage.root],
            purpose="the root image of guests",
        )
        if made.returncode != 0:
            raise EngineError(
                f"mkfs.erofs failed: {last_line(made.stderr or made.stdout)}", "is the disk full?"
            )
        partial.rename(target)
        content = {
            "image": target.name,
            "identity": identity,
            "python": interpreter(),
            "stats": stats,
        }
        draft = stage.directory / "record"
        draft.write_text(json.dumps(content), encoding="utf-8")
        draft.rename(record)
    for stale in directory.glob(f"{slot}-*.erofs"):
        if stale != target:
            stale.unlink(missing_ok=True)
    return RootImage(target, identity, interpreter())


def _collect(stage: Stage) -> list[str]:
    """Fill ``stage``; return the single files it holds, as paths of the host."""
    for name in _MOUNT_POINTS:
        stage.add_directory(f"/{name}")
    standard, installed = library_directories()
    for directory in standard:
        stage.add_tree(directory, skip=lambda name: name in _LEFT_OUT or name.startswith("config-"))
    for directory in installed:
        stage.add_tree(directory, skip=lambda name: False)
        stage.mark_opaque(directory)
    python = interpreter()
    programs = [str(path) for name in _PROGRAMS if (path := find_tool(name))]
    extensions = [str(path) for place in standard for path in Path(place).glob("lib-dynload/*.so")]
    files = [python, *programs]
    files += shared_libraries([os.path.realpath(path) for path in (*files, *extensions)])
    stage.add_links(Path(sys.prefix) / "bin", "python*")
    for file in files:
        stage.add_file(file)
    return [os.path.realpath(file) for file in files]


def shared_libraries(programs: Sequence[str]) -> list[str]:
    """Return every shared library, and the loader, that ``programs`` need, as ldd sees it."""
    listing = subprocess.run(
        ["ldd", *dict.fromkeys(programs)],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    ).stdout
    words = (word for line in listing.splitlines() if line[:1].isspace() for word in line.split())
    return list(
        dict.fromkeys(word for word in words if word.startswith("/") and not word.endswith(":"))
    )
