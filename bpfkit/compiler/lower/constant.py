"""Constant expressions and static initialisers: bytes, and the addresses among them."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..constants import wrap
from ..ctype import (
    Pointer,
    Record,
    Type,
    bare,
    is_constant,
    is_integer,
    is_scalar,
    is_volatile,
    size_of,
)
from ..diagnostics import Rejection
from ..tree import (
    AddrOf,
    Binary,
    BinaryConditional,
    Cast,
    Comma,
    CompoundLiteral,
    Conditional,
    Decay,
    DeclRef,
    Deref,
    Expr,
    FunctionDecl,
    Index,
    Init,
    InitList,
    IntLit,
    Load,
    Logical,
    MapAddress,
    Member,
    Storage,
    StrLit,
    Unary,
    VarDecl,
)
from .irtext import ByteOrder, ModuleText, quote
from .scope import Scope


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a global, plus bytes."""

    symbol: str
    addend: int = 0

    def operand(self) -> str:
        """As a constant of type ptr."""
        if not self.addend:
            return self.symbol
        return f"getelementptr (i8, ptr {self.symbol}, i64 {self.addend})"


Constant = int | Address


class Folder:
    """Evaluates constant expressions. ``static`` tells whether compound literals live for ever."""

    def __init__(self, scope: Scope, module: ModuleText, *, static: bool) -> None:
        self._scope = scope
        self._module = module
        self._static = static

    def value(self, e: Expr) -> Constant | None:
        """The value of ``e`` if it is constant."""
        match e:
            case IntLit():
                return e.value
            case Cast():
                return self._cast(e)
            case Unary():
                return self._unary(e)
            case Binary():
                return self._binary(e)
            case Logical():
                left = self.value(e.left)
                if left is None or bool(left) == (e.op == "||"):
                    return None if left is None else int(bool(left))
                right = self.value(e.right)
                return None if right is None else int(bool(right))
            case Conditional():
                chosen = self.value(e.condition)
                if chosen is not None:
                    return _as(e.type, self.value(e.then if chosen else e.otherwise))
            case BinaryConditional():
                kept = self.value(e.value)
                if kept is not None:
                    return _as(e.type, kept or self.value(e.otherwise))
            case Comma():
                return None if self.value(e.left) is None else self.value(e.right)
            case Load(lvalue=DeclRef(decl=VarDecl() as variable)):
                init = initial(variable)
                if init is not None and is_scalar(variable.type):
                    return _as(variable.type, self.value(init))
            case AddrOf() | Decay():
                return self.address(e.operand)
            case MapAddress():
                return Address(self._scope.map(e.map))
        return None

    def address(self, e: Expr) -> Constant | None:
        """The address of an lvalue or function if it is constant."""
        match e:
            case DeclRef(decl=FunctionDecl() as function):
                return Address(self._scope.entry(function)) if self._static else None
            case DeclRef(decl=VarDecl() as variable):
                # Where an arena lies is known at run time.
                if variable.storage is not Storage.LOCAL and not variable.address_space:
                    return Address(self._scope.variable(variable))
            case StrLit():
                return Address(self._module.string(e.data))
            case Member():
                return _shift(self.address(e.base), e.field.offset)
            case Index():
                index = self.value(e.index)
                if isinstance(index, int):
                    return _shift(self.address(e.base), index * size_of(e.type))
            case Deref():
                return self.value(e.pointer)
            case CompoundLiteral() if self._static:
                return Address(self._scope.literal(e))
        return None

    def _cast(self, e: Cast) -> Constant | None:
        value = self.value(e.operand)
        if isinstance(value, int):
            target = bare(e.type)
            return (
                wrap(value, target) if is_integer(target) or isinstance(target, Pointer) else None
            )
        if value is not None and size_of(e.type) == 8:
            return value
        return None

    def _unary(self, e: Unary) -> Constant | None:
        value = self.value(e.operand)
        if isinstance(value, Address):
            return 0 if e.op == "!" else None
        if value is None:
            return None
        return wrap({"-": -value, "~": ~value, "!": int(not value)}[e.op], e.type)

    def _binary(self, e: Binary) -> Constant | None:
        left, right = self.value(e.left), self.value(e.right)
        if left is None or right is None:
            return None
        pointer = bare(e.left.type)
        step = max(1, size_of(pointer.to)) if isinstance(pointer, Pointer) else 1
        if isinstance(right, Address):
            if isinstance(left, Address):
                return _relate(e.op, left, right, step)
            return _shift(right, left) if e.op == "+" else _relate_to_null(e.op, left)
        if isinstance(left, Address) or isinstance(bare(e.type), Pointer):
            if e.op in ("+", "-"):
                return _shift(left, right * (step if e.op == "+" else -step))
            return _relate_to_null(e.op, right)
        result = _calculate(e.op, left, right)
        if result is not None and step > 1 and e.op == "-":
            result //= step
        return None if result is None else wrap(result, e.type)


