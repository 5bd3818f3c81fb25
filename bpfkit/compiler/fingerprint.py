"""What tells this compiler from another: its own files, and those of libclang and LLVM."""

from __future__ import annotations

import functools
import importlib.util
import os
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

from .cache import Directory, digest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("arch", "btf", "compiler", "obj", "uapi")
"""Packages an object depends on; every file of theirs counts, data and headers too."""
_LIBRARIES = {
    "clang": ("native/libclang.so",),
    "llvmlite": ("binding/libllvmlite.so", "_version.py"),
}


def fingerprint(files: Directory) -> str:
    """A name for this compiler. What the files say is kept in ``files`` under how they look.

    The content counts, so that two machines with one compiler agree; as long as no file changed
    its size, its times or its inode, it is not read again.
    """
    looks = digest([(str(path), _look(path)) for path in _files(ROOT)])
    known = files.read(f"{looks}.compiler")
    if known is None:
        known = _content(ROOT).encode()
        files.write(f"{looks}.compiler", known)
    return digest(known, libraries())


def _files(root: Path) -> Iterator[Path]:
    for room in ROOMS:
        yield from _files_below(root / room)


def _files_below(folder: Path) -> Iterator[Path]:
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.name == "__pycache__":
                continue
            if entry.is_dir():
                yield from _files_below(folder / entry.name)
            else:
                yield folder / entry.name


def _look(path: Path) -> tuple[int, ...]:
    status = path.stat()
    return (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def _content(root: Path) -> str:
    whole = blake2b(digest_size=20)
    for path in _files(root):
        data = path.read_bytes()
        whole.update(f"{path.relative_to(root)} {len(data)}\n".encode())
        whole.update(data)
    return whole.hexdigest()


@functools.cache
def libraries() -> str:
    """A name for the installed libclang and LLVM; none installed have one too."""
    parts = ((name, file) for name, files in _LIBRARIES.items() for file in files)
    return digest([(name, file, _installed(name, file)) for name, file in parts])


def _installed(package: str, file: str) -> tuple[int, ...]:
    """Size and times of a file of an installed package."""
    found = importlib.util.find_spec(package)
    for place in (found.submodule_search_locations or ()) if found is not None else ():
        try:
            status = (Path(place) / file).stat()
        except OSError:
            continue
        return (status.st_size, status.st_mtime_ns)
    return ()
