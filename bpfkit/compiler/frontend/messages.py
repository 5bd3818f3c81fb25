"""libclang's diagnostics as ours, with the source line and, where one is known, what to do."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping

from ..diagnostics import Diagnostic, Loc, Severity
from .clangffi import CXRange, Unit
from .context import VIRTUAL_ROOT

_SEVERITIES = {
    1: Severity.NOTE,
    2: Severity.WARNING,
    3: Severity.ERROR,
    4: Severity.ERROR,  # fatal
}
_MISSING_FILE = re.compile(r"'([^']+)' file not found")
_LISTED = 6
"""So many headers are named when none is near."""


class Messages:
    """Reads the diagnostics of one unit. Places point into ``files`` and ``headers``."""

    def __init__(self, unit: Unit, files: Mapping[str, str], headers: Mapping[str, str]) -> None:
        self._unit = unit
        self._lib = unit.clang
        self._files = files
        self._headers = headers
        self._lines: dict[str, list[str]] = {}

    def read(self) -> list[Diagnostic]:
        """Every diagnostic in order; notes follow what they explain."""
        found: list[Diagnostic] = []
        for handle in self._unit.diagnostics():
            first = self._read(handle)
            if first is not None:
                found.append(first)
            if first is not None and first.severity is Severity.ERROR:
                found += self._notes(handle)
            self._lib.disposeDiagnostic(handle)
        return found

    def source_line(self, loc: Loc) -> str:
        """The line of the text at ``loc``."""
        lines = self._lines_of(loc.file)
        return lines[loc.line - 1] if 0 < loc.line <= len(lines) else ""

    def _lines_of(self, file: str) -> list[str]:
        """The lines of a text, split when a place in it first comes up."""
        lines = self._lines.get(file)
        if lines is None:
            text = self._files.get(file, self._headers.get(file, ""))
            lines = self._lines[file] = text.splitlines()
        return lines

    def _notes(self, handle: int) -> list[Diagnostic]:
        children = self._lib.getChildDiagnostics(handle)
        found = []
        for i in range(self._lib.getNumDiagnosticsInSet(children)):
            note = self._lib.getDiagnosticInSet(children, i)
            read = self._read(note)
            # Notes that only point into our own headers help nobody.
            if read is not None and read.source_line:
                found.append(read)
            self._lib.disposeDiagnostic(note)
        return found

    def _read(self, handle: int) -> Diagnostic | None:
        severity = _SEVERITIES.get(self._lib.getDiagnosticSeverity(handle))
        if severity is None:
            return None
        message = self._lib.text(self._lib.getDiagnosticSpelling(handle))
        place = self._unit.place(self._lib.getDiagnosticLocation(handle))
        file = place.file.removeprefix(VIRTUAL_ROOT)
        lines = self._lines_of(file)
        # What we append to the text is not the user's: an error there means "at the end".
        loc = Loc(file, min(place.line, len(lines)) if lines else place.line, place.column)
        if loc.line != place.line:
            loc = Loc(file, loc.line, len(lines[-1]) + 1)
        missing = _MISSING_FILE.search(message)
        if missing:
            message = f"there is no header <{missing[1]}>"
        hint = self._header_hint(missing[1]) if missing else self._fix(handle)
        return Diagnostic(severity, message, loc, self.source_line(loc), hint)

    def _header_hint(self, name: str) -> str:
        near = difflib.get_close_matches(name, self._headers, n=3, cutoff=0.6)
        if not near:
            base = name.rpartition("/")[2]
            near = [known for known in self._headers if known.rpartition("/")[2] == base][:3]
        if near:
            return f"did you mean {' or '.join(f'<{header}>' for header in near)}?"
        if not self._headers:
            return "no headers are known here; kernel types need no #include"
        known = sorted(self._headers)
        listed = ", ".join(f"<{header}>" for header in known[:_LISTED])
        more = f" and {len(known) - _LISTED} more" if len(known) > _LISTED else ""
        return f"known are {listed}{more}; kernel types need no #include"

    def _fix(self, handle: int) -> str:
        """The first thing clang would insert or replace."""
        if not self._lib.getDiagnosticNumFixIts(handle):
            return ""
        text = self._lib.text(self._lib.getDiagnosticFixIt(handle, 0, CXRange()))
        return f"write '{text.strip()}' here" if text.strip() else ""
