"""``__builtin_add_overflow`` and its kin: exact results of operands of any integer types.

Operands of one type have an intrinsic of LLVM's, but for products of 64 bits, which need a library
function that BPF lacks. Everything else is computed exactly, sums in 128 bits and products as sign
and magnitude, and then compared with what the type of the result can hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..ctype import Int, Pointer, as_int, bare
from ..diagnostics import Rejection
from ..tree import Builtin, Expr

if TYPE_CHECKING:
    from .builtins import Builtins

OPERATIONS = ("add", "sub", "mul")
_WIDE = 128


def overflow(to: Builtins, e: Builtin) -> str:
    """Lower ``e``, store the wrapped result and return whether it overflowed, as ``e.type``."""
    op = next((o for o in OPERATIONS if f"{o}_" in e.name or f"{o}l" in e.name), "")
    left, right, result = e.args
    pointer = bare(result.type)
    assert isinstance(pointer, Pointer)
    t = as_int(pointer.to)
    operands = [as_int(left.type), as_int(right.type)]
    if not op or max(i.size for i in (t, *operands)) > 8:
        raise Rejection(
            f"{e.name} of 128-bit integers is not available",
            e.loc,
            "compare the operands with the limits of the type before you compute",
        )
    alike = all((i.size, i.signed) == (t.size, t.signed) for i in operands)
    if alike and not (op == "mul" and t.size == 8):
        number, bit = _intrinsic(to, op, t, left, right)
    elif op == "mul":
        number, bit = _product(to, t, left, right)
    else:
        number, bit = _sum(to, op, t, left, right)
    to.do(f"store i{t.size * 8} {number}, ptr {to.value(result)}")
    return to.get(f"zext i1 {bit} to i{as_int(e.type).size * 8}")


def _intrinsic(to: Builtins, op: str, t: Int, left: Expr, right: Expr) -> tuple[str, str]:
    a, b, kind = to.value(left), to.value(right), f"i{t.size * 8}"
    name = f"llvm.{'s' if t.signed else 'u'}{op}.with.overflow.{kind}"
    symbol = to.module.declare(name, f"{{{kind}, i1}} @{name}({kind}, {kind})")
    pair = to.get(f"call {{{kind}, i1}} {symbol}({kind} {a}, {kind} {b})")
    number = to.get(f"extractvalue {{{kind}, i1}} {pair}, 0")
    return number, to.get(f"extractvalue {{{kind}, i1}} {pair}, 1")


def _extended(to: Builtins, operand: Expr, bits: int) -> str:
    i = as_int(operand.type)
    return to.resize(to.value(operand), i.size * 8, bits, signed=i.signed)


def _sum(to: Builtins, op: str, t: Int, left: Expr, right: Expr) -> tuple[str, str]:
    """The sum or difference, wrapped, and whether the exact one is another."""
    a, b = _extended(to, left, _WIDE), _extended(to, right, _WIDE)
    exact = to.get(f"{op} i{_WIDE} {a}, {b}")
    number = to.resize(exact, _WIDE, t.size * 8, signed=False)
    back = to.resize(number, t.size * 8, _WIDE, signed=t.signed)
    return number, to.get(f"icmp ne i{_WIDE} {back}, {exact}")


def _magnitude(to: Builtins, operand: Expr) -> tuple[str, str]:
    """The absolute value in 64 bits, and whether the operand is negative."""
    value = _extended(to, operand, 64)
    if not as_int(operand.type).signed:
        return value, "false"
    negative = to.get(f"icmp slt i64 {value}, 0")
    minus = to.get(f"sub i64 0, {value}")
    return to.get(f"select i1 {negative}, i64 {minus}, i64 {value}"), negative


def _product(to: Builtins, t: Int, left: Expr, right: Expr) -> tuple[str, str]:
    """The product, wrapped, and whether it lies outside the type of the result."""
    (a, a_negative), (b, b_negative) = _magnitude(to, left), _magnitude(to, right)
    size = to.get(f"mul i64 {a}, {b}")
    # A product that wrapped does not give its factor back. BPF divides by zero to zero, LLVM not.
    zero = to.get(f"icmp eq i64 {b}, 0")
    divisor = to.get(f"select i1 {zero}, i64 1, i64 {b}")
    quotient = to.get(f"udiv i64 {size}, {divisor}")
    differs = to.get(f"icmp ne i64 {quotient}, {a}")
    not_zero = to.get(f"xor i1 {zero}, true")
    wrapped = to.get(f"and i1 {differs}, {not_zero}")
    negative = to.get(f"xor i1 {a_negative}, {b_negative}")
    bits = t.size * 8
    most = (1 << (bits - t.signed)) - 1
    least = 1 << (bits - 1) if t.signed else 0
    limit = to.get(f"select i1 {negative}, i64 {least}, i64 {most}")
    beyond = to.get(f"icmp ugt i64 {size}, {limit}")
    minus = to.get(f"sub i64 0, {size}")
    exact = to.get(f"select i1 {negative}, i64 {minus}, i64 {size}")
    return to.resize(exact, 64, bits, signed=False), to.get(f"or i1 {wrapped}, {beyond}")
