"""Expressions of our tree as C writes them: for people, with the conversions left out."""

from __future__ import annotations

from ..ctype import Pointer, bare
from ..tree import (
    AddrOf,
    Binary,
    BinaryConditional,
    Builtin,
    Call,
    Cast,
    CompoundLiteral,
    Conditional,
    Decay,
    DeclRef,
    Deref,
    Expr,
    HelperCall,
    IncDec,
    Index,
    IntLit,
    Load,
    MapAddress,
    Member,
    Unary,
)


def written(node: Expr) -> str:
    """``node`` as C; what is neither an lvalue nor simple becomes "…"."""
    match node:
        case Load():
            return written(node.lvalue)
        case Cast() | Decay():
            return written(node.operand)
        case AddrOf():
            return "&" + _prefixed(node.operand)
        case DeclRef():
            return node.decl.name
        case Member():
            return _member(node)
        case Index():
            return f"{_operand(node.base)}[{written(node.index)}]"
        case Deref():
            return _deref(node)
        case IntLit():
            return str(node.value)
        case Unary():
            return node.op + _prefixed(node.operand)
        case IncDec():
            if node.prefix:
                return node.op + _prefixed(node.lvalue)
            return _operand(node.lvalue) + node.op
        case Binary():
            return f"{_operand(node.left)} {node.op} {_operand(node.right)}"
        case Conditional():
            return f"{_operand(node.condition)} ? {written(node.then)} : {written(node.otherwise)}"
        case BinaryConditional():
            return f"{_operand(node.value)} ?: {written(node.otherwise)}"
        case HelperCall() | Builtin():
            return f"{node.name}(…)"
        case Call():
            return f"{_operand(node.callee)}(…)"
        case MapAddress():
            return "&" + node.map.name
        case CompoundLiteral():
            return "(literal)"
    return "…"


_BINARY = (Binary, Conditional, BinaryConditional)
_PREFIX = (Unary, AddrOf)


def _plain(node: Expr) -> Expr:
    """``node`` below what C does not write."""
    while isinstance(node, (Load, Cast, Decay)):
        node = node.lvalue if isinstance(node, Load) else node.operand
    return node


def _prefixed(node: Expr) -> str:
    """``node`` behind an operator like ``*`` or ``-``."""
    return f"({written(node)})" if isinstance(_plain(node), _BINARY) else written(node)


def _operand(node: Expr) -> str:
    """``node`` where C needs parentheses around all but the simplest expressions."""
    inner = _plain(node)
    loose = isinstance(inner, (*_BINARY, *_PREFIX)) or _is_star(inner)
    return f"({written(node)})" if loose else written(node)


def _is_star(node: Expr) -> bool:
    """Whether ``node`` is written ``*p``."""
    return isinstance(node, Deref) and not isinstance(node.pointer, Binary)


def _member(node: Member) -> str:
    if not node.field.name:  # a step through an unnamed struct or union
        return written(node.base)
    base = node.base
    while isinstance(base, Member) and not base.field.name:
        base = base.base
    if isinstance(base, Deref) and not isinstance(_plain(base.pointer), Binary):
        return f"{_operand(base.pointer)}->{node.field.name}"
    return f"{_operand(base)}.{node.field.name}"


def _deref(node: Deref) -> str:
    pointer = node.pointer
    if isinstance(pointer, Binary) and isinstance(bare(pointer.left.type), Pointer):
        if pointer.op == "+":
            return f"{_operand(pointer.left)}[{written(pointer.right)}]"
        return f"{_operand(pointer.left)}[-{_operand(pointer.right)}]"
    return "*" + _prefixed(pointer)
