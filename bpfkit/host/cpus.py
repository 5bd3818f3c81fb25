"""Which CPUs there are: /sys/devices/system/cpu."""

from __future__ import annotations

from pathlib import Path

_FOLDER = "sys/devices/system/cpu"


def parse_cpu_list(text: str) -> tuple[int, ...]:
    """Return the numbers of a list like ``0-3,8,10-11``.

    Raises ValueError when it is none.
    """
    numbers: list[int] = []
    for part in text.strip().split(","):
        if not part:
            continue
        first, dash, last = part.partition("-")
        numbers += range(int(first), int(last) + 1) if dash else [int(first)]
    return tuple(numbers)


def read_cpus(root: Path, which: str) -> tuple[int, ...]:
    """Return the CPUs that are ``possible``, ``present`` or ``online``.

    Where the file is missing, which happens in containers, it is CPU 0 alone.
    """
    try:
        return parse_cpu_list((root / _FOLDER / which).read_text())
    except (OSError, ValueError):
        return (0,)
