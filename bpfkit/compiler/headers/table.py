"""Constants of the kernel's headers that nothing else supplies: a large table, read only on need.

The facts are in ``compiler/include/header_constants.json``, written by
``scripts/gen_header_constants.py``, which says what a line of it means. A constant whose value
changed has one value for each release looked at; a target takes that of the newest release not
newer than itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from functools import cache

from .supply import INCLUDE

_LIKELY = re.compile(r"(?:__GFP_|___GFP_|__NR_|__O_|[A-Z])\w*")


@dataclass(frozen=True, slots=True)
class Table:
    """All constants of one architecture: name to its values, as the file has them."""

    releases: tuple[tuple[int, int], ...]
    values: Mapping[str, str]
    doubled: frozenset[str]
    """Enumerators that headers also define as macros of their own name, so that ``#ifdef`` sees
    them."""

    def column(self, version: tuple[int, int, int]) -> int:
        """Return which release stands for a kernel of this version."""
        older = [i for i, release in enumerate(self.releases) if release <= version[:2]]
        return older[-1] if older else 0

    def value(self, name: str, version: tuple[int, int, int], *, exact: bool = False) -> str | None:
        """Return a constant as C text, None when it is not known.

        A constant that this kernel does not have (yet, or any more) has the value it gets or had;
        with ``exact`` it is None.
        """
        values = self.values.get(name)
        if values is None or "," not in values:
            return values
        cells = values.split(",")
        for index, cell in enumerate(cells):
            if cell == "~":
                cells[index] = cells[index - 1]
        at = self.column(version)
        if cells[at] or exact:
            return cells[at] or None
        return next(filter(None, cells[at:] + cells[at::-1]))


def likely_constants(names: Iterable[str]) -> set[str]:
    """Return the names that look like constants of a header."""
    return {name for name in names if _LIKELY.fullmatch(name)}


@cache
def header_table(arch: str) -> Table:
    """Return the table for an architecture; those it does not know get what all share."""
    data = json.loads((INCLUDE / "header_constants.json").read_text(encoding="utf-8"))
    releases = tuple(
        (int(major), int(minor))
        for major, _, minor in (release.partition(".") for release in data["RELEASES"])
    )
    values: dict[str, str] = {}
    for part in (data["all"], data.get(arch, {})):
        for words in part.values():
            values.update(word.split("=", 1) for word in words.split(" "))
    return Table(releases, values, frozenset(data["DOUBLED"].split()))


def header_constants(
    names: Set[str], tested: Set[str], version: tuple[int, int, int], arch: str
) -> dict[str, str]:
    """Return name to C text for those of ``names`` that a header defines.

    Names in ``tested`` stand in ``#if`` or ``#ifdef``: they are defined only when this kernel's
    headers have them.
    """
    if not names:
        return {}
    table = header_table(arch)
    found = {name: table.value(name, version, exact=name in tested) for name in names}
    return {name: value for name, value in sorted(found.items()) if value is not None}
