"""Which functions of a unit are programs: what gets loaded and attached by itself."""

from __future__ import annotations

from .tree import FunctionDecl, Unit


def programs_of(unit: Unit, dialect: str) -> list[FunctionDecl]:
    """The programs of ``unit`` in source order.

    In bcc's dialect they are the functions of the main file with external linkage, else those with
    a section.
    """
    bodies = [f for f in unit.functions if f.body is not None and not f.static]
    if dialect == "bcc":
        return [f for f in bodies if f.in_main_file and not (f.inline or f.always_inline)]
    return [f for f in bodies if f.section]