def initial(variable: VarDecl) -> Expr | None:
    """What stands in an object for ever, if that is known here."""
    fixed = is_constant(variable.type) and not is_volatile(variable.type)
    return variable.init if fixed else None


def _as(t: Type, value: Constant | None) -> Constant | None:
    return wrap(value, t) if isinstance(value, int) else value


def _relate(op: str, a: Address, b: Address, step: int) -> int | None:
    """Compare or subtract two addresses; those of different objects are only known to differ."""
    if a.symbol != b.symbol:
        return {"==": 0, "!=": 1}.get(op)
    distance = _calculate(op, a.addend, b.addend)
    return distance // step if distance is not None and op == "-" else distance


def _relate_to_null(op: str, number: int) -> int | None:
    """Compare an address with a number: no object stands at null."""
    return None if number else {"==": 0, "!=": 1}.get(op)


def _shift(base: Constant | None, count: int) -> Constant | None:
    if isinstance(base, Address):
        return Address(base.symbol, base.addend + count)
    return None if base is None else base + count


def _calculate(op: str, a: int, b: int) -> int | None:
    match op:
        case "+":
            return a + b
        case "-":
            return a - b
        case "*":
            return a * b
        case "/" | "%":
            if not b:
                return None
            quotient = abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
            return quotient if op == "/" else a - quotient * b
        case "<<":
            return a << b if 0 <= b < 128 else None
        case ">>":
            return a >> b if 0 <= b < 128 else None
        case "&":
            return a & b
        case "|":
            return a | b
        case "^":
            return a ^ b
    order = {"<": a < b, ">": a > b, "<=": a <= b, ">=": a >= b, "==": a == b, "!=": a != b}
    return int(order[op])


