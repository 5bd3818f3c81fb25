"""The value of a constant expression of our tree, for the stages that need numbers."""

from __future__ import annotations

from collections.abc import Callable

from .ctype import Type, as_int, is_scalar
from .tree import Binary, Cast, Expr, InitList, IntLit, Unary

_BINARY: dict[str, Callable[[int, int], int]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "<<": lambda a, b: a << b,
    ">>": lambda a, b: a >> b,
    "&": lambda a, b: a & b,
    "|": lambda a, b: a | b,
    "^": lambda a, b: a ^ b,
}


def wrap(value: int, to: Type) -> int:
    """``value`` converted to the integer or pointer type ``to``."""
    kind = as_int(to)
    if kind.is_bool:
        return int(value != 0)
    bits = kind.size * 8
    value &= (1 << bits) - 1
    return value - (1 << bits) if kind.signed and value >> (bits - 1) else value


def fold(expr: Expr) -> int | None:
    """The value of ``expr`` when it is an integer constant expression, else None."""
    match expr:
        case IntLit():
            return expr.value
        case Cast():
            value = fold(expr.operand) if is_scalar(expr.type) else None
            return None if value is None else wrap(value, expr.type)
        case Unary():
            value = fold(expr.operand)
            if value is None:
                return None
            if expr.op == "!":
                return int(value == 0)
            return wrap(-value if expr.op == "-" else ~value, expr.type)
        case Binary() if expr.op in _BINARY:
            return _fold_binary(expr)
        case InitList() if len(expr.entries) <= 1 and is_scalar(expr.type):
            return fold(expr.entries[0].value) if expr.entries else 0
    return None


def _fold_binary(expr: Binary) -> int | None:
    left, right = fold(expr.left), fold(expr.right)
    if left is None or right is None:
        return None
    if expr.op in ("<<", ">>") and not 0 <= right < 128:
        return None
    return wrap(_BINARY[expr.op](left, right), expr.type)
