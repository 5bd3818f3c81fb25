"""Integer and pointer arithmetic on operands, with C's meaning and the backend's limits.

No operation may be undefined for LLVM: signed overflow wraps. Division by a signed number exists
only from CPU v4 on; below it is unsigned division with the signs put right afterwards.
"""

from __future__ import annotations

from ..ctype import LONG, ULONG, Int, Pointer, Type, as_int, bare, size_of
from ..diagnostics import Loc, Rejection
from .memory import kind_of
from .places import Places

COMPARISONS = {"<": "lt", ">": "gt", "<=": "le", ">=": "ge", "==": "eq", "!=": "ne"}
SIMPLE = {"+": "add", "-": "sub", "*": "mul", "&": "and", "|": "or", "^": "xor"}


class Arithmetic(Places):
    """Operators on values."""

    def step(self, pointer: str, t: Pointer, count: str, count_type: Type, loc: Loc) -> str:
        """``pointer + count`` elements."""
        wide = self.convert(count, count_type, LONG if as_int(count_type).signed else ULONG, loc)
        size = max(1, size_of(t.to))
        if wide.lstrip("-").isdigit():
            wide = str(int(wide) * size)
        elif size != 1:
            wide = self.get(f"mul i64 {wide}, {size}")
        return self.get(f"getelementptr i8, {kind_of(t)} {pointer}, i64 {wide}")

    def negate(self, value: str, bits: int) -> str:
        """Minus ``value``."""
        if value.lstrip("-").isdigit():
            return str(-int(value))
        return self.get(f"sub i{bits} 0, {value}")

    def distance(self, left: str, right: str, t: Pointer) -> str:
        """``left - right`` in elements, an i64."""
        a = self.get(f"ptrtoint {kind_of(t)} {left} to i64")
        b = self.get(f"ptrtoint {kind_of(t)} {right} to i64")
        bytes_apart = self.get(f"sub i64 {a}, {b}")
        size = max(1, size_of(t.to))
        if size == 1:
            return bytes_apart
        if size & (size - 1) == 0:
            return self.get(f"ashr exact i64 {bytes_apart}, {size.bit_length() - 1}")
        # An exact quotient is a product with the inverse of the odd part.
        zeros = (size & -size).bit_length() - 1
        odd = self.get(f"ashr exact i64 {bytes_apart}, {zeros}") if zeros else bytes_apart
        return self.get(f"mul i64 {odd}, {pow(size >> zeros, -1, 1 << 64)}")

    def compare(self, op: str, left: str, right: str, t: Type, loc: Loc) -> str:
        """An i1."""
        plain = bare(t)
        signed = not isinstance(plain, Pointer) and as_int(plain).signed
        name = COMPARISONS[op]
        if name not in ("eq", "ne"):
            name = ("s" if signed else "u") + name
        return self.get(f"icmp {name} {kind_of(t, loc)} {left}, {right}")

    def calculate(self, op: str, left: str, right: str, t: Int, loc: Loc) -> str:
        """``left op right``, both of type ``t``."""
        kind = kind_of(t)
        if t.size > 8 and op in "*/%":
            raise Rejection(
                f"BPF cannot compute '{op}' on 128-bit integers", loc, "compute with 64-bit halves"
            )
        if op in SIMPLE:
            return self.get(f"{SIMPLE[op]} {kind} {left}, {right}")
        if op == "<<":
            return self.get(f"shl {kind} {left}, {right}")
        if op == ">>":
            return self.get(f"{'ashr' if t.signed else 'lshr'} {kind} {left}, {right}")
        if not t.signed:
            return self.get(f"{'udiv' if op == '/' else 'urem'} {kind} {left}, {right}")
        if self.scope.cpu == "v4" or _is_power_of_two(right):
            return self.get(f"{'sdiv' if op == '/' else 'srem'} {kind} {left}, {right}")
        return self._divide_signed(op, left, right, kind, t.size * 8)

    def shift_count(self, count: str, count_type: Type, t: Int, loc: Loc) -> str:
        """The right operand of a shift, in the width of the left one."""
        return self.convert(count, count_type, Int("", t.size, signed=False), loc)

    def _divide_signed(self, op: str, left: str, right: str, kind: str, bits: int) -> str:
        # |a| op |b|, then the sign: a quotient has that of a ^ b, a remainder that of a.
        sign_left = self.get(f"ashr {kind} {left}, {bits - 1}")
        sign_right = self.get(f"ashr {kind} {right}, {bits - 1}")
        a = self._apply_sign(left, sign_left, kind)
        b = self._apply_sign(right, sign_right, kind)
        if op == "%":
            return self._apply_sign(self.get(f"urem {kind} {a}, {b}"), sign_left, kind)
        sign = self.get(f"xor {kind} {sign_left}, {sign_right}")
        return self._apply_sign(self.get(f"udiv {kind} {a}, {b}"), sign, kind)

    def _apply_sign(self, value: str, sign: str, kind: str) -> str:
        """``value`` if ``sign`` is 0, ``-value`` if it is -1."""
        flipped = self.get(f"xor {kind} {value}, {sign}")
        return self.get(f"sub {kind} {flipped}, {sign}")


def _is_power_of_two(operand: str) -> bool:
    return operand.isdigit() and int(operand) > 0 and int(operand) & (int(operand) - 1) == 0
