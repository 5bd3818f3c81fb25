"""Reads of members that kernels renamed or moved become calls of the function that finds them.

The functions are in the prelude (``headers/drift.py``). A read ``p->state`` calls the one that
gives the value; an address ``&p->state``, and an array, the one that gives the place. What a
``__builtin_preserve_*`` asks about is left as it is written, and so are writes.
"""

from __future__ import annotations

from .ctype import Pointer, Record, bare
from .dialect.walk import expressions, rewrite_function
from .headers.drift import KEEP, PREFIX
from .tree import AddrOf, Builtin, Call, Cast, Decay, DeclRef, Deref, Expr, FunctionDecl, Load, Unit
from .tree import Member as MemberOf


def follow_renames(unit: Unit) -> None:
    """Change every read of a moved member in the functions of ``unit``."""
    functions = {f.name: f for f in unit.functions if f.name.startswith(PREFIX)}
    if not functions:
        return
    unit.functions = [f for f in unit.functions if f.name != KEEP]
    for function in unit.functions:
        if function.name not in functions:
            _Change(functions, function).apply()


class _Change:
    """The change of one function."""

    def __init__(self, functions: dict[str, FunctionDecl], function: FunctionDecl) -> None:
        self._functions = functions
        self._function = function
        self._asked = {
            id(inner)
            for outer in expressions(function)
            if isinstance(outer, Builtin) and outer.name.startswith("__builtin_preserve_field")
            for inner in expressions(outer)
        }

    def apply(self) -> None:
        """Rewrite the body."""
        rewrite_function(self._function, self._replace)

    def _replace(self, expr: Expr) -> Expr:
        if id(expr) in self._asked:
            return expr
        match expr:
            case Load(lvalue=MemberOf() as member):
                return self._call(expr, member, PREFIX)
            case AddrOf(operand=MemberOf() as member) | Decay(operand=MemberOf() as member):
                return self._call(expr, member, f"{PREFIX}at_")
            case _:
                return expr

    def _call(self, expr: Expr, member: MemberOf, prefix: str) -> Expr:
        """Return the call that stands for ``expr``, ``expr`` itself when the member stays."""
        base = member.base
        while isinstance(base, MemberOf) and not base.field.name:
            base = base.base
        record = bare(base.type)
        if not isinstance(record, Record) or not record.relocatable:
            return expr
        function = self._functions.get(f"{prefix}{record.name}__{member.field.name}")
        if function is None:
            return expr
        loc = expr.loc
        pointer = base.pointer if isinstance(base, Deref) else AddrOf(Pointer(record), loc, base)
        callee = DeclRef(function.type, loc, function)
        result = function.type.result
        value = Call(result, loc, callee, [pointer])
        return value if bare(result) == bare(expr.type) else Cast(expr.type, loc, value)
