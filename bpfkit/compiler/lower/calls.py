"""Calls: of functions of the text, of the kernel's functions, and of helpers by number.

Characters, shorts and bools are extended by the caller as the ABI wants. Functions that are
inlined may take and return records: parameters are addresses of copies, a result is an address of
the caller's. A helper leaves 64 bits whatever its declaration says; a narrower result is cut from
them.
"""

from __future__ import annotations

from ..ctype import (
    ULONG,
    Function,
    Pointer,
    Type,
    Void,
    align_of,
    as_int,
    bare,
    is_integer,
    size_of,
)
from ..diagnostics import Loc, Rejection
from ..tree import Call, DeclRef, Expr, FunctionDecl, HelperCall
from .arithmetic import Arithmetic
from .memory import is_record, kind_of

MAX_ARGS = 5


def abi(t: Type, loc: Loc) -> str:
    """The LLVM type of a parameter or result, with its extension."""
    kind = kind_of(t, loc)
    if is_integer(t) and size_of(t) < 4:
        return f"{kind} signext" if as_int(t).signed else f"{kind} zeroext"
    return kind


def abi_result(t: Type, loc: Loc) -> str:
    """As `abi`, with the extension in front, where IR has it for results."""
    kind, _, extension = abi(t, loc).partition(" ")
    return f"{extension} {kind}".strip() if extension.endswith("ext") else abi(t, loc)


class Calls(Arithmetic):
    """Calls of everything."""

    def call(self, e: Call, result: str = "") -> str:
        """Call a function of the text, a function of the kernel, or a pointer."""
        callee = e.callee
        if not (isinstance(callee, DeclRef) and isinstance(callee.decl, FunctionDecl)):
            return self._call_pointer(e)
        decl = callee.decl
        instance = self.instance.calls.get(e)
        if instance is not None:
            target, inlined = self.scope.function(instance), not instance.function.noinline
        elif decl.refusal is not None:
            why = decl.refusal
            raise Rejection(
                f"the function '{decl.name}' cannot be compiled for BPF: {why.message} "
                f"({why.loc.file}:{why.loc.line})",
                e.loc,
                "write what it computes in the text, or compile without kernel headers",
            )
        elif decl.body is None:
            target, inlined = self.scope.external(decl, e.loc), False
        else:
            raise Rejection(f"the function '{decl.name}' is not part of the plan", e.loc)
        if not inlined:
            self._check_outline(e, decl)
        if is_record(decl.type.result):
            result = result or self.room(decl.type.result)
            args = [f"ptr {result}", *map(self._argument, e.args)]
            self.do(f"call void {target}({', '.join(args)})")
            return result
        return self._emit(target, decl.type.result, [self._argument(a) for a in e.args], e.loc)

    def helper(self, e: HelperCall) -> str:
        """Call a helper by its number."""
        if len(e.args) > MAX_ARGS:
            raise Rejection(
                f"{e.name}() gets {len(e.args)} arguments; a helper takes at most {MAX_ARGS}",
                e.loc,
                "pass a pointer to a struct",
            )
        args = [self._argument(a) for a in e.args]
        target = f"inttoptr (i64 {e.number} to ptr)"
        result = bare(e.type)
        if isinstance(result, Void):
            self.do(f"call void {target}({', '.join(args)})")
            return ""
        if isinstance(result, Pointer):
            return self.get(f"call {kind_of(result)} {target}({', '.join(args)})")
        value = self.get(f"call i64 {target}({', '.join(args)})")
        return self.convert(value, ULONG, e.type, e.loc)

    def _call_pointer(self, e: Call) -> str:
        # It must turn out to be a constant after inlining: the backend cannot call a register.
        pointer = bare(e.callee.type)
        function = bare(pointer.to) if isinstance(pointer, Pointer) else pointer
        if not isinstance(function, Function) or is_record(function.result):
            raise Rejection("this call cannot be compiled", e.loc)
        if len(e.args) > MAX_ARGS:
            raise Rejection(
                f"a call through a pointer takes at most {MAX_ARGS} arguments",
                e.loc,
                "pass a pointer to a struct",
            )
        target = self.value(e.callee)
        return self._emit(target, function.result, [self._argument(a) for a in e.args], e.loc)

    def _emit(self, target: str, result: Type, args: list[str], loc: Loc) -> str:
        self.at(loc)
        text = f"call {abi_result(result, loc)} {target}({', '.join(args)})"
        if isinstance(bare(result), Void):
            self.do(text)
            return ""
        return self.get(text)

    def _argument(self, e: Expr) -> str:
        if is_record(e.type):
            copy = self.room(e.type)
            source = self.record_at(e)
            self.copy_place(copy, align_of(e.type), source)
            return f"ptr {copy}"
        return f"{abi(e.type, e.loc)} {self.value(e)}"

    def _check_outline(self, e: Call, decl: FunctionDecl) -> None:
        if len(e.args) > MAX_ARGS:
            raise Rejection(
                f"'{decl.name}' is called with {len(e.args)} arguments; "
                f"a function that is not inlined takes at most {MAX_ARGS}",
                e.loc,
                "pass a pointer to a struct, or make it static inline",
            )
        if is_record(decl.type.result) or any(is_record(a.type) for a in e.args):
            raise Rejection(
                f"'{decl.name}' is not inlined, so it cannot take or return a struct by value",
                e.loc,
                "pass a pointer, or make it static inline",
            )
