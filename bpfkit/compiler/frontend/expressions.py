"""Expressions: cursors to tree, with everything said that C leaves implicit."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar

from ..constants import fold, wrap
from ..ctype import (
    VOID,
    Array,
    Float,
    Function,
    Pointer,
    Record,
    Type,
    Void,
    as_int,
    bare,
    is_integer,
    promote,
    size_of,
    usual_arithmetic,
)
from ..tree import (
    LVALUES,
    AddrOf,
    Assign,
    Binary,
    BinaryConditional,
    Cast,
    Comma,
    Compound,
    CompoundAssign,
    CompoundLiteral,
    Conditional,
    Decay,
    DeclRef,
    Deref,
    Expr,
    FunctionDecl,
    IncDec,
    Index,
    IntLit,
    Load,
    Logical,
    Member,
    StmtExpr,
    StrLit,
    Unary,
    VarDecl,
)
from . import kinds
from .clangffi import CXCursor
from .classes import ExprClass, class_of
from .context import FLOAT_HINT, Context
from .kinds import Cursor
from .literals import pad, parse_string
from .model import decayed, same_type, unqualified
from .oracle import Printed, tokenize


class Expressions(Context):
    """Builds expressions. Declarations, statements, calls and initialisers are built elsewhere."""

    printed: Printed
    """The declaration being built, as text."""

    @abstractmethod
    def variable(self, cursor: CXCursor) -> VarDecl:
        """The variable that a VAR_DECL or PARM_DECL declares."""

    @abstractmethod
    def function(self, cursor: CXCursor) -> FunctionDecl:
        """The function that a FUNCTION_DECL declares."""

    @abstractmethod
    def compound(self, cursor: CXCursor) -> Compound:
        """The statements in braces."""

    @abstractmethod
    def initialiser(self, cursor: CXCursor, type_: Type) -> Expr:
        """The first value of an object of ``type_``."""

    @abstractmethod
    def call(self, cursor: CXCursor) -> Expr:
        """A CALL_EXPR."""

    @abstractmethod
    def atomic(self, cursor: CXCursor) -> Expr:
        """An ``__atomic_*`` builtin."""

    # ------------------------------------------------------------ values and lvalues

    def expr(self, cursor: CXCursor) -> Expr:
        """The expression at ``cursor``, an lvalue where C has one."""
        build = self._BUILDERS.get(cursor.kind)
        if build is None:
            self.reject(cursor, f"an expression of this kind (libclang's {cursor.kind}) is unknown")
        self.enter(cursor)
        built = build(self, cursor)
        self.leave()
        return built

    def value(self, cursor: CXCursor) -> Expr:
        """The value of the expression at ``cursor``."""
        return self.rvalue(self.expr(cursor))

    def rvalue(self, e: Expr) -> Expr:
        """``e`` read: loaded, or decayed to a pointer."""
        self.check_supported(e.type, e.loc)
        if isinstance(e, LVALUES):
            plain = bare(e.type)
            if isinstance(plain, Array):
                return Decay(Pointer(plain.of), e.loc, e)
            if isinstance(plain, Function):
                return e.pointer if isinstance(e, Deref) else Decay(Pointer(e.type), e.loc, e)
            if isinstance(plain, Void):
                return Cast(VOID, e.loc, e.pointer) if isinstance(e, Deref) else e
            e = Load(unqualified(e.type), e.loc, e)
        self.check_computable(e.type, e.loc)
        return e

    def convert(self, e: Expr, to: Type) -> Expr:
        """The value ``e`` as C converts it to ``to``."""
        target = decayed(unqualified(to))
        if isinstance(bare(target), Record) or same_type(e.type, target):
            return e
        self.check_computable(target, e.loc)
        return Cast(target, e.loc, e)

    def constant(self, cursor: CXCursor, what: str, hint: str = "") -> int:
        """The value of a constant expression."""
        value = self.unit.evaluate(cursor)
        if value is None:
            self.reject(cursor, f"{what} is not a constant", hint)
        return value

    def _number(self, cursor: CXCursor, value: int) -> IntLit:
        type_ = self.value_type(cursor)
        return IntLit(type_, self.loc(cursor), wrap(value, type_))

    # ------------------------------------------------------------ leaves

    def _literal(self, cursor: CXCursor) -> Expr:
        return self._number(cursor, self.constant(cursor, "this literal"))

    def _sizeof(self, cursor: CXCursor) -> Expr:
        hint = "BPF has no variable-length arrays; give the array a fixed size"
        return self._number(cursor, self.constant(cursor, "this size", hint))

    def _string(self, cursor: CXCursor) -> Expr:
        type_ = self.type_of(cursor)
        try:
            data = parse_string(self.lib.spelling(cursor))
        except ValueError:
            self.reject(cursor, "a wide string", "use a plain string literal")
        return StrLit(type_, self.loc(cursor), pad(data, size_of(type_)))

    def _floating(self, cursor: CXCursor) -> Expr:
        self.reject(cursor, "floating point is used here", FLOAT_HINT)

    def _decl_ref(self, cursor: CXCursor) -> Expr:
        declaration = self.lib.getCursorReferenced(cursor)
        if declaration.kind in (Cursor.VAR, Cursor.PARAM):
            variable = self.variable(declaration)
            return DeclRef(variable.type, self.loc(cursor), variable)
        if declaration.kind == Cursor.FUNCTION:
            function = self.function(declaration)
            return DeclRef(function.type, self.loc(cursor), function)
        if declaration.kind == Cursor.ENUM_CONSTANT:
            type_ = self.value_type(cursor)
            value = self.types.enumerator(declaration, as_int(type_))
            return IntLit(type_, self.loc(cursor), wrap(value, type_))
        name = self.lib.spelling(cursor)
        self.reject(cursor, f"'{name}' is not a variable, a function or a constant")

    # ------------------------------------------------------------ what libclang leaves unnamed

    def _unexposed(self, cursor: CXCursor) -> Expr:
        kind = class_of(cursor)
        if kind is ExprClass.IMPLICIT_CAST:
            operand = self.value(self.expressions_in(cursor)[-1])
            return self.convert(operand, self.type_of(cursor))
        if kind is ExprClass.PREDEFINED:
            return self.expr(self.expressions_in(cursor)[0])
        if kind is ExprClass.BINARY_CONDITIONAL:
            parts = self.expressions_in(cursor)
            return BinaryConditional(
                self.value_type(cursor),
                self.loc(cursor),
                self.value(parts[0]),
                self.value(parts[-1]),
            )
        if kind is ExprClass.CHOOSE:
            condition, then, otherwise = self.expressions_in(cursor)
            chosen = self.constant(condition, "the condition of __builtin_choose_expr")
            return self.expr(then if chosen else otherwise)
        if kind is ExprClass.ATOMIC:
            return self.atomic(cursor)
        return self._folded(cursor)

    def _folded(self, cursor: CXCursor) -> Expr:
        """offsetof and its like, which have a value or are refused."""
        value = self.unit.evaluate(cursor) if is_integer(self.type_of(cursor)) else None
        if value is None:
            self.reject(
                cursor,
                "this expression cannot be compiled",
                "BPF has no variable arguments, no vectors and no offsets that are not constant",
            )
        return self._number(cursor, value)

    def _generic(self, cursor: CXCursor) -> Expr:
        control, *choices = self.expressions_in(cursor)
        names = [self._resolved(name) for name in self.printed.generic_types(cursor)]
        wanted = self.type_words(control)
        if len(names) == len(choices):
            for word in (wanted, "default"):
                if names.count(word) == 1:
                    return self.expr(choices[names.index(word)])
        self.reject(
            cursor,
            "which branch of this _Generic is taken cannot be told",
            "list the types by their plain C names",
        )

    def type_words(self, cursor: CXCursor) -> str:
        """The canonical type of a value, tokens apart by one blank."""
        type_ = self.lib.getUnqualifiedType(
            self.lib.getCanonicalType(self.lib.getCursorType(cursor))
        )
        return " ".join(
            text for _, text in tokenize(self.lib.text(self.lib.getTypeSpelling(type_)))
        )

    def _resolved(self, name: str) -> str:
        """A printed type with its typedefs replaced."""
        if name == "default":
            return name
        words = [self.local_types.get(word) or self.typedef_words(word) for word in name.split()]
        return " ".join(words)

    @abstractmethod
    def typedef_words(self, name: str) -> str:
        """What typedef ``name`` stands for; ``name`` when it is none."""

    # ------------------------------------------------------------ structure

    def _paren(self, cursor: CXCursor) -> Expr:
        return self.expr(self.expressions_in(cursor)[0])

    def _member(self, cursor: CXCursor) -> Expr:
        loc = self.loc(cursor)
        field = self.types.field(self.lib.getCursorReferenced(cursor))
        base = self.expr(self.expressions_in(cursor)[0])
        if isinstance(bare(base.type), (Pointer, Array)):
            base = self.rvalue(base)
            pointer = bare(base.type)
            assert isinstance(pointer, Pointer)
            base = Deref(pointer.to, loc, base)
        record = bare(base.type)
        assert isinstance(record, Record)
        self.types.need(record)
        path = self.types.path(record, field)
        if not path:
            self.reject(cursor, f"the way to member '{field.name}' is unknown")
        for step in path:
            base = Member(step.type, loc, base, step)
            self.types.touch(step.type)
        return base

    def _subscript(self, cursor: CXCursor) -> Expr:
        base, index = (self.value(part) for part in self.expressions_in(cursor))
        if not isinstance(bare(base.type), Pointer):
            base, index = index, base
        loc, type_ = self.loc(cursor), self.type_of(cursor)
        if isinstance(base, Decay):
            return Index(type_, loc, base.operand, index)
        return Deref(type_, loc, Binary(base.type, loc, "+", base, index))

    # ------------------------------------------------------------ operators

    def _unary(self, cursor: CXCursor) -> Expr:
        kind = self.lib.getCursorUnaryOperatorKind(cursor)
        child = self.expressions_in(cursor)[0]
        if kind == kinds.Unary.EXTENSION:
            return self.expr(child)
        if kind == kinds.Unary.PLUS:
            return self.value(child)
        if kind == kinds.Unary.DEREF:
            return self._deref(cursor, child)
        if kind == kinds.Unary.ADDRESS:
            operand = self.expr(child)
            if not isinstance(operand, LVALUES):
                self.reject(cursor, "the address of a value that is stored nowhere")
            return AddrOf(self.value_type(cursor), self.loc(cursor), operand)
        step = kinds.INCREMENT.get(kind)
        if step is not None:
            lvalue = self._target(child)
            type_ = unqualified(lvalue.type)
            return IncDec(type_, self.loc(cursor), step[0], lvalue, step[1])
        op = kinds.UNARY.get(kind)
        if op is None:
            self.reject(cursor, "complex numbers are not supported")
        return Unary(self.value_type(cursor), self.loc(cursor), op, self.value(child))

    def _deref(self, cursor: CXCursor, child: CXCursor) -> Expr:
        pointer = self.value(child)
        if isinstance(pointer, Decay) and isinstance(bare(pointer.operand.type), Function):
            return pointer.operand
        return Deref(self.type_of(cursor), self.loc(cursor), pointer)

    def _target(self, cursor: CXCursor) -> Expr:
        """The lvalue that an assignment writes."""
        lvalue = self.expr(cursor)
        self.check_supported(lvalue.type, lvalue.loc)
        self.check_computable(lvalue.type, lvalue.loc)
        return lvalue

    def _binary(self, cursor: CXCursor) -> Expr:
        kind = self.lib.getCursorBinaryOperatorKind(cursor)
        first, second = self.expressions_in(cursor)
        loc = self.loc(cursor)
        if kind == kinds.ASSIGN:
            lvalue = self._target(first)
            value = self.convert(self.value(second), lvalue.type)
            return Assign(unqualified(lvalue.type), loc, lvalue, value)
        if kind == kinds.COMMA:
            left = self.value(first)
            return Comma(self.value_type(cursor), loc, left, self.value(second))
        left, right = self.value(first), self.value(second)
        type_ = self.value_type(cursor)
        if kind in kinds.LOGICAL:
            return Logical(type_, loc, kinds.LOGICAL[kind], left, right)
        op = kinds.BINARY.get(kind)
        if op is None:
            self.reject(cursor, f"an operator of this kind (libclang's {kind}) is unknown")
        if op == "+" and isinstance(bare(right.type), Pointer):
            left, right = right, left
        return Binary(type_, loc, op, left, right)

    def _compound_assign(self, cursor: CXCursor) -> Expr:
        op = kinds.COMPOUND_ASSIGN.get(self.lib.getCursorBinaryOperatorKind(cursor))
        if op is None:
            self.reject(cursor, "an assignment of this kind is unknown")
        first, second = self.expressions_in(cursor)
        lvalue, value = self._target(first), self.value(second)
        compute = unqualified(lvalue.type)
        if is_integer(compute):
            width = lvalue.field.bit_width if isinstance(lvalue, Member) else None
            own = promote(compute, width)
            if op in ("<<", ">>"):
                compute = own
            else:
                compute = usual_arithmetic(own, promote(value.type))
                value = self.convert(value, compute)
        return CompoundAssign(
            unqualified(lvalue.type), self.loc(cursor), op, lvalue, value, compute
        )

    def _conditional(self, cursor: CXCursor) -> Expr:
        condition, then, otherwise = self.expressions_in(cursor)
        type_ = self.value_type(cursor)
        asked = self.value(condition)
        known = fold(asked)
        if known is not None:  # the other arm may be what only another case can compile
            return self.convert(self.value(then if known else otherwise), type_)
        return Conditional(
            type_,
            self.loc(cursor),
            asked,
            self.convert(self.value(then), type_),
            self.convert(self.value(otherwise), type_),
        )

    # ------------------------------------------------------------ casts and literals of objects

    def _cast(self, cursor: CXCursor) -> Expr:
        type_, loc = self.value_type(cursor), self.loc(cursor)
        child = self.expressions_in(cursor)[-1]
        if isinstance(bare(self.types.of(self.lib.getCursorType(child))), Float):
            # (int)1.5 is an integer constant.
            value = self.unit.evaluate(cursor) if is_integer(type_) else None
            if value is not None:
                return self._number(cursor, value)
        operand = self.value(child)
        if isinstance(bare(type_), Record):
            if bare(operand.type) is bare(type_):
                return operand
            self.reject(cursor, "a cast to a union", "write (union u){.member = value}")
        self.check_computable(type_, loc)
        return Cast(type_, loc, operand, explicit=True)

    def _compound_literal(self, cursor: CXCursor) -> Expr:
        type_ = self.type_of(cursor)
        init = self.initialiser(self.expressions_in(cursor)[-1], type_)
        return CompoundLiteral(type_, self.loc(cursor), init)

    def _statement_expr(self, cursor: CXCursor) -> Expr:
        type_ = self.value_type(cursor)
        body = self.lib.children(cursor)[0]
        return StmtExpr(type_, self.loc(cursor), self.compound(body))

    def _call(self, cursor: CXCursor) -> Expr:
        return self.call(cursor)

    def _label_address(self, cursor: CXCursor) -> Expr:
        self.reject(cursor, "the address of a label", "use switch instead of a computed goto")

    def _block(self, cursor: CXCursor) -> Expr:
        self.reject(cursor, "a block", "write a static function")

    def _braces(self, cursor: CXCursor) -> Expr:
        self.reject(cursor, "braces where a value is expected")

    _BUILDERS: ClassVar[dict[int, Callable[[Expressions, CXCursor], Expr]]] = {
        kinds.Expr.UNEXPOSED: _unexposed,
        kinds.Expr.DECL_REF: _decl_ref,
        kinds.Expr.MEMBER_REF: _member,
        kinds.Expr.CALL: _call,
        kinds.Expr.BLOCK: _block,
        kinds.Expr.INTEGER: _literal,
        kinds.Expr.CHARACTER: _literal,
        kinds.Expr.FLOATING: _floating,
        kinds.Expr.IMAGINARY: _floating,
        kinds.Expr.STRING: _string,
        kinds.Expr.PAREN: _paren,
        kinds.Expr.UNARY: _unary,
        kinds.Expr.SUBSCRIPT: _subscript,
        kinds.Expr.BINARY: _binary,
        kinds.Expr.COMPOUND_ASSIGN: _compound_assign,
        kinds.Expr.CONDITIONAL: _conditional,
        kinds.Expr.CAST: _cast,
        kinds.Expr.COMPOUND_LITERAL: _compound_literal,
        kinds.Expr.INIT_LIST: _braces,
        kinds.Expr.ADDR_LABEL: _label_address,
        kinds.Expr.STATEMENT: _statement_expr,
        kinds.Expr.GENERIC: _generic,
        kinds.Expr.SIZEOF: _sizeof,
    }
