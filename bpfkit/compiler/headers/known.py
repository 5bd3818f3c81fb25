"""Which headers a program may include: all are empty, for their names are supplied on demand."""

from __future__ import annotations

import json
from functools import cache

from .supply import INCLUDE

_FREESTANDING = ("stddef.h", "stdint.h", "stdbool.h", "stdarg.h", "limits.h", "vmlinux.h")


@cache
def known_headers() -> frozenset[str]:
    """Return the paths of the kernel's headers, as they stand between the brackets."""
    data = json.loads((INCLUDE / "known_headers.json").read_text(encoding="utf-8"))
    del data["ORIGIN"]
    paths = {f"{folder}/{name}.h" for folder, names in data.items() for name in names.split()}
    return frozenset(paths | set(_FREESTANDING))
