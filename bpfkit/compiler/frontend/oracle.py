"""What cursors hide and clang's own printer tells.

libclang has no word for which parts of a ``for`` are missing, for the name of an ``__atomic_*``
builtin, for loop pragmas, asm templates, designators of array ranges, types of ``_Generic``. The
printed declaration, macros expanded, has all of them. The k-th ``for`` of the text is the k-th
FOR_STMT in preorder of the tree; counts must agree, else the construct is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from ..diagnostics import Loc, Rejection
from ..tree import LoopHint
from .clangffi import Clang, CXCursor
from .classes import ExprClass, class_of
from .kinds import Cursor, Expr, Stmt

_TOKEN = re.compile(
    r"""(?P<pragma>^[ \t]*\#pragma[^\n]*)
      | (?P<string>(?:u8|[uUL])?"(?:[^"\\\n]|\\.)*")
      | (?P<char>(?:u8|[uUL])?'(?:[^'\\\n]|\\.)*')
      | (?P<number>\.?[0-9](?:[eEpP][+-]|[\w.])*)
      | (?P<word>[A-Za-z_]\w*)
      | (?P<dots>\.\.\.)
      | (?P<mark>[^\s\w])""",
    re.VERBOSE | re.MULTILINE | re.DOTALL,
)
_OPEN, _CLOSE = "([{", ")]}"
_LOOPS = (Stmt.FOR, Stmt.WHILE, Stmt.DO)


class Designator(Enum):
    """One step of a designation."""

    MEMBER = ".name"
    INDEX = "[i]"
    RANGE = "[a ... b]"


@dataclass(frozen=True, slots=True)
class AsmText:
    """An asm statement as written: template, constraints of the operands, clobbers."""

    template: str
    outputs: tuple[str, ...]
    inputs: tuple[str, ...]
    clobbers: tuple[str, ...]
    goto: bool


@dataclass(frozen=True, slots=True)
class ForParts:
    """Which parts of a ``for`` are there."""

    init: bool
    condition: bool
    step: bool


Token = tuple[str, str]  # (kind, text)


def tokenize(text: str) -> list[Token]:
    """The tokens of printed C: (kind, text), kinds as in the pattern above."""
    return [(match.lastgroup or "", match.group().strip()) for match in _TOKEN.finditer(text)]


def _closing(tokens: Sequence[Token], start: int) -> int:
    """The index of the bracket that closes the one at ``start``."""
    depth = 0
    for i in range(start, len(tokens)):
        kind, text = tokens[i]
        if kind == "mark":
            depth += (text in _OPEN) - (text in _CLOSE)
            if not depth:
                return i
    return len(tokens)


def _split(tokens: Sequence[Token], separator: str) -> list[list[Token]]:
    """``tokens`` cut at each ``separator`` that is in no bracket."""
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        kind, text = token
        if kind == "mark":
            if text == separator and not depth:
                parts.append([])
                continue
            depth += (text in _OPEN) - (text in _CLOSE)
        parts[-1].append(token)
    return parts


def read_fors(tokens: Sequence[Token]) -> list[ForParts]:
    """Every ``for`` in order."""
    found = []
    for i, token in enumerate(tokens):
        if token == ("word", "for"):
            parts = _split(tokens[i + 2 : _closing(tokens, i + 1)], ";")
            found.append(ForParts(*(bool(part) for part in parts[:3])))
    return found


def read_atomics(tokens: Sequence[Token]) -> list[str]:
    """The name of every call of ``__atomic_…`` or ``__c11_atomic_…``."""
    return [
        text
        for i, (kind, text) in enumerate(tokens)
        if kind == "word"
        and text.startswith(("__atomic_", "__c11_atomic_"))
        and tokens[i + 1 : i + 2] == [("mark", "(")]
    ]


def read_asms(tokens: Sequence[Token]) -> list[AsmText]:
    """Every asm statement; asm labels of declarations have no colon and no word after ``asm``."""
    found = []
    for i, token in enumerate(tokens):
        if token != ("word", "asm") or (i and tokens[i - 1] == ("mark", ")")):
            continue
        j, goto = i + 1, False
        while tokens[j][0] == "word":
            goto = goto or tokens[j][1] == "goto"
            j += 1
        parts = _split(tokens[j + 1 : _closing(tokens, j)], ":")
        operands = [_strings(part, operands=True) for part in parts[1:3]]
        operands += [()] * (2 - len(operands))
        clobbers = _strings(parts[3], operands=False) if len(parts) > 3 else ()
        template = "".join(_unquote(text) for kind, text in parts[0] if kind == "string")
        found.append(AsmText(template, operands[0], operands[1], clobbers, goto))
    return found


def _strings(tokens: Sequence[Token], *, operands: bool) -> tuple[str, ...]:
    """The constraint of each operand, or each clobber."""
    found = []
    for part in _split(tokens, ","):
        strings = [text for kind, text in part if kind == "string"]
        if strings:
            found.append(_unquote(strings[0] if operands else "".join(strings)))
    return tuple(found)


def _unquote(text: str) -> str:
    return text[text.index('"') + 1 : -1]


def read_hints(text: str) -> list[LoopHint | None]:
    """What is asked of each loop that has pragmas, in order."""
    found: list[LoopHint | None] = []
    group: list[str] = []
    for line in [*text.splitlines(), ""]:
        pragma = re.fullmatch(r"\s*#pragma\s+(.*)", line)
        if pragma:
            group.append(pragma[1])
        elif group:
            hints = [hint for hint in map(_hint, group) if hint]
            found.append(hints[-1] if hints else None)
            group = []
    return found


def _hint(pragma: str) -> LoopHint | None:
    if pragma.startswith("nounroll"):
        return LoopHint("disable")
    match = re.fullmatch(r"(?:clang loop )?unroll(?:_count)?\s*\(?\s*(\w*)\s*\)?", pragma.strip())
    if match is None:
        return None
    word = match[1]
    if word.isdigit():
        return LoopHint(int(word))
    return LoopHint(word if word in ("full", "enable", "disable") else "enable")


def read_designations(tokens: Sequence[Token]) -> list[tuple[Designator, ...]]:
    """The designators of every designated initialiser, in order."""
    found = []
    for i in range(1, len(tokens)):
        if tokens[i - 1] in (("mark", "{"), ("mark", ",")) and tokens[i][1] in ("[", "."):
            steps, end = _designators(tokens, i)
            if tokens[end : end + 1] == [("mark", "=")]:
                found.append(tuple(steps))
    return found


def _designators(tokens: Sequence[Token], i: int) -> tuple[list[Designator], int]:
    steps = []
    while i < len(tokens) and tokens[i][1] in ("[", "."):
        if tokens[i][1] == ".":
            steps.append(Designator.MEMBER)
            i += 2
        else:
            end = _closing(tokens, i)
            ranged = ("dots", "...") in tokens[i:end]
            steps.append(Designator.RANGE if ranged else Designator.INDEX)
            i = end + 1
    return steps, i


def read_generics(tokens: Sequence[Token]) -> list[tuple[str, ...]]:
    """The types of the associations of every ``_Generic``."""
    found = []
    for i, token in enumerate(tokens):
        if token == ("word", "_Generic"):
            parts = _split(tokens[i + 2 : _closing(tokens, i + 1)], ",")
            found.append(tuple(" ".join(text for _, text in _split(p, ":")[0]) for p in parts[1:]))
    return found


class Printed:
    """One declaration, printed, and its nodes in preorder; both only when asked for."""

    def __init__(self, clang: Clang, declaration: CXCursor, loc: Loc) -> None:
        self._clang = clang
        self._declaration = declaration
        self._loc = loc
        self._text: str | None = None
        self._tokens: list[Token] = []
        self._nodes: dict[str, list[int]] = {}
        self._matched: dict[str, dict[int, object]] = {}

    def for_parts(self, statement: CXCursor) -> ForParts:
        """Which parts ``for`` has."""
        part = self._find("for", statement, lambda: read_fors(self._tokens))
        assert isinstance(part, ForParts)
        return part

    def atomic_name(self, expression: CXCursor) -> str:
        """The builtin that an atomic expression calls."""
        return str(self._find("atomic", expression, lambda: read_atomics(self._tokens)))

    def asm_text(self, statement: CXCursor) -> AsmText:
        """An asm statement in full."""
        part = self._find("asm", statement, lambda: read_asms(self._tokens))
        assert isinstance(part, AsmText)
        return part

    def loop_hint(self, statement: CXCursor) -> LoopHint | None:
        """What the pragmas before a loop ask; ``statement`` is what holds the loop."""
        part = self._find("hint", statement, lambda: read_hints(self._text or ""))
        return part if isinstance(part, LoopHint) else None

    def designators(self, expression: CXCursor) -> tuple[Designator, ...]:
        """The steps of a designated initialiser."""
        part = self._find("designation", expression, lambda: read_designations(self._tokens))
        assert isinstance(part, tuple)
        return part

    def generic_types(self, expression: CXCursor) -> tuple[str, ...]:
        """The types that a generic selection lists, tokens apart by one blank."""
        part = self._find("generic", expression, lambda: read_generics(self._tokens))
        assert isinstance(part, tuple)
        return part

    def _find(self, what: str, cursor: CXCursor, read: Callable[[], Sequence[object]]) -> object:
        if self._text is None:
            self._text = self._clang.pretty(self._declaration)
            self._tokens = tokenize(self._text)
            self._collect(self._declaration, set())
        matched = self._matched.get(what)
        if matched is None:
            nodes, parts = self._nodes.get(what, []), read()
            if len(nodes) != len(parts):
                raise Rejection(
                    f"the compiler's printer shows {len(parts)} of {len(nodes)} constructs "
                    f"({what}) in this declaration",
                    self._loc,
                    "write the declaration in a simpler way",
                )
            matched = self._matched[what] = dict(zip(nodes, parts, strict=True))
        return matched[cursor.data1 or 0]

    def _collect(self, cursor: CXCursor, seen: set[int]) -> None:
        for child in self._clang.children(cursor):
            if Cursor.FIRST_EXPR <= child.kind <= Cursor.LAST_STMT and child.data1:
                # a ?: b shows a three times.
                if child.data1 in seen:
                    continue
                seen.add(child.data1)
                self._note(child)
            self._collect(child, seen)

    def _note(self, cursor: CXCursor) -> None:
        what = ""
        if cursor.kind == Stmt.FOR:
            what = "for"
        elif cursor.kind == Stmt.ASM:
            what = "asm"
        elif cursor.kind == Expr.GENERIC:
            what = "generic"
        elif cursor.kind == Stmt.UNEXPOSED:
            if any(child.kind in _LOOPS for child in self._clang.children(cursor)):
                what = "hint"
        elif cursor.kind == Expr.UNEXPOSED:
            kind = class_of(cursor)
            if kind is ExprClass.ATOMIC:
                what = "atomic"
            elif kind is ExprClass.DESIGNATED:
                what = "designation"
        if what:
            self._nodes.setdefault(what, []).append(cursor.data1 or 0)
