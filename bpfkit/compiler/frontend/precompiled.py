"""Precompiled headers: what many texts include is parsed once and kept on disk.

libclang checks size and time of every file that went into one, and refuses it when one changed; it
is made again then. A directory that cannot be written to means that nothing is kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ..parse_input import ParseInput
from . import clangffi
from .clangffi import ParseFailure

USE = ("-Xclang", "-fmodules-validate-system-headers", "-include-pch")
"""Flags before the path of one. Without the first, changes of system headers go unseen."""
AST_READ_ERROR = 4
"""CXError_ASTReadError: a precompiled header that no longer fits."""


def precompiled(source: ParseInput, flags: Sequence[str]) -> str:
    """Return the path of ``source.base`` precompiled, made now unless it is there; "" without it.

    A base that has errors is not kept: they are reported where the text is parsed.
    """
    library = Path(clangffi.clang().path)
    key = hashlib.sha256("\0".join([source.base, *flags, library_mark(library)]).encode())
    folder = Path(source.keep) / key.hexdigest()
    ready = folder / "base.pch"
    if not ready.exists():
        try:
            _make(source.base, flags, folder)
        except OSError:
            return ""
    return str(ready) if ready.exists() else ""


def library_mark(library: Path) -> str:
    """What tells one libclang from another."""
    found = library.stat()
    return f"{library} {found.st_size} {found.st_mtime_ns}"


def forget(ready: str) -> None:
    """Remove a precompiled header."""
    with contextlib.suppress(OSError):
        Path(ready).unlink()


def _make(base: str, flags: Sequence[str], folder: Path) -> None:
    """Parse ``base`` and save it. Others that do the same meanwhile end up with the same."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    text, start = folder / "base.h", folder / "start.h"
    # Written once: libclang compares times.
    marked = f"#pragma GCC system_header\n{base}"
    for path, content in ((text, marked), (start, f'#include "{text}"\n')):
        if not path.exists():
            _write(path, content)
    arguments = [*flags, "-x", "c-header"]
    try:
        unit = clangffi.Unit(str(start), arguments, [], 0)
    except ParseFailure:
        return
    with unit:
        if unit.has_errors():
            return
        handle, name = tempfile.mkstemp(dir=folder)
        os.close(handle)
        if unit.save(name):
            Path(name).replace(folder / "base.pch")
        else:
            Path(name).unlink()


def _write(path: Path, content: str) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(content)
    Path(name).replace(path)