@dataclass(slots=True)
class Image:
    """The bytes of an object with static storage, and the addresses in it."""

    data: bytearray
    byte_order: ByteOrder
    addresses: dict[int, Address] = field(default_factory=dict)

    def put(self, init: Init, folder: Folder) -> bool:
        """Write one leaf; False when its value is not constant (nothing is written then)."""
        value = init.value
        while isinstance(value, Load) and isinstance(value.lvalue, (CompoundLiteral, StrLit)):
            inner = value.lvalue
            value = inner.init if isinstance(inner, CompoundLiteral) else inner
        if isinstance(value, Load) and isinstance(value.lvalue, DeclRef):
            value = self._copied(value.lvalue.decl) or value
        if isinstance(value, StrLit):
            self._write(init.offset, value.data[: size_of(init.type) or None])
            return True
        if isinstance(value, InitList):
            return self._put_list(init, value, folder)
        if isinstance(bare(init.type), Record):
            return False
        constant = folder.value(value)
        if constant is None:
            return False
        if isinstance(constant, Address):
            if size_of(init.type) != 8:
                return False
            self._write(init.offset, bytes(8))
            self.addresses[init.offset] = constant
        elif init.field is not None and init.field.bit_width is not None:
            self._put_bits(init, constant)
        else:
            size = size_of(init.type)
            number = wrap(constant, init.type) & ((1 << size * 8) - 1)
            self._write(init.offset, number.to_bytes(size, self.byte_order))
        return True

    def _copied(self, decl: VarDecl | FunctionDecl) -> Expr | None:
        """The initialiser of a constant record that another one is copied from."""
        return (
            initial(decl)
            if isinstance(decl, VarDecl) and isinstance(bare(decl.type), Record)
            else None
        )

    def _put_list(self, init: Init, value: InitList, folder: Folder) -> bool:
        # All or nothing: a list that is partly constant is written by the caller, leaf by leaf.
        trial = Image(bytearray(self.data), self.byte_order, dict(self.addresses))
        trial._write(init.offset, bytes(size_of(init.type)))
        for entry in value.entries:
            moved = Init(init.offset + entry.offset, entry.type, entry.value, entry.field)
            if not trial.put(moved, folder):
                return False
        self.data, self.addresses = trial.data, trial.addresses
        return True

    def _put_bits(self, init: Init, value: int) -> None:
        assert init.field is not None
        width = init.field.bit_width or 0
        first = init.field.bit_offset % 8
        count = (first + width + 7) // 8
        self._grow(init.offset + count)
        old = int.from_bytes(self.data[init.offset : init.offset + count], self.byte_order)
        shift = first if self.byte_order == "little" else count * 8 - width - first
        mask = ((1 << width) - 1) << shift
        new = old & ~mask | (value << shift) & mask
        self.data[init.offset : init.offset + count] = new.to_bytes(count, self.byte_order)

    def _grow(self, size: int) -> None:
        self.data.extend(bytes(max(0, size - len(self.data))))

    def _write(self, offset: int, data: bytes) -> None:
        self._grow(offset + len(data))
        self.data[offset : offset + len(data)] = data
        for at in [at for at in self.addresses if offset <= at < offset + len(data)]:
            del self.addresses[at]

    def scalar(self) -> tuple[str, str]:
        """The IR type and value of a whole that is one integer or pointer."""
        if self.addresses:
            return "ptr", self.addresses[0].operand()
        value = int.from_bytes(self.data, self.byte_order)
        return f"i{len(self.data) * 8}", str(value)

    def typed(self) -> tuple[str, str]:
        """The IR type and value of the whole."""
        if not self.addresses:
            kind = f"[{len(self.data)} x i8]"
            return kind, f'c"{quote(bytes(self.data))}"' if any(self.data) else "zeroinitializer"
        kinds: list[str] = []
        values: list[str] = []
        at = 0
        for offset, address in sorted(self.addresses.items()):
            _piece(bytes(self.data[at:offset]), kinds, values)
            kinds.append("ptr")
            values.append(f"ptr {address.operand()}")
            at = offset + 8
        _piece(bytes(self.data[at:]), kinds, values)
        return f"<{{ {', '.join(kinds)} }}>", f"<{{ {', '.join(values)} }}>"


def _piece(data: bytes, kinds: list[str], values: list[str]) -> None:
    if data:
        kinds.append(f"[{len(data)} x i8]")
        values.append(f'[{len(data)} x i8] c"{quote(data)}"')


def static_image(c_type: Type, init: Expr, folder: Folder, byte_order: ByteOrder) -> Image:
    """The content of a global; raises Rejection when it is not constant."""
    image = Image(bytearray(size_of(c_type)), byte_order)
    entries = init.entries if isinstance(init, InitList) else [Init(0, c_type, init)]
    for entry in entries:
        if not image.put(entry, folder):
            raise Rejection(
                "the initialiser of a global must be constant",
                entry.value.loc,
                "assign it in the program, where it is known",
            )
    return image
