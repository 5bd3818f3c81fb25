"""Which blocks of a function can be entered by a jump that passes over their declarations.

Such blocks get no lifetime markers: a jump to a label may bypass the start of a variable's life,
and then the backend would give its memory away.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..tree import (
    Case,
    Compound,
    Default,
    DoWhile,
    For,
    If,
    Label,
    Stmt,
    Switch,
    While,
)


def inner(s: Stmt) -> Iterator[Stmt]:
    """The statements directly inside ``s``."""
    match s:
        case Compound():
            yield from s.body
        case If():
            yield s.then
            if s.otherwise is not None:
                yield s.otherwise
        case While() | DoWhile() | Case() | Default() | Label() | Switch():
            yield s.body
        case For():
            if s.init is not None:
                yield s.init
            yield s.body


def entered_by_jumps(body: Stmt) -> set[Stmt]:
    """The blocks (and ``for``) with a label in them, or a case of a switch around them."""
    found: set[Stmt] = set()

    def walk(s: Stmt, around: tuple[Stmt, ...], inside_switch: int) -> None:
        if isinstance(s, Label):
            found.update(around)
        elif isinstance(s, (Case, Default)):
            found.update(around[inside_switch:])
        if isinstance(s, Switch):
            inside_switch = len(around)
        elif isinstance(s, (Compound, For)):
            around = (*around, s)
        for child in inner(s):
            walk(child, around, inside_switch)

    walk(body, (), 0)
    return found


def cases_of(switch: Switch) -> Iterator[Case | Default]:
    """The labels that belong to ``switch``, in order."""

    def walk(s: Stmt) -> Iterator[Case | Default]:
        if isinstance(s, (Case, Default)):
            yield s
        if not isinstance(s, Switch):
            for child in inner(s):
                yield from walk(child)

    yield from walk(switch.body)
