"""Variables with ``__attribute__((cleanup(f)))``: ``f(&variable)`` wherever the block is left.

The calls become statements of the tree: at the end of the block, and before every jump out of it.
A ``return`` computes its value first. Loops over open-coded iterators (``bpf_for``) need it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..ctype import Pointer, Void, bare
from ..diagnostics import Loc, Rejection
from ..tree import (
    AddrOf,
    Break,
    Call,
    Case,
    Cast,
    Compound,
    Continue,
    DeclRef,
    DeclStmt,
    Default,
    DoWhile,
    Expr,
    ExprStmt,
    For,
    FunctionDecl,
    Goto,
    If,
    Label,
    Load,
    Return,
    Stmt,
    Storage,
    Switch,
    VarDecl,
    While,
)

Cleanups = dict[VarDecl, FunctionDecl]


def expand_cleanups(body: Compound, cleanups: Cleanups) -> Compound:
    """Write out the calls of ``cleanups`` in the body of a function.

    Raises Rejection for a variable inside a statement expression.
    """
    if not cleanups:
        return body
    expander = _Expander(cleanups)
    expander.find_labels(body, ())
    built = expander.compound(body)
    for variable in cleanups:
        if variable not in expander.seen:
            raise Rejection(
                f"'{variable.name}' has a cleanup inside a statement expression",
                variable.loc,
                "declare it in a block of its own, or call the function by its name",
            )
    return built


@dataclass
class _Expander:
    """Walks a function. ``scopes`` are the blocks around, each with what is to be cleaned up."""

    cleanups: Cleanups
    seen: set[VarDecl] = field(default_factory=set)
    scopes: list[tuple[Compound, list[VarDecl]]] = field(default_factory=list)
    breaks: list[int] = field(default_factory=list)
    continues: list[int] = field(default_factory=list)
    labels: dict[str, tuple[Compound, ...]] = field(default_factory=dict)

    def find_labels(self, s: Stmt, around: tuple[Compound, ...]) -> None:
        """Remember the blocks around each label."""
        if isinstance(s, Label):
            self.labels[s.name] = around
        if isinstance(s, Compound):
            around = (*around, s)
        for child in _inside(s):
            self.find_labels(child, around)

    def compound(self, s: Compound) -> Compound:
        """A block, with the calls at its end."""
        live: list[VarDecl] = []
        self.scopes.append((s, live))
        body: list[Stmt] = []
        for child in s.body:
            body.append(self.statement(child))
            if isinstance(child, DeclStmt):
                live += [v for v in child.vars if v in self.cleanups]
        self.seen.update(live)
        body += self._calls(live, s.end)
        self.scopes.pop()
        s.body = body
        return s

    def statement(self, s: Stmt) -> Stmt:
        """Any statement, changed in place where only its parts change."""
        match s:
            case Compound():
                return self.compound(s)
            case If():
                s.then = self.statement(s.then)
                s.otherwise = None if s.otherwise is None else self.statement(s.otherwise)
            case For():
                return self._for(s)
            case While() | DoWhile():
                s.body = self._loop(s.body)
            case Switch():
                self.breaks.append(len(self.scopes))
                s.body = self.statement(s.body)
                self.breaks.pop()
            case Case() | Default() | Label():
                s.body = self.statement(s.body)
            case Break():
                return self._leave(s, self.breaks[-1])
            case Continue():
                return self._leave(s, self.continues[-1])
            case Goto():
                target = self.labels.get(s.label, ())
                depth = sum(any(scope is around for around in target) for scope, _ in self.scopes)
                return self._leave(s, depth)
            case Return():
                return self._return(s)
        return s

    def _loop(self, body: Stmt) -> Stmt:
        self.breaks.append(len(self.scopes))
        self.continues.append(len(self.scopes))
        built = self.statement(body)
        self.breaks.pop()
        self.continues.pop()
        return built

    def _for(self, s: For) -> Stmt:
        declared = s.init.vars if isinstance(s.init, DeclStmt) else []
        if s.init is not None and any(v in self.cleanups for v in declared):
            # Its variable lives as long as the loop: a block around both says the same.
            init, s.init = s.init, None
            return self.compound(Compound(s.loc, [init, s], s.loc))
        s.body = self._loop(s.body)
        return s

    def _leave(self, s: Stmt, depth: int) -> Stmt:
        """A jump that leaves every scope from number ``depth`` on."""
        left = [v for _, live in self.scopes[depth:] for v in live]
        return Compound(s.loc, [*self._calls(left, s.loc), s], s.loc) if left else s

    def _return(self, s: Return) -> Stmt:
        left = [v for _, live in self.scopes for v in live]
        if not left:
            return s
        before: list[Stmt] = []
        if s.value is not None and not isinstance(bare(s.value.type), Void):
            kept = VarDecl(".result", s.value.type, Storage.LOCAL, s.loc, init=s.value)
            before.append(DeclStmt(s.loc, [kept]))
            s.value = Load(kept.type, s.loc, DeclRef(kept.type, s.loc, kept))
        return Compound(s.loc, [*before, *self._calls(left, s.loc), s], s.loc)

    def _calls(self, variables: list[VarDecl], loc: Loc) -> list[Stmt]:
        """The calls for ``variables``, the last declared first."""
        calls: list[Stmt] = []
        for variable in reversed(variables):
            function = self.cleanups[variable]
            place = DeclRef(variable.type, loc, variable)
            address: Expr = AddrOf(Pointer(variable.type), loc, place)
            address = Cast(function.type.params[0], loc, address)
            callee = DeclRef(function.type, loc, function)
            calls.append(ExprStmt(loc, Call(function.type.result, loc, callee, [address])))
        return calls


def _inside(s: Stmt) -> list[Stmt]:
    match s:
        case Compound():
            return s.body
        case If():
            return [s.then] if s.otherwise is None else [s.then, s.otherwise]
        case While() | DoWhile() | For() | Switch() | Case() | Default() | Label():
            return [s.body]
    return []
