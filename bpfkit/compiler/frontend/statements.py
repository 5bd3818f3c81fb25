"""Statements: cursors to tree. A statement of an unknown kind is refused, never dropped."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar

from ..constants import wrap
from ..ctype import Int, Type, promote
from ..diagnostics import Loc
from ..tree import (
    Asm,
    Break,
    Case,
    Compound,
    Continue,
    DeclStmt,
    Default,
    DoWhile,
    Expr,
    ExprStmt,
    For,
    Goto,
    If,
    Label,
    LoopHint,
    Return,
    Stmt,
    Switch,
    VarDecl,
    While,
)
from . import kinds
from .clangffi import CXCursor
from .initlist import Initialisers
from .kinds import Cursor
from .oracle import ForParts

# What the backend understands in an operand: a register, an immediate, or the number of an output.
_CONSTRAINT = re.compile(r"=?&?(?:[ri]+|\d+)")
_ASM_HINT = "BPF assembly cannot be emitted; write C, or leave the template empty"


class Statements(Initialisers):
    """Builds statements."""

    result: Type
    """Result type of the function being built."""

    def start_function(self) -> None:
        """Forget what belongs to the function before."""
        self._switches: list[Int] = []
        self._labels: dict[int | None, str] = {}

    @abstractmethod
    def local_variables(self, cursor: CXCursor) -> list[VarDecl]:
        """The objects that a declaration statement makes."""

    def compound(self, cursor: CXCursor) -> Compound:
        """The statements in braces."""
        outer, self.local_types = self.local_types, dict(self.local_types)
        body = [self.statement(child) for child in self.lib.children(cursor)]
        self.local_types = outer
        return Compound(self.loc(cursor), body, self.end(cursor))

    def statement(self, cursor: CXCursor) -> Stmt:
        """The statement at ``cursor``."""
        if Cursor.FIRST_EXPR <= cursor.kind <= Cursor.LAST_EXPR:
            e = self.value(cursor)
            return ExprStmt(e.loc, e)
        build = self._STATEMENTS.get(cursor.kind)
        if build is None:
            self.reject(cursor, f"a statement of this kind (libclang's {cursor.kind}) is unknown")
        self.enter(cursor)
        built = build(self, cursor)
        self.leave()
        return built

    # ------------------------------------------------------------ branches

    def _if(self, cursor: CXCursor) -> Stmt:
        condition, then, *otherwise = self.lib.children(cursor)
        return If(
            self.loc(cursor),
            self.value(condition),
            self.statement(then),
            self.statement(otherwise[0]) if otherwise else None,
        )

    def _switch(self, cursor: CXCursor) -> Stmt:
        condition, body = self.lib.children(cursor)
        value = self.value(condition)
        self._switches.append(promote(value.type))
        built = self.statement(body)
        self._switches.pop()
        return Switch(self.loc(cursor), value, built)

    def _case(self, cursor: CXCursor) -> Stmt:
        *labels, body = self.lib.children(cursor)
        low, high = (
            wrap(self.constant(label, "this case label"), self._switches[-1])
            for label in (labels[0], labels[-1])
        )
        return Case(self.loc(cursor), low, high, self.statement(body))

    def _default(self, cursor: CXCursor) -> Stmt:
        return Default(self.loc(cursor), self.statement(self.lib.children(cursor)[-1]))

    # ------------------------------------------------------------ loops

    def _while(self, cursor: CXCursor, hint: LoopHint | None = None) -> Stmt:
        condition, body = self.lib.children(cursor)
        return While(self.loc(cursor), self.value(condition), self.statement(body), hint)

    def _do(self, cursor: CXCursor, hint: LoopHint | None = None) -> Stmt:
        body, condition = self.lib.children(cursor)
        return DoWhile(self.loc(cursor), self.statement(body), self.value(condition), hint)

    def _for(self, cursor: CXCursor, hint: LoopHint | None = None) -> Stmt:
        *header, body = self.lib.children(cursor)
        if len(header) in (0, 3):
            parts = ForParts(*(bool(header),) * 3)
        else:
            parts = self.printed.for_parts(cursor)
        if sum((parts.init, parts.condition, parts.step)) != len(header):
            self.reject(cursor, "which parts this 'for' has cannot be told", "use while")
        init = self.statement(header.pop(0)) if parts.init else None
        condition = self.value(header.pop(0)) if parts.condition else None
        step = self.value(header.pop(0)) if parts.step else None
        return For(self.loc(cursor), init, condition, step, self.statement(body), hint)

    def _attributed(self, cursor: CXCursor) -> Stmt:
        """A statement with attributes: loop pragmas, ``fallthrough``."""
        children = [
            child
            for child in self.lib.children(cursor)
            if not Cursor.FIRST_ATTR <= child.kind <= Cursor.LAST_ATTR
        ]
        if len(children) != 1:
            self.reject(cursor, "a statement of this kind is unknown")
        loop = self._LOOPS.get(children[0].kind)
        if loop is None:
            return self.statement(children[0])
        return loop(self, children[0], self.printed.loop_hint(cursor))

    # ------------------------------------------------------------ jumps

    def _break(self, cursor: CXCursor) -> Stmt:
        return Break(self.loc(cursor))

    def _continue(self, cursor: CXCursor) -> Stmt:
        return Continue(self.loc(cursor))

    def _return(self, cursor: CXCursor) -> Stmt:
        value: Expr | None = None
        for child in self.expressions_in(cursor):
            value = self.convert(self.value(child), self.result)
        return Return(self.loc(cursor), value)

    def _goto(self, cursor: CXCursor) -> Stmt:
        reference = self.lib.children(cursor)[0]
        target = self.lib.getCursorReferenced(reference)
        return Goto(self.loc(cursor), self._label_name(target, self.lib.spelling(reference)))

    def _label_name(self, label: CXCursor, spelled: str = "") -> str:
        """The name of a label, made unique: statement expressions may declare their own."""
        name = self._labels.get(label.data1)
        if name is None:
            spelled = spelled or self.lib.spelling(label)
            taken = set(self._labels.values())
            name, number = spelled, 1
            while name in taken:
                number += 1
                name = f"{spelled}.{number}"
            self._labels[label.data1] = name
        return name

    def _label(self, cursor: CXCursor) -> Stmt:
        body = self.lib.children(cursor)[-1]
        return Label(self.loc(cursor), self._label_name(cursor), self.statement(body))

    def _computed_goto(self, cursor: CXCursor) -> Stmt:
        self.reject(cursor, "a computed goto", "use switch")

    # ------------------------------------------------------------ the rest

    def _null(self, cursor: CXCursor) -> Stmt:
        loc = self.loc(cursor)
        return Compound(loc, [], loc)

    def _declaration(self, cursor: CXCursor) -> Stmt:
        for child in self.lib.children(cursor):
            if child.kind == Cursor.TYPEDEF:
                self.local_types[self.lib.spelling(child)] = self.type_words(child)
        return DeclStmt(self.loc(cursor), self.local_variables(cursor))

    def _ms_asm(self, cursor: CXCursor) -> Stmt:
        self.reject(cursor, "inline assembly", _ASM_HINT)

    def _asm(self, cursor: CXCursor) -> Stmt:
        text = self.printed.asm_text(cursor)
        if text.template.strip():
            self.reject(cursor, f'inline assembly: "{text.template.strip()}"', _ASM_HINT)
        operands = self.expressions_in(cursor)
        if text.goto or len(operands) != len(text.outputs) + len(text.inputs):
            self.reject(cursor, "an asm statement of this shape", _ASM_HINT)
        loc = self.loc(cursor)
        outputs: list[tuple[str, Expr]] = []
        inputs: list[tuple[str, Expr]] = []
        clobbers = list(text.clobbers)
        for written, operand in zip((*text.outputs, *text.inputs), operands, strict=True):
            self._asm_operand(written, operand, outputs, inputs, clobbers, loc)
        constraints = [
            *(constraint for constraint, _ in outputs),
            *(constraint for constraint, _ in inputs),
            *dict.fromkeys(f"~{{{clobber}}}" for clobber in clobbers),
        ]
        return Asm(loc, ",".join(constraints), [e for _, e in outputs], [e for _, e in inputs])

    def _asm_operand(
        self,
        written: str,
        operand: CXCursor,
        outputs: list[tuple[str, Expr]],
        inputs: list[tuple[str, Expr]],
        clobbers: list[str],
        loc: Loc,
    ) -> None:
        if "m" in written and not set(written) & set("rig"):
            # With nothing in the template, a memory operand says no more than "memory changes".
            clobbers.append("memory")
            return
        constraint = re.sub("[mg]", "", written.replace("g", "r")).removeprefix("%")
        tied = constraint.startswith("+")
        constraint = constraint.replace("+", "=")
        if not _CONSTRAINT.fullmatch(constraint):
            self.reject(operand, f'the asm constraint "{written}"', _ASM_HINT)
        if constraint.startswith("="):
            outputs.append((constraint, self.expr(operand)))
            if tied:
                inputs.append((str(len(outputs) - 1), self.value(operand)))
        else:
            inputs.append((constraint, self.value(operand)))

    _LOOPS: ClassVar[dict[int, Callable[[Statements, CXCursor, LoopHint | None], Stmt]]] = {
        kinds.Stmt.WHILE: _while,
        kinds.Stmt.DO: _do,
        kinds.Stmt.FOR: _for,
    }
    _STATEMENTS: ClassVar[dict[int, Callable[[Statements, CXCursor], Stmt]]] = {
        kinds.Stmt.UNEXPOSED: _attributed,
        kinds.Stmt.LABEL: _label,
        kinds.Stmt.COMPOUND: compound,
        kinds.Stmt.CASE: _case,
        kinds.Stmt.DEFAULT: _default,
        kinds.Stmt.IF: _if,
        kinds.Stmt.SWITCH: _switch,
        kinds.Stmt.WHILE: _while,
        kinds.Stmt.DO: _do,
        kinds.Stmt.FOR: _for,
        kinds.Stmt.GOTO: _goto,
        kinds.Stmt.INDIRECT_GOTO: _computed_goto,
        kinds.Stmt.CONTINUE: _continue,
        kinds.Stmt.BREAK: _break,
        kinds.Stmt.RETURN: _return,
        kinds.Stmt.ASM: _asm,
        kinds.Stmt.MS_ASM: _ms_asm,
        kinds.Stmt.NULL: _null,
        kinds.Stmt.DECL: _declaration,
    }
