"""Making nodes: the few shapes that rewritten constructs are put together from."""

from __future__ import annotations

from collections.abc import Sequence

from ...uapi.helpers import by_name
from ..ctype import (
    INT,
    VOID,
    Array,
    Field,
    Pointer,
    Record,
    Type,
    bare,
    promote,
    usual_arithmetic,
)
from ..diagnostics import Loc, Rejection
from ..tree import (
    AddrOf,
    Cast,
    Compound,
    CompoundAssign,
    DeclRef,
    DeclStmt,
    Deref,
    Expr,
    ExprStmt,
    HelperCall,
    If,
    Index,
    IntLit,
    Load,
    MapAddress,
    MapDecl,
    Member,
    Stmt,
    StmtExpr,
    Storage,
    Unary,
    VarDecl,
)


def number(value: int, loc: Loc, type_: Type = INT) -> IntLit:
    """The constant ``value``."""
    return IntLit(type_, loc, value)


def local(name: str, type_: Type, loc: Loc, init: Expr | None = None) -> VarDecl:
    """A new local variable. C programs cannot name it: ``name`` gets a dot in front."""
    return VarDecl("." + name, type_, Storage.LOCAL, loc, init=init)


def ref(var: VarDecl, loc: Loc) -> DeclRef:
    """``var`` as an lvalue."""
    return DeclRef(var.type, loc, var)


def load(var: VarDecl, loc: Loc) -> Load:
    """The value of ``var``."""
    return Load(var.type, loc, ref(var, loc))


def address(var: VarDecl, loc: Loc) -> AddrOf:
    """``&var``."""
    return AddrOf(Pointer(var.type), loc, ref(var, loc))


def cast(expr: Expr, to: Type) -> Expr:
    """``expr`` converted to ``to``; nothing when it has that type already."""
    return expr if bare(expr.type) == bare(to) else Cast(to, expr.loc, expr)


def helper(name: str, result: Type, loc: Loc, args: Sequence[Expr]) -> HelperCall:
    """A call of the helper ``name``."""
    return HelperCall(result, loc, by_name()[name].number, name, list(args))


def map_address(map_: MapDecl, loc: Loc) -> MapAddress:
    """The map as helpers take it."""
    return MapAddress(Pointer(VOID), loc, map_)


def declare(*variables: VarDecl) -> DeclStmt:
    """The declaration of locals."""
    return DeclStmt(variables[0].loc, list(variables))


def block(body: Sequence[Stmt], loc: Loc) -> Compound:
    """``{ … }``."""
    return Compound(loc, list(body))


def statement(expr: Expr) -> ExprStmt:
    """``expr;``."""
    return ExprStmt(expr.loc, expr)


def statement_expr(type_: Type, body: Sequence[Stmt], loc: Loc) -> StmtExpr:
    """``({ … })``."""
    return StmtExpr(type_, loc, block(body, loc))


def if_null(pointer: Expr, then: Sequence[Stmt], otherwise: Sequence[Stmt] | None = None) -> If:
    """``if (!pointer) { then } else { otherwise }``."""
    loc = pointer.loc
    rest = block(otherwise, loc) if otherwise is not None else None
    return If(loc, Unary(INT, loc, "!", pointer), block(then, loc), rest)


def add_to(lvalue: Expr, value: Expr) -> CompoundAssign:
    """``lvalue += value`` for integers."""
    compute = usual_arithmetic(promote(lvalue.type), promote(value.type))
    return CompoundAssign(lvalue.type, lvalue.loc, "+", lvalue, cast(value, compute), compute)


def find_fields(record: Record, name: str) -> list[Field]:
    """The way to member ``name`` through anonymous members; empty when there is none."""
    for field in record.fields:
        if field.name == name:
            return [field]
    for field in record.fields:
        inner = bare(field.type)
        if field.name == "" and isinstance(inner, Record):
            way = find_fields(inner, name)
            if way:
                return [field, *way]
    return []


def member(base: Expr, spelling: str, loc: Loc) -> Expr:
    """``base.spelling`` as an lvalue; ``spelling`` may be ``a``, ``a.b`` or ``a[3]``."""
    place = base
    for part in spelling.split("."):
        name, _, index = part.partition("[")
        record = bare(place.type)
        way = find_fields(record, name) if isinstance(record, Record) else []
        if not way:
            raise Rejection(f"{record!r} has no member '{name}'", loc)
        for field in way:
            place = Member(field.type, loc, place, field)
        if index:
            array = bare(place.type)
            assert isinstance(array, Array), spelling
            place = Index(array.of, loc, place, number(int(index.rstrip("]")), loc))
    return place


def through(pointer: Expr, loc: Loc) -> Deref:
    """``*pointer``."""
    type_ = bare(pointer.type)
    assert isinstance(type_, Pointer)
    return Deref(type_.to, loc, pointer)


def read(lvalue: Expr) -> Load:
    """The value of an lvalue."""
    return Load(lvalue.type, lvalue.loc, lvalue)
