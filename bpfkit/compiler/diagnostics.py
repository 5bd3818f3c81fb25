"""What the compiler says about a text: a severity, a place and a message.

Every stage reports through `Diagnostic`, so that a mistake found by libclang, by our lowering or
by LLVM looks the same to the user: file, line, column, the source line, a caret, and what to do
instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad a diagnostic is. Only `ERROR` stops the compilation."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Loc:
    """A place in the C text; line and column count from 1, 0 means unknown."""

    file: str = ""
    line: int = 0
    column: int = 0


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One message of the compiler."""

    severity: Severity
    message: str
    loc: Loc = Loc()
    source_line: str = ""
    hint: str = ""

    def render(self) -> str:
        """The message as people read it: place, text, source line, caret and hint."""
        place = f"{self.loc.file}:{self.loc.line}:{self.loc.column}: " if self.loc.line else ""
        lines = [f"{place}{self.severity}: {self.message}"]
        if self.source_line:
            lines.append(f"    {self.source_line}")
            if self.loc.column:
                pad = "".join(
                    "\t" if c == "\t" else " " for c in self.source_line[: self.loc.column - 1]
                )
                lines.append(f"    {pad}^")
        if self.hint:
            lines.append(f"    {self.hint}")
        return "\n".join(lines)


class Rejection(Exception):  # noqa: N818 - it becomes a Diagnostic, it is not an error users see
    """Raised inside the compiler to refuse a construct; the driver turns it into a CompileError."""

    def __init__(self, message: str, loc: Loc, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.loc = loc
        self.hint = hint
