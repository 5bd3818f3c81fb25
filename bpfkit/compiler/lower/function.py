"""One emitted function: its frame, parameters and result."""

from __future__ import annotations

from ..ctype import Type, Void, align_of, bare
from ..diagnostics import Rejection
from ..provenance.entries import DEVICE_CONTEXTS, context_record
from ..provenance.plan import Instance
from ..tree import Compound, Expr, FunctionDecl, Stmt, VarDecl
from .calls import MAX_ARGS, abi, abi_result
from .debuginfo import DebugInfo
from .irtext import ModuleText, quote_text
from .jumps import entered_by_jumps
from .memory import Place, is_record, kind_of
from .scope import Scope
from .stmt import Frame, Statements


class FunctionLowering(Statements):
    """Lowers an instance into the text of one definition."""

    def __init__(
        self,
        module: ModuleText,
        debug: DebugInfo,
        scope: Scope,
        instance: Instance,
        read_helper: int,
        *,
        program: bool,
    ) -> None:
        super().__init__(module, debug, scope, instance, read_helper)
        self._decl = instance.function
        self._program = program
        self._result = self._decl.type.result
        self.frame = Frame()

    def define(self, symbol: str, attributes: str) -> str:
        """The definition; ``attributes`` stands after the parameters."""
        decl = self._decl
        body = decl.body
        if body is None:
            raise Rejection(
                f"the function '{decl.name}' has no body", decl.loc, "define it in this text"
            )
        self._check()
        internal = not self._program and (decl.static or not decl.noinline)
        record = context_record(decl.params[0]) if self._program and decl.params else None
        if record is not None and record.name in DEVICE_CONTEXTS:
            # Else the kernel does not trust the prototype, when others trace or replace it.
            self.debug.require(record)
        self.subprogram = self.debug.function(
            decl, internal=internal, full_params=decl.noinline and not internal
        )
        self.at(decl.loc)
        params = self._params()
        self.frame.jumped_into = entered_by_jumps(body)
        self.compound(body)
        self._fall_off(body)
        linkage = linkage_of(decl, internal=internal)
        return (
            f"define {linkage} {self._result_kind()} {symbol}({', '.join(params)}) {attributes} "
            f"!dbg {self.subprogram} {{\n{self.body()}\n}}"
        )

    def _check(self) -> None:
        decl = self._decl
        if decl.type.variadic:
            raise Rejection(
                f"'{decl.name}' takes a variable number of arguments",
                decl.loc,
                "give it fixed parameters, or make it a macro",
            )
        if not (self._program or decl.noinline):
            return
        if len(decl.params) > MAX_ARGS:
            raise Rejection(
                f"'{decl.name}' has {len(decl.params)} parameters; a function that is not inlined "
                f"has at most {MAX_ARGS}",
                decl.loc,
                "pass a pointer to a struct, or make it static inline",
            )
        if is_record(self._result) or any(is_record(p.type) for p in decl.params):
            raise Rejection(
                f"'{decl.name}' is not inlined, so it cannot take or return a struct by value",
                decl.loc,
                "pass a pointer, or make it static inline",
            )

    def _result_kind(self) -> str:
        if is_record(self._result):
            return "void"
        if self._program and isinstance(bare(self._result), Void):
            return "i32"  # the verifier wants a program to set its result
        return abi_result(self._result, self._decl.loc)

    def _params(self) -> list[str]:
        texts = ["ptr %result"] if is_record(self._result) else []
        for number, param in enumerate(self._decl.params):
            name = f"%p{number}"
            if is_record(param.type):
                texts.append(f"ptr {name}")
                self.objects[param] = Place(name, param.type, align_of(param.type))
                continue
            texts.append(f"{abi(param.type, param.loc)} {name}")
            room = self.room(param.type)
            self.do(f"store {kind_of(param.type)} {name}, ptr {room}")
            self.objects[param] = Place(room, param.type, align_of(param.type))
        return texts

    def leave(self, value: Expr | None, s: Stmt) -> None:
        """Return ``value`` from the function."""
        if value is not None and is_record(value.type):
            self.record_into(value, Place("%result", self._result, align_of(self._result)))
            self.end("ret void")
        elif isinstance(bare(self._result), Void):
            if value is not None:
                self.effect(value)
            self.end(self._empty_return())
        elif value is None:
            self.end(self._empty_return())
        else:
            operand = self.convert(self.value(value), value.type, self._result, s.loc)
            self.at(s.loc)
            self.end(f"ret {kind_of(self._result)} {operand}")

    def _fall_off(self, body: Compound) -> None:
        """End a function whose last statement is no return."""
        self.at(body.end)
        if not self.ended:
            self.end(self._empty_return())

    def _empty_return(self) -> str:
        if is_record(self._result):
            return "ret void"
        if isinstance(bare(self._result), Void):
            return "ret i32 0" if self._program else "ret void"
        return f"ret {kind_of(self._result)} {zero(self._result)}"


def zero(t: Type) -> str:
    """The zero of a scalar type."""
    return "null" if kind_of(t).startswith("ptr") else "0"


def linkage_of(decl: FunctionDecl | VarDecl, *, internal: bool) -> str:
    """Linkage and visibility of a definition."""
    if internal:
        return "internal"
    words = (("weak", decl.weak), ("dso_local", not decl.hidden), ("hidden", decl.hidden))
    return " ".join(word for word, on in words if on)


def attributes_of(decl: FunctionDecl, *, section: str, inline: bool) -> str:
    """Attributes of a definition. Without "no-builtins" loops would become calls of memset."""
    words = ["alwaysinline"] if inline else ["noinline"] if decl.noinline else []
    words += [
        "nounwind",
        '"no-builtins"',
        '"no-jump-tables"="true"',
        '"frame-pointer"="all"',
    ]
    place = f' section "{quote_text(section)}"' if section else ""
    return " ".join(words) + place
