"""Statements."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field

from ..ctype import Type, Void, align_of, as_int, bare, size_of
from ..diagnostics import Rejection
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
    StmtExpr,
    Storage,
    Switch,
    VarDecl,
    While,
)
from .jumps import cases_of, entered_by_jumps
from .memory import Place, is_record, kind_of
from .relocations import Relocations

SMALL_RANGE = 64
"""Case ranges up to this size become single cases, larger ones a comparison."""

UNROLL = {
    "full": '!{!"llvm.loop.unroll.full"}',
    "enable": '!{!"llvm.loop.unroll.enable"}',
    "disable": '!{!"llvm.loop.unroll.disable"}',
}


@dataclass(slots=True)
class Frame:
    """Where jumps lead, and what is live, while a function is lowered."""

    breaks: list[str] = field(default_factory=list)
    continues: list[str] = field(default_factory=list)
    cases: dict[Case | Default, str] = field(default_factory=dict)
    jumped_into: set[Stmt] = field(default_factory=set)
    depth: int = 0


class Statements(Relocations):
    """Lowering statements into the current block."""

    frame: Frame

    def statement(self, s: Stmt) -> None:
        """Lower one statement."""
        self.at(s.loc)
        match s:
            case Compound():
                self.compound(s)
            case ExprStmt():
                self.effect(s.expr)
            case DeclStmt():
                for var in s.vars:
                    self._declare(var)
            case If():
                self._if(s)
            case While():
                self._while(s)
            case DoWhile():
                self._do_while(s)
            case For():
                self._for(s)
            case Switch():
                self._switch(s)
            case Case() | Default():
                self.open(self.frame.cases[s])
                self.statement(s.body)
            case Break():
                self.jump(self.frame.breaks[-1])
            case Continue():
                self.jump(self.frame.continues[-1])
            case Return():
                self.leave(s.value, s)
            case Goto():
                self.jump(f"label.{s.label}")
            case Label():
                self.open(f"label.{s.name}")
                self.statement(s.body)
            case Asm():
                self._asm(s)
            case _:
                raise Rejection(f"cannot compile this statement ({type(s).__name__})", s.loc)

    @abstractmethod
    def leave(self, value: Expr | None, s: Stmt) -> None:
        """Return from the function; the stage above knows how."""

    # ------------------------------------------------------------ blocks and objects

    def compound(self, s: Compound) -> None:
        """A block: its objects live from their declaration to its end."""
        self._block_of(s, s.body)

    def _block_of(self, owner: Stmt, body: list[Stmt]) -> None:
        marked = owner not in self.frame.jumped_into
        live: list[str] = []
        self.frame.depth += 1
        for child in body:
            if isinstance(child, DeclStmt) and marked:
                self.at(child.loc)
                for var in child.vars:
                    room = self._declare(var, marked=True)
                    if room:
                        live.append(room)
            else:
                self.statement(child)
        for room in reversed(live):
            self.stop(room)
        self.frame.depth -= 1

    def _declare(self, var: VarDecl, *, marked: bool = False) -> str:
        """Make a local object; returns the memory whose life was marked."""
        if var.storage is not Storage.LOCAL:
            return ""
        room = self.room(var.type, var.align)
        align = max(var.align, align_of(var.type))
        marked = marked and (self.frame.depth > 1 or not _is_register(var.type))
        if marked:
            self.start(room)
        place = Place(room, var.type, align)
        self.objects[var] = place
        if var.init is not None:
            self.initialise(place, var.init)
        return room if marked else ""

    # ------------------------------------------------------------ branches and loops

    def _if(self, s: If) -> None:
        then, end = self.block("then"), self.block("end")
        otherwise = self.block("else") if s.otherwise is not None else end
        self.condition(s.condition, then, otherwise)
        self.open(then)
        self.statement(s.then)
        self.jump(end)
        if s.otherwise is not None:
            self.open(otherwise)
            self.statement(s.otherwise)
        self.open(end)

    def _body(self, body: Stmt, on_break: str, on_continue: str) -> None:
        self.frame.breaks.append(on_break)
        self.frame.continues.append(on_continue)
        self.statement(body)
        self.frame.breaks.pop()
        self.frame.continues.pop()

    def _hint(self, hint: LoopHint | None) -> str:
        if hint is None:
            return ""
        module = self.module
        if isinstance(hint.unroll, int):
            what = module.node(f'!{{!"llvm.loop.unroll.count", i32 {hint.unroll}}}')
        else:
            what = module.node(UNROLL[hint.unroll])
        loop = module.distinct()
        module.fill(loop, f"distinct !{{{loop}, {what}}}")
        return f", !llvm.loop {loop}"

    def _while(self, s: While) -> None:
        test, body, end = self.block("test"), self.block("body"), self.block("end")
        self.open(test)
        self.condition(s.condition, body, end)
        self.open(body)
        self._body(s.body, end, test)
        self.jump(test, self._hint(s.hint))
        self.open(end)

    def _do_while(self, s: DoWhile) -> None:
        body, test, end = self.block("body"), self.block("test"), self.block("end")
        again = self.block("again")
        self.open(body)
        self._body(s.body, end, test)
        self.open(test)
        self.at(s.condition.loc)
        self.condition(s.condition, again, end)
        self.open(again)
        self.jump(body, self._hint(s.hint))
        self.open(end)

    def _for(self, s: For) -> None:
        if s.init is not None:
            self._block_of(s, [s.init])
        test, body, step, end = (self.block(hint) for hint in ("test", "body", "step", "end"))
        self.open(test)
        if s.condition is not None:
            self.at(s.condition.loc)
            self.condition(s.condition, body, end)
        self.open(body)
        self._body(s.body, end, step)
        self.open(step)
        if s.step is not None:
            self.effect(s.step)
        self.jump(test, self._hint(s.hint))
        self.open(end)

    def _switch(self, s: Switch) -> None:
        value = self.value(s.condition)
        t = as_int(s.condition.type)
        kind, mask = kind_of(t), (1 << t.size * 8) - 1
        end = self.block("end")
        default, table, ranges = end, [], []
        for case in cases_of(s):
            name = self.frame.cases[case] = self.block("case")
            if isinstance(case, Default):
                default = name
            elif case.high - case.low < SMALL_RANGE:
                table += [(v & mask, name) for v in range(case.low, case.high + 1)]
            else:
                ranges.append((case, name))
        for case, name in ranges:
            low = self.get(f"sub {kind} {value}, {case.low & mask}")
            hit = self.get(f"icmp ule {kind} {low}, {case.high - case.low}")
            after = self.block("next")
            self.branch(hit, name, after)
            self.open(after)
        targets = " ".join(f'{kind} {v}, label %"{name}"' for v, name in table)
        self.end(f'switch {kind} {value}, label %"{default}" [ {targets} ]')
        self.frame.breaks.append(end)
        self.statement(s.body)
        self.frame.breaks.pop()
        self.open(end)

    # ------------------------------------------------------------ the rest

    def statement_expression(self, e: StmtExpr, result: str = "", align: int = 1) -> str:
        """Lower ``({ … })``; a record value is written to ``result``."""
        body = e.body
        self.frame.jumped_into |= entered_by_jumps(body)
        if not body.body:
            return ""
        *before, last = body.body
        for s in before:
            self.statement(s)
        while isinstance(last, (Label, Case, Default)):
            self.open(f"label.{last.name}" if isinstance(last, Label) else self.frame.cases[last])
            last = last.body
        if not isinstance(last, ExprStmt):
            self.statement(last)
            return ""
        self.at(last.loc)
        if result:
            self.record_into(last.expr, Place(result, e.type, align))
            return result
        if isinstance(bare(e.type), Void):
            self.effect(last.expr)
            return ""
        if is_record(e.type):
            return self.record_at(last.expr).address
        return self.convert(self.value(last.expr), last.expr.type, e.type, e.loc)

    def _asm(self, s: Asm) -> None:
        places = [self.place(output) for output in s.outputs]
        args = [f"{kind_of(i.type, i.loc)} {self.value(i)}" for i in s.inputs]
        kinds = [kind_of(o.type, o.loc) for o in s.outputs]
        shape = (
            "void" if not kinds else kinds[0] if len(kinds) == 1 else f"{{ {', '.join(kinds)} }}"
        )
        text = f'call {shape} asm sideeffect "", "{s.constraints}"({", ".join(args)})'
        if not kinds:
            self.do(text)
            return
        result = self.get(text)
        for number, place in enumerate(places):
            value = (
                result if len(kinds) == 1 else self.get(f"extractvalue {shape} {result}, {number}")
            )
            self.store(place, value, s.loc)


def _is_register(t: Type) -> bool:
    """Whether an object will rather live in a register; marking its life pays in inner blocks."""
    return not is_record(t) and kind_of(t)[0] != "[" and size_of(t) <= 8
