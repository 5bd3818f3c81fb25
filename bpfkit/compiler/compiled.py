"""What a compilation gives. Small on purpose: the user's process imports this, not the compiler."""

from __future__ import annotations

from dataclasses import dataclass

from ..btf.core import Resolved
from .diagnostics import Diagnostic, Loc


@dataclass(frozen=True, slots=True)
class Read:
    """One expression of the text that goes through a pointer, and what became of it.

    ``way`` is the helper's name, or "direct" for a plain load that only the kernel's types allow.
    """

    loc: Loc
    text: str  # the lvalue as C writes it
    way: str
    reason: str
    function: str  # the emitted copy: two copies of one function may read differently


@dataclass(frozen=True, slots=True)
class Compiled:
    """An object, and what was said on the way."""

    elf: bytes
    warnings: tuple[Diagnostic, ...]
    ir: str
    reads: tuple[Read, ...] = ()
    """The pointers of the text that are read by helper, and why."""
    resolved: tuple[Resolved, ...] = ()
    """CO-RE relocations as they come out for the kernel compiled for: who loads the object there
    needs none of that kernel's types.
    """
