"""What every part of the builder shares: the unit, its types, places, and how to refuse."""

from __future__ import annotations

from typing import NoReturn

from ..ctype import Float, Type, Typedef, bare
from ..diagnostics import Loc, Rejection
from .clangffi import CXCursor, Unit
from .kinds import Cursor
from .model import Types, decayed, unqualified

VIRTUAL_ROOT = "/usr/include/virtual/"
"""Where prelude and headers stand for libclang; no such directory exists."""

DEEPEST = 200
"""Levels of expressions and statements inside each other; each takes about three frames."""

FLOAT_HINT = "BPF has no floating point; scale to integers, or compute in user space"


class Context:
    """One translation unit being read."""

    def __init__(self, unit: Unit, main_file: str) -> None:
        self.unit = unit
        self.lib = unit.clang
        self.main_file = main_file
        self.types = Types(unit, self.loc)
        self._depth = 0
        self.local_types: dict[str, str] = {}
        """Typedefs of the blocks being read, with what they stand for."""

    def loc(self, cursor: CXCursor) -> Loc:
        """Where ``cursor`` stands, after macro expansion."""
        file, line, column = self.unit.place_of(cursor)
        return Loc(file.removeprefix(VIRTUAL_ROOT), line, column)

    def end(self, cursor: CXCursor) -> Loc:
        """The last character of ``cursor``."""
        file, line, column = self.unit.end_of(cursor)
        return Loc(file.removeprefix(VIRTUAL_ROOT), line, max(column - 1, 1))

    def reject(self, cursor: CXCursor, message: str, hint: str = "") -> NoReturn:
        """Refuse the construct at ``cursor``."""
        raise Rejection(message, self.loc(cursor), hint)

    def enter(self, cursor: CXCursor) -> None:
        """Go one level deeper; Python's own limit would come without a place."""
        self._depth += 1
        if self._depth > DEEPEST:
            self.reject(cursor, "this is nested too deeply", "split it into several statements")

    def leave(self) -> None:
        """Come back from one level."""
        self._depth -= 1

    def is_main(self, cursor: CXCursor) -> bool:
        """Whether ``cursor`` comes from the main file, macros expanded there included."""
        return self.unit.place_of(cursor).file == VIRTUAL_ROOT + self.main_file

    def type_of(self, cursor: CXCursor) -> Type:
        """The type of an object or lvalue."""
        return self.types.used(self.lib.getCursorType(cursor))

    def value_type(self, cursor: CXCursor) -> Type:
        """The type of an expression's value.

        libclang shows a parameter that was written as an array with its array type, everywhere; a
        value of that type is a pointer.
        """
        return decayed(unqualified(self.type_of(cursor)))

    def expressions_in(self, cursor: CXCursor) -> list[CXCursor]:
        """The children of ``cursor`` that are expressions."""
        return [
            child
            for child in self.lib.children(cursor)
            if Cursor.FIRST_EXPR <= child.kind <= Cursor.LAST_EXPR
        ]

    def check_computable(self, type_: Type, loc: Loc) -> None:
        """Refuse floating point."""
        if isinstance(bare(type_), Float):
            raise Rejection("floating point is used here", loc, FLOAT_HINT)

    def check_supported(self, type_: Type, loc: Loc) -> None:
        """Refuse vectors, complex numbers and atomic types."""
        if not self.types.unsupported:
            return
        plain = unqualified(type_)
        while isinstance(plain, Typedef):
            if plain in self.types.unsupported:
                raise Rejection(f"values of type '{plain.name}' are not supported", loc)
            plain = unqualified(plain.to)
