"""Builtins that ask the target kernel about itself through CO-RE relocations."""

from __future__ import annotations

from ..ctype import Enum, Pointer, Type, bare, size_of
from ..diagnostics import Rejection
from ..tree import AddrOf, Builtin, Cast, Deref, Expr, Load
from .debuginfo import Need
from .expr import Expressions
from .irtext import quote

TYPE_ID_LOCAL = 0  # of __builtin_btf_type_id
TYPE_MATCHES = 2  # of __builtin_preserve_type_info: members are compared, too


class Relocations(Expressions):
    """``__builtin_preserve_*`` and ``__builtin_btf_type_id``."""

    def relocation(self, e: Builtin) -> str:
        """A builtin that becomes a CO-RE relocation."""
        name = e.name.removeprefix("__builtin_")
        if name == "preserve_access_index":
            self.preserving += 1
            value = self.value(e.args[0])
            self.preserving -= 1
            return value
        what = e.constants[-1]
        if name == "preserve_field_info":
            return self._field_info(e, what)
        if name == "preserve_type_info":
            need = Need.FULL if what == TYPE_MATCHES else Need.PART
            return self._of_type("llvm.bpf.preserve.type.info", 32, what, e, need)
        if name == "btf_type_id":
            need = Need.FULL if what == TYPE_ID_LOCAL else Need.PART
            return self._of_type("llvm.bpf.btf.type.id", 64, what, e, need)
        if name == "preserve_enum_value":
            return self._enum_value(e, what)
        raise Rejection(
            f"{e.name} is not supported", e.loc, "see <bpf/bpf_core_read.h> for those that are"
        )

    def _field_info(self, e: Builtin, what: int) -> str:
        operand: Expr = e.args[0]
        while isinstance(operand, (Load, Cast)):
            operand = operand.lvalue if isinstance(operand, Load) else operand.operand
        self.preserving += 1
        place = self.place(operand)
        self.preserving -= 1
        if not place.relocated:
            raise Rejection(
                f"the operand of {e.name} must be a member of a record",
                e.loc,
                "write it as in p->member",
            )
        info = self.field_info(place.address, what)
        return self.resize(info, 32, size_of(e.type) * 8, signed=False)

    def _named_type(self, e: Builtin) -> Type:
        """The type of an operand like ``*(struct x *)0``; a typedef is asked for by its name."""
        operand = e.args[0]
        while isinstance(operand, (Load, AddrOf)):
            operand = operand.lvalue if isinstance(operand, Load) else operand.operand
        if isinstance(operand, Deref):
            pointer = bare(operand.pointer.type)
            if isinstance(pointer, Pointer):
                return pointer.to
        return operand.type

    def _of_type(self, intrinsic: str, bits: int, what: int, e: Builtin, need: Need) -> str:
        number = self.module.serial()
        name = self.module.declare(intrinsic, f"i{bits} @{intrinsic}(i32, i64 immarg)")
        value = self.get(
            f"call i{bits} {name}(i32 {number}, i64 {what})",
            f", !llvm.preserve.access.index {self.debug.type(self._named_type(e), need)}",
        )
        return self.resize(value, bits, size_of(e.type) * 8, signed=False)

    def _enum_value(self, e: Builtin, what: int) -> str:
        t = self._named_type(e)
        kind = bare(t)
        values = dict(kind.constants) if isinstance(kind, Enum) else {}
        if e.enumerator not in values:
            raise Rejection(
                f"{e.name} needs an enumerator of its enumeration",
                e.loc,
                "write bpf_core_enum_value(enum e, NAME) with a NAME of enum e",
            )
        number = self.module.serial()
        intrinsic = "llvm.bpf.preserve.enum.value"
        name = self.module.declare(intrinsic, f"i64 @{intrinsic}(i32, ptr, i64)")
        symbol = f"@.enum.{number}.{e.enumerator}"
        text = f"{e.enumerator}:{values[e.enumerator]}".encode() + b"\0"
        self.module.globals.append(
            f'{symbol} = private unnamed_addr constant [{len(text)} x i8] c"{quote(text)}"'
        )
        value = self.get(
            f"call i64 {name}(i32 {number}, ptr {symbol}, i64 {what})",
            f", !llvm.preserve.access.index {self.debug.type(t)}",
        )
        return self.resize(value, 64, size_of(e.type) * 8, signed=False)
