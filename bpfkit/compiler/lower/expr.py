"""Expressions. Scalars become operands; records are left to ``places``."""

from __future__ import annotations

from dataclasses import replace

from ..ctype import INT, LONG, ULONG, Array, Float, Pointer, Type, Void, as_int, bare, size_of
from ..diagnostics import Rejection
from ..provenance.decide import check_store
from ..provenance.plan import Access
from ..tree import (
    AddrOf,
    Assign,
    Binary,
    BinaryConditional,
    Builtin,
    Call,
    Cast,
    Comma,
    CompoundAssign,
    Conditional,
    Decay,
    DeclRef,
    Expr,
    FunctionDecl,
    HelperCall,
    IncDec,
    IntLit,
    Load,
    Logical,
    MapAddress,
    StmtExpr,
    Unary,
)
from .arithmetic import COMPARISONS
from .builtins import Builtins
from .memory import Place, is_record, kind_of, literal, space_of


class Expressions(Builtins):
    """Values of expressions."""

    def value(self, e: Expr) -> str:
        """The operand of a scalar expression."""
        if isinstance(bare(e.type), Float):
            kind_of(e.type, e.loc)
        match e:
            case IntLit():
                return literal(e.value, e.type)
            case Load():
                return self._load(e)
            case AddrOf() | Decay():
                return self._address(e)
            case Cast():
                return self._cast(e)
            case Unary():
                return self._unary(e)
            case Binary():
                return self._binary(e)
            case Assign():
                return self._assign(e)
            case CompoundAssign():
                return self._compound_assign(e)
            case IncDec():
                return self._step_by_one(e)
            case Logical():
                return self._as_int(self._logical(e), e.type)
            case Comma():
                self.effect(e.left)
                return self.value(e.right)
            case Conditional():
                return self._conditional(e)
            case BinaryConditional():
                return self._binary_conditional(e)
            case Call():
                return self.call(e)
            case HelperCall():
                return self.helper(e)
            case Builtin():
                return self.builtin(e)
            case StmtExpr():
                return self.statement_expression(e)
            case MapAddress():
                return self.scope.map(e.map)
        raise Rejection(f"cannot compile this expression ({type(e).__name__})", e.loc)

    def effect(self, e: Expr) -> None:
        """Evaluate an expression whose value nobody wants."""
        self.at(e.loc)
        if isinstance(e, Cast) and isinstance(bare(e.type), Void):
            self.effect(e.operand)
        elif isinstance(e, Builtin):
            self.builtin(e, unused=True)
        elif isinstance(e, Assign) and is_record(e.type):
            self.assign_record(e)
        elif is_record(e.type):
            self.record_at(e)
        elif isinstance(e, Load) and isinstance(bare(e.type), Array):
            self.place(e.lvalue)
        else:
            self.value(e)

    # ------------------------------------------------------------ conditions

    def condition(self, e: Expr, then: str, otherwise: str) -> None:
        """Jump on the truth of an expression."""
        match e:
            case Logical():
                middle = self.block("and" if e.op == "&&" else "or")
                if e.op == "&&":
                    self.condition(e.left, middle, otherwise)
                else:
                    self.condition(e.left, then, middle)
                self.open(middle)
                self.condition(e.right, then, otherwise)
            case Unary(op="!"):
                self.condition(e.operand, otherwise, then)
            case IntLit():
                self.jump(then if e.value else otherwise)
            case _:
                self.branch(self.test(e), then, otherwise)

    def test(self, e: Expr) -> str:
        """The truth of an expression: an i1."""
        if isinstance(e, Binary) and e.op in COMPARISONS:
            left = self.value(e.left)
            return self.compare(e.op, left, self.value(e.right), e.left.type, e.loc)
        if isinstance(e, Unary) and e.op == "!":
            return self.get(f"xor i1 {self.test(e.operand)}, true")
        if isinstance(e, Logical):
            return self._logical(e)
        return self.truth(self.value(e), e.type, e.loc)

    def _logical(self, e: Logical) -> str:
        slot = self.alloca("i1", 1)
        yes, no, end = self.block("true"), self.block("false"), self.block("end")
        self.condition(e, yes, no)
        self.open(yes)
        self.do(f"store i1 true, ptr {slot}")
        self.jump(end)
        self.open(no)
        self.do(f"store i1 false, ptr {slot}")
        self.open(end)
        return self.get(f"load i1, ptr {slot}")

    def _as_int(self, bit: str, t: Type) -> str:
        return self.get(f"zext i1 {bit} to {kind_of(t)}")

    def _conditional(self, e: Conditional) -> str:
        if is_record(e.type):
            return self.record_at(e).address
        void = isinstance(bare(e.type), Void)
        slot = "" if void else self.room(e.type)
        then, otherwise, end = (self.block(hint) for hint in ("then", "else", "end"))
        self.condition(e.condition, then, otherwise)
        for block, arm in ((then, e.then), (otherwise, e.otherwise)):
            self.open(block)
            if void:
                self.effect(arm)
            else:
                value = self.convert(self.value(arm), arm.type, e.type, e.loc)
                self.do(f"store {kind_of(e.type)} {value}, ptr {slot}")
            self.jump(end)
        self.open(end)
        return "" if void else self.get(f"load {kind_of(e.type)}, ptr {slot}")

    def _binary_conditional(self, e: BinaryConditional) -> str:
        slot = self.room(e.type)
        kind = kind_of(e.type)
        value = self.value(e.value)
        kept = self.convert(value, e.value.type, e.type, e.loc)
        self.do(f"store {kind} {kept}, ptr {slot}")
        otherwise, end = self.block("else"), self.block("end")
        self.branch(self.truth(value, e.value.type, e.loc), end, otherwise)
        self.open(otherwise)
        other = self.convert(self.value(e.otherwise), e.otherwise.type, e.type, e.loc)
        self.do(f"store {kind} {other}, ptr {slot}")
        self.open(end)
        return self.get(f"load {kind}, ptr {slot}")

    # ------------------------------------------------------------ operators

    def _load(self, e: Load) -> str:
        place = self.place(e.lvalue)
        if is_record(e.type) or isinstance(bare(e.lvalue.type), Array):
            return self.reach(place).address
        return self.load(place, e.loc)

    def _address(self, e: AddrOf | Decay) -> str:
        operand = e.operand
        if isinstance(operand, DeclRef) and isinstance(operand.decl, FunctionDecl):
            return self.function_address(operand.decl, e)
        place = self.place(operand)
        if place.bits is not None and not self.preserving:
            raise Rejection(
                "a bit-field has no address",
                e.loc,
                "copy it into a local variable and use the address of that",
            )
        return self.move_address(place.address, place.space, space_of(e.type))

    def function_address(self, decl: FunctionDecl, e: Expr) -> str:
        """The address of a function, as bpf_loop() and its like take it."""
        instance = self.instance.callbacks.get(decl)
        if instance is None:
            named = (i for f, i in self.instance.callbacks.items() if f.name == decl.name)
            instance = next(named, None)
        if instance is not None:
            return self.scope.function(instance)
        return self.scope.external(decl, e.loc)

    def _cast(self, e: Cast) -> str:
        if isinstance(bare(e.type), Void):
            self.effect(e.operand)
            return ""
        return self.convert(self.value(e.operand), e.operand.type, e.type, e.loc)

    def _unary(self, e: Unary) -> str:
        if e.op == "!":
            return self._as_int(self.test(e), e.type)
        value = self.convert(self.value(e.operand), e.operand.type, e.type, e.loc)
        kind = kind_of(e.type, e.loc)
        return self.get(f"sub {kind} 0, {value}" if e.op == "-" else f"xor {kind} {value}, -1")

    def _binary(self, e: Binary) -> str:
        if e.op in COMPARISONS:
            return self._as_int(self.test(e), e.type)
        left = self.value(e.left)
        right = self.value(e.right)
        pointer = bare(e.left.type)
        if isinstance(pointer, Pointer):
            if isinstance(bare(e.right.type), Pointer):
                return self.distance(left, right, pointer)
            return self._move(e.op, left, pointer, right, e.right.type, e)
        target = as_int(e.type)
        if e.op in ("<<", ">>"):
            right = self.shift_count(right, e.right.type, target, e.loc)
        return self.calculate(e.op, left, right, target, e.loc)

    def _move(
        self, op: str, pointer: str, t: Pointer, count: str, count_type: Type, e: Expr
    ) -> str:
        if op == "-":
            wide = LONG if as_int(count_type).signed else ULONG
            count = self.negate(self.convert(count, count_type, wide, e.loc), 64)
            count_type = LONG
        return self.step(pointer, t, count, count_type, e.loc)

    # ------------------------------------------------------------ assignments

    def _assign(self, e: Assign) -> str:
        if is_record(e.type):
            self.assign_record(e)
            return self.reach(self.place(e.lvalue)).address
        value = self.value(e.value)
        place = self.place(e.lvalue)
        self.store(place, value, e.loc)
        return self._stored(place, value)

    def _stored(self, place: Place, value: str) -> str:
        """What a scalar object holds after ``value`` went into it."""
        if place.bits is None:
            return value
        t = as_int(place.type)
        width = place.bits.bit_width or 0
        if t.is_bool or width >= t.size * 8:
            return value
        spare = t.size * 8 - width
        kind = kind_of(t)
        high = self.get(f"shl {kind} {value}, {spare}")
        return self.get(f"{'ashr' if t.signed else 'lshr'} {kind} {high}, {spare}")

    def _both_ways(self, place: Place, e: Expr) -> Place:
        """A place that is read and then written: written memory is ours, so it is read directly."""
        check_store(place.access, e.loc)
        return replace(self.reach(place), access=Access.DIRECT)

    def _compound_assign(self, e: CompoundAssign) -> str:
        right = self.value(e.value)
        place = self._both_ways(self.place(e.lvalue), e)
        old = self.load(place, e.loc)
        pointer = bare(e.compute)
        if isinstance(pointer, Pointer):
            new = self._move(e.op, old, pointer, right, e.value.type, e)
        else:
            compute = as_int(pointer)
            left = self.convert(old, e.lvalue.type, compute, e.loc)
            if e.op in ("<<", ">>"):
                right = self.shift_count(right, e.value.type, compute, e.loc)
            else:
                right = self.convert(right, e.value.type, compute, e.loc)
            result = self.calculate(e.op, left, right, compute, e.loc)
            new = self.convert(result, compute, e.lvalue.type, e.loc)
        self.store(place, new, e.loc)
        return self._stored(place, new)

    def _step_by_one(self, e: IncDec) -> str:
        place = self._both_ways(self.place(e.lvalue), e)
        old = self.load(place, e.loc)
        t = bare(e.lvalue.type)
        one = "1" if e.op == "++" else "-1"
        if isinstance(t, Pointer):
            new = self.step(old, t, one, INT, e.loc)
        else:
            wide = INT if size_of(t) < 4 else as_int(t)
            left = self.convert(old, t, wide, e.loc)
            new = self.convert(self.calculate("+", left, one, wide, e.loc), wide, t, e.loc)
        self.store(place, new, e.loc)
        return self._stored(place, new) if e.prefix else old
