"""Calls: of functions, of helpers by number, and of the compiler's builtins."""

from __future__ import annotations

import re

from ..constants import fold, wrap
from ..ctype import Function, Pointer, Void, bare, size_of
from ..tree import AddrOf, Builtin, Call, Cast, Decay, DeclRef, Expr, HelperCall, IntLit
from . import kinds
from .clangffi import CXCursor
from .expressions import Expressions
from .kinds import Cursor

BUILTIN_PREFIXES = ("__builtin_", "__sync_", "__atomic_", "__c11_atomic_")
# Operands of these are places or types; they are never read.
_UNEVALUATED = (
    "__builtin_preserve_field_info",
    "__builtin_preserve_type_info",
    "__builtin_preserve_enum_value",
    "__builtin_btf_type_id",
)
_ENUM_VALUE = "__builtin_preserve_enum_value"
# These have a value of their own where their operands are constant.
_FOLDED = (
    "__builtin_constant_p",
    "__builtin_object_size",
    "__builtin_dynamic_object_size",
    "__builtin_strlen",
    *(f"__builtin_bswap{bits}" for bits in (16, 32, 64)),
    *(
        f"__builtin_{name}{suffix}"
        for name in ("clz", "ctz", "popcount", "ffs", "parity")
        for suffix in ("", "l", "ll")
    ),
)
_EXPECTED = "__builtin_expect_with_probability"
_SEQ_CST = 5  # __ATOMIC_SEQ_CST
_REFUSED = {
    "__builtin_va_start": "variable arguments do not exist in BPF",
    "__builtin_va_end": "variable arguments do not exist in BPF",
    "__builtin_va_copy": "variable arguments do not exist in BPF",
    "__builtin_alloca": "BPF stack memory has a fixed size; declare an array",
    "__builtin_setjmp": "BPF cannot jump out of functions",
    "__builtin_longjmp": "BPF cannot jump out of functions",
}


