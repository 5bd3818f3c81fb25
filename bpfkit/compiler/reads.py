"""A listing, for people, of which expression of a text became which read, and why."""

from __future__ import annotations

from collections.abc import Iterable

from .compiled import Read


def list_reads(reads: Iterable[Read], text: str, name: str = "") -> str:
    """Each line of ``text`` that reads through a pointer, and under it what it reads.

    ``name`` is that of the text; reads in other files are listed without their line. Without a name
    all of them are taken to be in the text.
    """
    lines = text.split("\n")
    parts: list[str] = []
    last = ("", 0)
    for read in reads:
        place = (read.loc.file, read.loc.line)
        if place != last:
            last = place
            known = name in ("", read.loc.file) and 0 < read.loc.line <= len(lines)
            line = f": {lines[read.loc.line - 1].strip()}" if known else ""
            parts.append(f"{read.loc.file}:{read.loc.line}{line}\n")
        parts.append(f"    {read.text}: {read.way} in {read.function}(): {read.reason}\n")
    return "".join(parts)
