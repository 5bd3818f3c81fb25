"""Where what was made once is kept: ``bpfkit`` below XDG_CACHE_HOME, usually ~/.cache.

BPFKIT_CACHE=0 keeps nothing, BPFKIT_CACHE=/DIRECTORY keeps it there. Nothing here is created or
looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def cache_directory(environ: Mapping[str, str]) -> Path | None:
    """The directory of the cache; None when there is to be none, or no home to have it in.

    A relative XDG_CACHE_HOME does not count, as the XDG base directory specification has it.
    """
    asked = environ.get("BPFKIT_CACHE", "")
    if asked == "0":
        return None
    if asked.startswith("/"):
        return Path(asked)
    named, home = environ.get("XDG_CACHE_HOME", ""), environ.get("HOME", "")
    if named.startswith("/"):
        return Path(named) / "bpfkit"
    return Path(home) / ".cache" / "bpfkit" if home.startswith("/") else None


def precompiled_directory(environ: Mapping[str, str]) -> str:
    """The directory of precompiled kernel headers, "" for none."""
    cache = cache_directory(environ)
    return str(cache / "headers") if cache is not None else ""


def objects_directory(environ: Mapping[str, str]) -> Path | None:
    """The directory of compiled objects, None for none."""
    cache = cache_directory(environ)
    return cache / "objects" if cache is not None else None
