# tens of thousands of files: strings are several times quicker than paths
# ruff: noqa: PTH113, PTH114, PTH115, PTH116, PTH118, PTH119, PTH120, PTH211
"""A directory tree laid out like the host's, from which a root image is made.

Files are linked, not copied, where the filesystem allows; bytecode is written anew so that a guest
never compares it with its source.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import tempfile
from collections.abc import Callable
from importlib._bootstrap_external import _code_to_hash_pyc  # type: ignore[attr-defined]
from pathlib import Path
from types import TracebackType
from typing import Self

_OPAQUE = "trusted.overlay.opaque"
_HASH_BASED = 1
"""Flags of a .pyc whose hash is never compared (PEP 552)."""


class Stage:
    """A tree under construction; it goes away with the ``with`` block."""

    def __init__(self, place: Path) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="stage-", dir=place))
        self.root = self.directory / "root"
        self.root.mkdir(mode=0o755)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        shutil.rmtree(self.directory, ignore_errors=True)

    def add_directory(self, path: str) -> Path:
        """Make a directory of the host and those above it, with their modes and owners."""
        target = self.root / path.lstrip("/")
        if not target.exists():
            if path != "/":
                self.add_directory(os.path.dirname(path))
            target.mkdir(exist_ok=True)
            state = os.stat(path)
            target.chmod(state.st_mode & 0o7777)
            if os.geteuid() == 0:
                os.chown(target, state.st_uid, state.st_gid)
        return target

    def add_file(self, path: str) -> None:
        """Add a file at its own path; a link is added as a link, and what it leads to as well."""
        self._add_links_above(path)
        place = os.path.realpath(os.path.dirname(path))
        target = self.add_directory(place) / os.path.basename(path)
        source = os.path.join(place, os.path.basename(path))
        if os.path.lexists(target):
            return
        if os.path.islink(source):
            os.symlink(os.readlink(source), target)
            self.add_file(os.path.join(place, os.readlink(source)))
        elif os.path.isfile(source):
            _link_or_copy(source, target)

    def _add_links_above(self, path: str) -> None:
        """Add the links among the directories of ``path``, such as /lib64 of the loader."""
        above = os.path.dirname(path)
        if above == path:
            return
        self._add_links_above(above)
        if os.path.islink(above):
            place = os.path.realpath(os.path.dirname(above))
            target = self.add_directory(place) / os.path.basename(above)
            if not os.path.lexists(target):
                os.symlink(os.readlink(above), target)

    def add_links(self, directory: Path, pattern: str) -> None:
        """Add the symbolic links of ``directory`` that match ``pattern``, and what they lead to."""
        for path in directory.glob(pattern):
            if path.is_symlink():
                self.add_file(str(path))

    def add_tree(self, directory: str, skip: Callable[[str], bool]) -> None:
        """Add a directory of Python files, but for the entries at its top that ``skip`` picks.

        The directories inside it become opaque: a guest need not ask the host what else they hold.
        """
        for place, names, files in os.walk(directory):
            if place == directory:
                names[:] = [name for name in names if not skip(name)]
            names[:] = [name for name in names if name != "__pycache__"]
            target = self.add_directory(place)
            if place != directory:
                self.mark_opaque(place)
            for name in names[:]:
                if os.path.islink(os.path.join(place, name)):
                    os.symlink(os.readlink(os.path.join(place, name)), target / name)
                    names.remove(name)
            for name in files:
                _add_python_file(os.path.join(place, name), target / name)

    def mark_opaque(self, directory: str) -> None:
        """Say that ``directory`` hides what the host has below it, where we may say so."""
        target = self.root / directory.lstrip("/")
        try:
            os.setxattr(target, _OPAQUE, b"y")
        except OSError:
            return  # without it a guest looks names up on the host too, and finds the same


def _link_or_copy(source: str, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _add_python_file(source: str, target: Path) -> None:
    if os.path.islink(source):
        os.symlink(os.readlink(source), target)
        return
    if not os.path.isfile(source):
        return
    _link_or_copy(source, target)
    if target.suffix == ".py" and (bytecode := _bytecode(source)) is not None:
        cached = Path(importlib.util.cache_from_source(str(target)))
        cached.parent.mkdir(exist_ok=True)
        cached.write_bytes(bytecode)


def _bytecode(source: str) -> bytes | None:
    """Return the content of an unchecked .pyc for ``source``; None if it does not compile.

    A .pyc of the host that still matches its source lends its code; compiling is the slow part.
    """
    state = os.stat(source)
    checks = (state.st_mtime_ns // 10**9 & 0xFFFFFFFF, state.st_size & 0xFFFFFFFF)
    head = importlib.util.MAGIC_NUMBER + b"".join(n.to_bytes(4, "little") for n in (0, *checks))
    text = Path(source).read_bytes()
    digest = importlib.util.source_hash(text)
    try:
        cached = Path(importlib.util.cache_from_source(source)).read_bytes()
    except OSError:
        cached = b""
    if cached[:16] == head:
        return (
            importlib.util.MAGIC_NUMBER + _HASH_BASED.to_bytes(4, "little") + digest + cached[16:]
        )
    try:
        code = compile(text, source, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError):
        return None
    return bytes(_code_to_hash_pyc(code, digest, checked=False))
