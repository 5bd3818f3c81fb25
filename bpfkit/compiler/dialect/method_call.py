"""A call of a map's method, as the tree has it before it becomes helper calls."""

from __future__ import annotations

from dataclasses import dataclass

from ..ctype import Pointer, Record, Type, bare
from ..diagnostics import Diagnostic, Loc, Severity
from ..tree import (
    Call,
    Cast,
    DeclRef,
    Expr,
    FunctionDecl,
    Load,
    MapDecl,
    Member,
    VarDecl,
)
from . import build
from .tables import is_map

NOEXIST = 1  # BPF_NOEXIST
CURRENT_CPU = 0xFFFFFFFF  # BPF_F_CURRENT_CPU


@dataclass(frozen=True, slots=True)
class MethodCall:
    """A method call as it was found: which map, what arguments, where."""

    map: MapDecl
    name: str
    args: list[Expr]
    type: Type
    loc: Loc
    function: FunctionDecl
    warnings: list[Diagnostic]
    current_cpu: int = CURRENT_CPU

    def helper(self, name: str, result: Type, *args: Expr) -> Expr:
        """A helper call at this place."""
        return build.helper(name, result, self.loc, args)

    def warn(self, message: str) -> None:
        """Say ``message`` about this place."""
        self.warnings.append(Diagnostic(Severity.WARNING, message, self.loc))

    def address(self) -> Expr:
        """The map as an argument."""
        return build.map_address(self.map, self.loc)


def method_of(call: Call) -> tuple[VarDecl, str] | None:
    """(map object, method) when ``call`` is ``NAME.method(…)``."""
    match call.callee:
        case Load(lvalue=Member(base=DeclRef(decl=VarDecl() as var), field=field)) if is_map(var):
            return var, field.name
    return None


def record_event(map_: MapDecl, data: Expr) -> None:
    """Remember the record that ``data`` points to as what ``map_`` carries.

    The last call that tells wins.
    """
    while isinstance(data, Cast):
        data = data.operand
    pointer = bare(data.type)
    record = bare(pointer.to) if isinstance(pointer, Pointer) else None
    if isinstance(record, Record) and record.complete:
        map_.event = record