class Calls(Expressions):
    """Builds calls."""

    def call(self, cursor: CXCursor) -> Expr:
        """A CALL_EXPR: a builtin, a helper, a function or a pointer."""
        callee, *args = self.expressions_in(cursor)
        declaration = self.lib.getCursorReferenced(cursor)
        name = self.lib.spelling(cursor)
        if name.startswith(BUILTIN_PREFIXES) and declaration.kind in (0, Cursor.FUNCTION):
            return self._builtin(cursor, name, args)
        if declaration.kind == Cursor.VAR:
            number = self.helper_number(declaration)
            if number is not None:
                return self._helper(cursor, number, name, args)
        target = self._callee(self.value(callee))
        if isinstance(target, Cast):
            number = fold(target)
            if number is not None:
                return self._helper(cursor, number, self._helper_name(callee, number), args)
        values = [self.value(arg) for arg in args]
        return Call(self.value_type(cursor), self.loc(cursor), target, values)

    def _callee(self, e: Expr) -> Expr:
        """A function by its designator, anything else as a pointer value."""
        inner = e
        while isinstance(inner, (Decay, AddrOf)):
            inner = inner.operand
        return inner if isinstance(inner, DeclRef) and isinstance(inner.type, Function) else e

    # ------------------------------------------------------------ helpers

    def _helper(self, cursor: CXCursor, number: int, name: str, args: list[CXCursor]) -> HelperCall:
        values = [self.value(arg) for arg in args]
        return HelperCall(self.value_type(cursor), self.loc(cursor), number, name, values)

    def helper_number(self, variable: CXCursor) -> int | None:
        """N when ``variable`` is declared as ``static T (*name)(…) = (void *)N``."""
        lib = self.lib
        key = lib.getCanonicalCursor(variable).data0
        if key in self._helper_numbers:
            return self._helper_numbers[key]
        number = None
        type_ = lib.getCursorType(variable)
        if lib.Cursor_getStorageClass(variable) == kinds.Storage.STATIC and _is_function_pointer(
            lib.getCanonicalType(type_).kind, bare(self.types.of(type_))
        ):
            number = self._pointer_constant(lib.Cursor_getVarDeclInitializer(variable))
        self._helper_numbers[key] = number
        return number

    def _pointer_constant(self, cursor: CXCursor) -> int | None:
        """The integer behind the casts at ``cursor``."""
        while cursor.kind in (kinds.Expr.CAST, kinds.Expr.PAREN, kinds.Expr.UNEXPOSED):
            inner = self.expressions_in(cursor)
            if len(inner) != 1:
                return None
            cursor = inner[0]
        if self.lib.is_null(cursor):
            return None
        integer = self.lib.getCanonicalType(self.lib.getCursorType(cursor)).kind
        if integer not in kinds.INTEGERS and integer != kinds.Kind.ENUM:
            return None
        return self.unit.evaluate(cursor)

    def _helper_name(self, callee: CXCursor, number: int) -> str:
        """The helper that a cast number calls: by its enumerator, else by the number."""
        while callee.kind in (kinds.Expr.CAST, kinds.Expr.PAREN, kinds.Expr.UNEXPOSED):
            callee = self.expressions_in(callee)[-1]
        spelled = self.lib.spelling(callee)
        if spelled.startswith("BPF_FUNC_"):
            return "bpf_" + spelled.removeprefix("BPF_FUNC_")
        return f"helper_{number}"

    # ------------------------------------------------------------ builtins

    def _builtin(self, cursor: CXCursor, name: str, args: list[CXCursor]) -> Expr:
        if name in _REFUSED:
            self.reject(cursor, f"{name} is not available", _REFUSED[name])
        if name.startswith("__sync_"):
            return self._sync(cursor, name, args)
        if name in _FOLDED:
            value = self.unit.evaluate(cursor)
            if value is not None and not (name == "__builtin_constant_p" and not value):
                type_ = self.value_type(cursor)
                return IntLit(type_, self.loc(cursor), wrap(value, type_))
        type_, loc = self.value_type(cursor), self.loc(cursor)
        if name == _EXPECTED:
            args = args[:2]  # how likely it is, is a floating number
        if name in _UNEVALUATED:
            what = self.constant(args[1], f"the last operand of {name}")
            named = self._enumerator(args[0]) if name == _ENUM_VALUE else ""
            return Builtin(type_, loc, name, [self.expr(args[0])], (what,), named)
        return Builtin(type_, loc, name, [self.value(arg) for arg in args])

    def _enumerator(self, cursor: CXCursor) -> str:
        """The enumerator somewhere in an expression; several may have its value."""
        if cursor.kind == kinds.Expr.DECL_REF:
            return self.lib.spelling(cursor)
        found = (self._enumerator(child) for child in self.expressions_in(cursor))
        return next((name for name in found if name), "")

    def _sync(self, cursor: CXCursor, name: str, args: list[CXCursor]) -> Expr:
        name = re.sub(r"_(1|2|4|8|16)$", "", name)
        values = [self.value(arg) for arg in args]
        self._check_atomic(cursor, name, values)
        return Builtin(self.value_type(cursor), self.loc(cursor), name, values)

    def atomic(self, cursor: CXCursor) -> Expr:
        """An ``__atomic_*`` builtin; its memory orders become constants of the node."""
        name = self.printed.atomic_name(cursor)
        parts = self.expressions_in(cursor)
        # libclang's order: pointer, order, first value, failure order, second value, weak; but an
        # exchange has no second order.
        second = 3 if name == "__atomic_exchange" else 4
        values = [parts[0], *parts[2:3], *parts[second : second + 1]]
        orders = [parts[1], *parts[3:second], *parts[5:6]]
        args = [self.value(value) for value in values]
        self._check_atomic(cursor, name, args)
        constants = tuple(self._order(order) for order in orders)
        return Builtin(self.value_type(cursor), self.loc(cursor), name, args, constants)

    def _order(self, cursor: CXCursor) -> int:
        value = self.unit.evaluate(cursor)
        return _SEQ_CST if value is None else value

    def _check_atomic(self, cursor: CXCursor, name: str, args: list[Expr]) -> None:
        if "nand" in name:
            self.reject(cursor, "BPF has no atomic nand", "use a compare-and-swap loop")
        if name.startswith("__c11_"):
            self.reject(cursor, f"{name} is not supported", "use __sync_* or __atomic_*")
        pointer = bare(args[0].type) if args else None
        loads_or_stores = name.startswith(("__atomic_load", "__atomic_store"))
        if not isinstance(pointer, Pointer) or isinstance(bare(pointer.to), Void):
            return
        size = size_of(pointer.to)
        if size not in (4, 8) and not loads_or_stores and name != "__sync_lock_release":
            self.reject(
                cursor,
                f"BPF has no atomic operations on {size} byte(s)",
                "use a 32-bit or 64-bit variable",
            )

    _helper_numbers: dict[int | None, int | None]


def _is_function_pointer(kind: int, type_: object) -> bool:
    return (
        kind == kinds.Kind.POINTER
        and isinstance(type_, Pointer)
        and isinstance(bare(type_.to), Function)
    )
