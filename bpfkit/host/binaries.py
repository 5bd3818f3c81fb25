"""Programs and libraries by name, as the shell and the dynamic linker find them.

``c`` is libc: a library is named without ``lib`` and what follows. A process knows best which one
it uses: its mappings are asked before the linker's cache.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from .ldcache import parse_ld_cache
from .procmaps import read_maps

_SLASH = Path("/")
_USUAL_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Where linkers without a cache (musl's) and systems without ldconfig look.
_FOLDERS = ("lib64", "usr/lib64", "lib", "usr/lib", "usr/local/lib")


def find_library(name: str, arch: str, *, pid: int = 0, root: Path = _SLASH) -> str | None:
    """The path of library ``name``; one of process ``pid`` as that process calls it.

    A name with a slash is a path already. None when no such library is found.
    """
    if "/" in name:
        return name
    pattern = re.compile(rf"lib{re.escape(name)}(-[\d.]+)?\.so(\.[\w.]+)?")
    if pid > 0:
        try:
            mapped = [m.path for m in read_maps(pid, root) if m.is_file]
        except OSError:
            mapped = []
        if found := _first(mapped, pattern):
            return found
    try:
        cache = (root / "etc/ld.so.cache").read_bytes()
    except OSError:
        cache = b""
    listed = [entry.path for entry in parse_ld_cache(cache, arch, f"lib{name}")]
    return _first(listed, pattern) or _first(_installed(arch, root), pattern)


def find_exe(
    name: str, *, environ: Mapping[str, str] | None = None, root: Path = _SLASH
) -> str | None:
    """The path of program ``name``, looked for where PATH says; None when it is not there."""
    if "/" in name:
        return (
            name if _is_program(root / name.lstrip("/") if name[0] == "/" else Path(name)) else None
        )
    variables = os.environ if environ is None else environ
    for folder in variables.get("PATH", _USUAL_PATH).split(":"):
        if folder and _is_program(root / folder.lstrip("/") / name):
            return str(Path(folder) / name)
    return None


def _first(paths: Iterable[str], pattern: re.Pattern[str]) -> str | None:
    return next((p for p in paths if pattern.fullmatch(p.rpartition("/")[2])), None)


def _installed(arch: str, root: Path) -> Iterable[str]:
    multiarch = f"lib/{arch}-linux-gnu"
    for folder in (multiarch, f"usr/{multiarch}", *_FOLDERS):
        try:
            names = sorted(entry.name for entry in (root / folder).iterdir())
        except OSError:
            continue
        yield from (f"/{folder}/{name}" for name in names)


def _is_program(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)
