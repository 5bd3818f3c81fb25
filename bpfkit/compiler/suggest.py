"""What to do about a name the compiler does not know: hints from the target's own names.

For members libclang itself offers the nearest name.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import replace

from .diagnostics import Diagnostic, Severity
from .headers.supply import entries
from .headers.table import header_table, likely_constants
from .headers.types import KernelTypes
from .target import Target

_INCOMPLETE = re.compile(r"incomplete (?:\w+ )*(?:of )?type '(?:const |volatile )*struct (\w+)'")
_UNDECLARED = re.compile(r"use of undeclared identifier '(\w+)'")
_NEAR = 3


def with_hint(said: Diagnostic, target: Target) -> Diagnostic:
    """Add to an error about an unknown name what it may mean, unless it has a hint."""
    if said.severity is not Severity.ERROR or said.hint:
        return said
    for pattern, hint in (
        (_INCOMPLETE, _record_hint),
        (_UNDECLARED, _constant_hint),
    ):
        match = pattern.search(said.message)
        if match:
            return replace(said, hint=hint(target, *match.groups()))
    return said


def _record_hint(target: Target, tag: str) -> str:
    if KernelTypes(target.kernel).has_record(tag):
        return ""
    return (
        f"neither the kernel nor a module that is loaded has a struct {tag}: load the module that "
        "brings it, or define the part you need"
    )


def _constant_hint(target: Target, name: str) -> str:
    if name not in likely_constants({name}):
        return ""
    known = header_table(target.arch).values.keys() | entries().keys()
    near = difflib.get_close_matches(name, known, _NEAR, cutoff=0.75)
    return f"did you mean {' or '.join(near)}?" if near else ""
