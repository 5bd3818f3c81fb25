"""What each construct does to values: the rules of the analysis, for expressions.

`Transfer` executes a clone abstractly. Everything that is not listed evaluates its children and
gives a number. Statements are in ``execute.py``, calls in ``calls.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..constants import fold
from ..ctype import Array, Int, Pointer, Record, Type, Void, as_int, bare, is_integer, size_of
from ..diagnostics import Loc
from ..tree import (
    LVALUES,
    AddrOf,
    Assign,
    Binary,
    BinaryConditional,
    Builtin,
    Call,
    Cast,
    Comma,
    CompoundAssign,
    CompoundLiteral,
    Conditional,
    Decay,
    DeclRef,
    Deref,
    Expr,
    FunctionDecl,
    HelperCall,
    IncDec,
    Index,
    InitList,
    IntLit,
    Load,
    Logical,
    MapAddress,
    Member,
    Stmt,
    StmtExpr,
    Storage,
    StrLit,
    Unary,
    VarDecl,
)
from .clones import Clone, Forced
from .decide import classify
from .kernel import KernelTypes
from .memory import Memory
from .plan import Access
from .values import (
    NOTHING,
    OWNED,
    OWNEDS,
    SCALAR,
    SCALARS,
    USERS,
    VISIBLE,
    VISIBLES,
    ZEROS,
    Atom,
    Atoms,
    Kind,
    btf,
    has_part,
    is_arena,
    is_kptr,
    is_plain,
    is_user_pointer,
    shift,
    shift_elements,
    stack,
)

KSYMS = ".ksyms"
"""The section of variables of the kernel."""


@dataclass(slots=True)
class Place:
    """Where an lvalue is: its addresses, and the `Deref` it is reached through, if any."""

    atoms: Atoms
    root: Deref | None = None
    reached: Atoms = NOTHING  # the addresses the decision about ``root`` depends on


class Transfer:
    """Evaluates the expressions of ``clone``."""

    def __init__(
        self,
        clone: Clone,
        memory: Memory,
        call: Callable[[Transfer, Call | HelperCall | Builtin], Atoms],
        execute: Callable[[Transfer, Stmt], Atoms],
        callback: Callable[[Transfer, FunctionDecl, Loc], None],
        types: KernelTypes,
        forced: Forced,
    ) -> None:
        self.clone = clone
        self.memory = memory
        self._types = types
        self._forced = forced
        self._call = call
        self._execute = execute
        self._callback = callback

    # ------------------------------------------------------------ lvalues

    def place(self, node: Expr) -> Place:
        """Where lvalue ``node`` is. Evaluates the pointers and indices in it."""
        match node:
            case DeclRef():
                return Place(self._declared(node))
            case Member():
                return self._member(node)
            case Index():
                return self._index(node)
            case Deref():
                value = self.value(node.pointer)
                if is_arena(node.pointer.type):
                    value = VISIBLES
                return Place(value, node, value)
            case CompoundLiteral():
                return Place(self._literal(node))
            case StrLit():
                return Place(VISIBLES)
        return Place(self.value(node))  # a record that a call gave

    def _declared(self, node: DeclRef) -> Atoms:
        match node.decl:
            case VarDecl(storage=Storage.LOCAL) as var:
                return frozenset({stack(self.clone.object_of(var))})
            case VarDecl() as var:
                return _static(var)
            case function:
                self._callback(self, function, node.loc)
                return frozenset({Atom(Kind.FUNCTION, function=function)})

    def _member(self, node: Member) -> Place:
        base = self.place(node.base)
        base.atoms = shift(base.atoms, node.field.bit_offset // 8)
        return base

    def _index(self, node: Index) -> Place:
        base = self.place(node.base)
        self.value(node.index)
        base.atoms = shift_elements(base.atoms, fold(node.index), size_of(node.type))
        # The decision is about the address after the index: behind a variable one the verifier sees
        # no type.
        lost = {a for a in base.atoms if a.kind is Kind.BTF and a.offset is None}
        base.reached |= lost
        return base

    def _literal(self, node: CompoundLiteral) -> Atoms:
        address = frozenset({stack(self.clone.literal(node))})
        self.initialise(address, node.type, node.init)
        return address

    def access(self, node: Expr, *, store: bool = False) -> tuple[Atoms, Access]:
        """The addresses of lvalue ``node``, and how they are accessed; remembers the decision."""
        place = self.place(node)
        if place.root is None:
            return place.atoms, Access.DIRECT
        if not store:
            self.clone.read[place.root] = node
        return place.atoms, self.decide(place.root, place.reached, store=store)

    def decide(self, node: Expr, addresses: Atoms, *, store: bool) -> Access:
        """Remember that ``node`` goes through ``addresses``; give the decision so far."""
        known = self.clone.decisions.setdefault(node, set())
        self.memory.learn(known, addresses)
        if store:
            self.clone.stores.setdefault(node, node.loc)
        return self._forced.access(node, known)

    # ------------------------------------------------------------ values

    def value(self, node: Expr) -> Atoms:
        """The value of ``node``; for a record the addresses it is copied from."""
        match node:
            case IntLit():
                return SCALARS if node.value else ZEROS
            case Load():
                return self._load(node)
            case AddrOf() | Decay():
                return self.place(node.operand).atoms
            case Cast():
                return self._cast(node)
            case Unary():
                return _mixed(self.value(node.operand))
            case Binary():
                return self._binary(node)
            case Logical():
                self.value(node.left)
                self.value(node.right)
                return SCALARS
            case Comma():
                self.value(node.left)
                return self.value(node.right)
            case Assign():
                return self._assign(node)
            case CompoundAssign():
                return self._compound_assign(node)
            case IncDec():
                return self._inc_dec(node)
            case Conditional():
                self.value(node.condition)
                return self.value(node.then) | self.value(node.otherwise)
            case BinaryConditional():
                return self.value(node.value) | self.value(node.otherwise)
            case Call() | HelperCall() | Builtin():
                return self._call(self, node)
            case StmtExpr():
                return self._execute(self, node.body)
            case InitList():
                return self.value(node.entries[0].value) if node.entries else ZEROS
            case MapAddress():
                return VISIBLES
        return self.place(node).atoms if isinstance(node, LVALUES) else SCALARS

    def _load(self, node: Load) -> Atoms:
        atoms, access = self.access(node.lvalue)
        if isinstance(bare(node.type), (Record, Array)):
            return atoms
        if isinstance(node.lvalue, Member) and node.lvalue.field.bit_width is not None:
            return SCALARS if atoms else NOTHING
        if isinstance(bare(node.type), Pointer):
            if _is_address_table(node.lvalue):
                return VISIBLES
            if is_kptr(node.type) and any(a.kind is Kind.VISIBLE for a in atoms):
                return self._pointing(OWNEDS, node.type)
        value = self.memory.load(atoms, node.type, access)
        return self._tagged(node, value) if Kind.SCALAR in {a.kind for a in value} else value

    def _tagged(self, node: Load, value: Atoms) -> Atoms:
        """A loaded pointer that its declaration says to point into user memory."""
        lvalue = node.lvalue
        if is_user_pointer(node.type) or (
            isinstance(lvalue, Member)
            and isinstance(bare(node.type), Pointer)
            and lvalue.field.record is not None
            and self._types.is_user_member(lvalue.field.record, lvalue.field)
        ):
            return value - SCALARS | USERS
        return value

    def _cast(self, node: Cast) -> Atoms:
        value = self.value(node.operand)
        to, source = bare(node.type), bare(node.operand.type)
        if is_integer(to) and _narrows(as_int(to), source):
            if all(a.kind is Kind.ZERO for a in value):
                return value
            return SCALARS
        if not isinstance(to, Pointer):
            return value
        if is_arena(source) or is_arena(to):
            return VISIBLES
        if is_user_pointer(to) and SCALAR in value:
            value = value - SCALARS | USERS
        return self._pointing(value, to)

    def _pointing(self, value: Atoms, type_: Type) -> Atoms:
        """``value`` as a pointer of ``type_``."""
        pointer = bare(type_)
        record = bare(pointer.to) if isinstance(pointer, Pointer) else None
        if isinstance(record, Record):
            return frozenset(self._typed(atom, record) for atom in value)
        return value

    def _typed(self, atom: Atom, record: Record) -> Atom:
        """``atom`` cast to a pointer to ``record``."""
        if atom.kind is not Kind.BTF or not record.complete or record.size == 0:
            return atom
        if atom.record is not None:
            if atom.offset is not None and has_part(atom.record, atom.offset, record):
                return atom
            return atom._replace(offset=None)  # no part of the object: another type to the verifier
        if atom.bound == OWNED:
            # Kernel objects are read-only, those of the program's own types are its memory.
            return atom._replace(record=record, bound="") if record.relocatable else VISIBLE
        if atom.bound and not self._types.begins_with(atom.bound, record.name):
            return atom._replace(record=record, offset=None)
        return atom._replace(record=record)

    def _binary(self, node: Binary) -> Atoms:
        left, right = self.value(node.left), self.value(node.right)
        if node.op in ("&", "|", "^"):
            return _mixed(left | right)
        if node.op not in ("+", "-"):
            return SCALARS
        pointer = bare(node.left.type)
        if isinstance(pointer, Pointer):
            if isinstance(bare(node.right.type), Pointer):
                return SCALARS
            count = fold(node.right)
            if count is not None and node.op == "-":
                count = -count
            return shift_elements(left, count, max(size_of(pointer.to), 1))
        return _sum(node.op, left, right, fold(node.left), fold(node.right))

    # ------------------------------------------------------------ stores

    def _assign(self, node: Assign) -> Atoms:
        value = self.value(node.value)
        to, _ = self.access(node.lvalue, store=True)
        if isinstance(bare(node.lvalue.type), Record):
            size = size_of(node.lvalue.type)
            self.memory.copy(to, value, size, self.record_access(node.value, value))
            return to
        if isinstance(node.lvalue, DeclRef) and isinstance(node.lvalue.decl, VarDecl):
            self.clone.comes_from(node.lvalue.decl, node.value)
        self.memory.store(to, value)
        return value

    def _compound_assign(self, node: CompoundAssign) -> Atoms:
        amount = self.value(node.value)
        to, access = self.access(node.lvalue, store=True)
        old = self.memory.load(to, node.lvalue.type, access)
        new = SCALARS
        if node.op in ("+", "-"):
            count = fold(node.value)
            pointer = bare(node.lvalue.type)
            if isinstance(pointer, Pointer):
                step = -count if count is not None and node.op == "-" else count
                new = shift_elements(old, step, max(size_of(pointer.to), 1))
            else:
                new = _sum(node.op, old, amount, None, count)
        self.memory.store(to, new)
        return new

    def _inc_dec(self, node: IncDec) -> Atoms:
        to, access = self.access(node.lvalue, store=True)
        old = self.memory.load(to, node.type, access)
        step = 1 if node.op == "++" else -1
        pointer = bare(node.type)
        size = max(size_of(pointer.to), 1) if isinstance(pointer, Pointer) else 1
        new = shift_elements(old, step, size)
        if not isinstance(pointer, Pointer) and is_plain(old):
            new = old - ZEROS or SCALARS
        self.memory.store(to, new)
        return new if node.prefix else old

    def initialise(self, to: Atoms, type_: Type, init: Expr) -> None:
        """Store the initialiser ``init`` of an object of ``type_`` at ``to``."""
        if isinstance(init, InitList) and isinstance(bare(type_), (Record, Array)):
            for entry in init.entries:
                place = shift(to, entry.offset)
                if entry.field is None:
                    self.initialise(place, entry.type, entry.value)
                else:
                    self.value(entry.value)
                    self.memory.store(place, SCALARS)
            return
        value = self.value(init)
        if isinstance(init, StrLit):
            return
        if isinstance(bare(type_), (Record, Array)):
            self.memory.copy(to, value, size_of(type_), self.record_access(init, value))
        else:
            self.memory.store(to, value)

    def record_access(self, node: Expr, source: Atoms) -> Access:
        """How the record value ``node``, which is at ``source``, is copied."""
        if isinstance(node, (Call, HelperCall)):
            return Access.DIRECT
        return classify(source)


# ---------------------------------------------------------------- values in registers


def _narrows(to: Int, source: Type) -> bool:
    """Whether converting loses what makes a value an address."""
    if to.is_bool:
        return True
    if to.size >= 8:
        return False
    return isinstance(source, Pointer) or (is_integer(source) and as_int(source).size > to.size)


def _static(var: VarDecl) -> Atoms:
    """The address of an object that is not on the stack."""
    if var.section != KSYMS:
        return VISIBLES
    type_ = bare(var.type)
    if isinstance(type_, Record):
        return frozenset({btf(type_)})
    return SCALARS if isinstance(type_, Void) else VISIBLES


def _mixed(atoms: Atoms) -> Atoms:
    """The number that bits of ``atoms`` make: it may still be an address of user memory."""
    return SCALARS | (atoms & USERS)


def _sum(op: str, left: Atoms, right: Atoms, number: int | None, amount: int | None) -> Atoms:
    """Integer addition and subtraction; ``number`` and ``amount`` are constant sides."""
    pointers = frozenset(a for a in left if not is_plain((a,)))
    others = frozenset(a for a in right if not is_plain((a,)))
    if pointers:
        left = left - ZEROS
    if others:
        right = right - ZEROS
    left_plain = any(is_plain((a,)) for a in left)
    right_plain = any(is_plain((a,)) for a in right)
    values: Atoms = NOTHING
    if pointers and (right_plain or not right):
        distance = amount if amount is None or op == "+" else -amount
        values |= shift(pointers, distance)
    if others and left_plain and op == "+":
        values |= shift(others, number)
    if (pointers and others) or (others and left_plain and op == "-"):
        values |= SCALARS
    if left_plain and right_plain:
        values |= _plain_sum(op, left - pointers, right - others, number, amount)
    return values


def _plain_sum(op: str, left: Atoms, right: Atoms, number: int | None, amount: int | None) -> Atoms:
    """Addition and subtraction of numbers, which may be external addresses."""
    if left | right == ZEROS:
        return ZEROS
    if amount is not None:
        return left - ZEROS or SCALARS
    if number is not None and op == "+":
        return right - ZEROS or SCALARS
    return _mixed(left | right)


def _is_address_table(node: Expr) -> bool:
    """Whether an object of static storage is read that was initialised with string literals.

    LLVM replaces a load at a known index by the address of the literal.
    """
    while isinstance(node, (Member, Index)):
        node = node.base
    if not (isinstance(node, DeclRef) and isinstance(node.decl, VarDecl)):
        return False
    init = node.decl.init
    return node.decl.storage is not Storage.LOCAL and init is not None and _has_literal(init)


def _has_literal(init: Expr) -> bool:
    if isinstance(init, InitList):
        return any(_has_literal(entry.value) for entry in init.entries)
    while isinstance(init, Cast):
        init = init.operand
    return isinstance(init, Decay) and isinstance(init.operand, StrLit)
