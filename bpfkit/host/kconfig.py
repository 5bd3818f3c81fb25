"""The kernel's build options: /proc/config.gz, /boot/config-RELEASE, or beside the modules."""

from __future__ import annotations

import gzip
import os
import zlib
from pathlib import Path

_PLACES = (
    "proc/config.gz",
    "boot/config-{release}",
    "lib/modules/{release}/config",
    "usr/lib/modules/{release}/config",
    "lib/modules/{release}/build/.config",
)


def parse_kconfig(text: str) -> dict[str, str]:
    """Return options and their values as written: ``y``, ``m``, a number, a quoted string.

    Options that are not set are left out.
    """
    options = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals and name.startswith("CONFIG_"):
            options[name] = value.strip()
    return options


def find_kconfig(root: Path, release: str) -> Path | None:
    """The first place with a configuration that may be read."""
    paths = (root / place.format(release=release) for place in _PLACES)
    return next((path for path in paths if os.access(path, os.R_OK)), None)


def read_kconfig(root: Path, release: str) -> str | None:
    """Return the text of the first configuration that can be read, None when there is none."""
    for place in _PLACES:
        path = root / place.format(release=release)
        try:
            data = path.read_bytes()
            if path.suffix == ".gz":
                data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error):
            continue
        return data.decode("utf-8", "replace")
    return None
