"""Precompiled headers: what many texts include is parsed once and kept on disk.

libclang checks size and time of every file that went into one, and refuses it when one changed; it
is made again then. A directory that cannot be written to means that nothing is kept. When it grows
over its limit, what was not used for longest goes.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from ..parse_input import ParseInput
from . import clangffi
from .clangffi import ParseFailure

USE = ("-Xclang", "-fmodules-validate-system-headers", "-include-pch")
"""Flags before the path of one. Without the first, changes of system headers go unseen."""
LIMIT_BYTES = 512 << 20
"""What all of them may take together: one of a kernel's headers takes 15 to 30 MB."""
IN_USE_S = 60
AST_READ_ERROR = 4
"""CXError_ASTReadError: a precompiled header that no longer fits."""
_NAME = "base.pch"


def precompiled(source: ParseInput, flags: Sequence[str]) -> str:
    """Return the path of ``source.base`` precompiled, made now unless it is there; "" without it.

    A base that has errors is not kept: they are reported where the text is parsed.
    """
    library = Path(clangffi.clang().path)
    key = hashlib.sha256("\0".join([source.base, *flags, library_mark(library)]).encode())
    folder = Path(source.keep) / key.hexdigest()
    ready = folder / _NAME
    try:
        if ready.exists():
            ready.touch()  # used now
        else:
            _make(source.base, flags, folder)
            drop_oldest(Path(source.keep), LIMIT_BYTES)
    except OSError:
        return ""
    return str(ready) if ready.exists() else ""


def drop_oldest(keep: Path, limit: int) -> None:
    """Remove precompiled headers below ``keep`` until ``limit`` bytes are left.

    Those used within `IN_USE_S` stay: a parser may be reading them.
    """
    found = []
    in_use = time.time_ns() - IN_USE_S * 10**9
    for path in keep.glob(f"*/{_NAME}"):
        with contextlib.suppress(OSError):  # another process was faster
            status = path.stat()
            found.append((status.st_mtime_ns, status.st_size, path.parent))
    total = sum(size for _, size, _ in found)
    for used, size, folder in sorted(found):
        if total > limit and used < in_use:
            shutil.rmtree(folder, ignore_errors=True)
            total -= size


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
            Path(name).replace(folder / _NAME)
        else:
            Path(name).unlink()


def _write(path: Path, content: str) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(content)
    Path(name).replace(path)
