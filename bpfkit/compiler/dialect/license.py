"""The license of a program: what ``#define BPF_LICENSE`` says, GPL when it says nothing."""

from __future__ import annotations

from ..diagnostics import Loc, Rejection
from ..target import Target
from ..tree import Unit

MACRO = "BPF_LICENSE"


def apply_license(unit: Unit, target: Target) -> None:
    """Set ``unit.license``.

    An empty definition is an empty license: the kernel then refuses GPL-only helpers.
    """
    flags = [flag.removeprefix("-D").lstrip() for flag in target.cflags]
    if any(flag == MACRO or flag.startswith(MACRO + "=") for flag in flags):
        raise Rejection(
            f"{MACRO} cannot be specified through cflags",
            Loc(),
            f"write '#define {MACRO} GPL' in the program",
        )
    defined = unit.macros.get(MACRO)
    if defined is not None:
        unit.license = " ".join(defined.split()).strip('"')
