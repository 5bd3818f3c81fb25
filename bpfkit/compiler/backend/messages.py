"""What LLVM writes to standard error before it ends the process, as diagnostics."""

from __future__ import annotations

import re

from ..diagnostics import Diagnostic, Loc, Severity

ERROR = re.compile(r"^error: (?P<text>.*)$", re.MULTILINE)
PLACE = re.compile(
    r"(?P<file>[^:\n]*):(?P<line>\d+):(?P<column>\d+): in function (?P<name>\S+)[^:]*: (?P<text>.*)"
)
ABORT = re.compile(r"^LLVM ERROR: (?P<text>.*)$", re.MULTILINE)

HINTS = (
    ("stack limit", "use fewer or smaller local variables, or a per-CPU array map"),
    ("built-in function 'mem", "the size must be a constant of at most 1024 bytes"),
    ("signed division", "divide unsigned numbers"),
    ("too many arguments", "pass a pointer to a struct"),
    ("stack arguments", "pass a pointer to a struct"),
)


def located(text: str, source: str) -> list[Diagnostic]:
    """The diagnostics in LLVM's output; each is given once, with the line of ``source``."""
    lines = source.split("\n")
    found: dict[Diagnostic, None] = {}
    for match in ERROR.finditer(text):
        place = PLACE.fullmatch(match["text"])
        if place is None:
            found[Diagnostic(Severity.ERROR, match["text"], hint=_hint(match["text"]))] = None
            continue
        loc = Loc(place["file"].removeprefix("/"), int(place["line"]), int(place["column"]))
        shown = lines[loc.line - 1] if 0 < loc.line <= len(lines) else ""
        message = f"{place['text']} (in function '{place['name']}')"
        found[Diagnostic(Severity.ERROR, message, loc, shown, _hint(message))] = None
    for match in ABORT.finditer(text):
        before = text[: match.start()].strip()[-1000:]
        reason = f"{match['text']} ({before})" if before else match["text"]
        found[Diagnostic(Severity.ERROR, f"LLVM gave up: {reason}")] = None
    return list(found)


def _hint(message: str) -> str:
    return next((hint for part, hint in HINTS if part in message.lower()), "")
