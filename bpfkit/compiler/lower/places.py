"""Places of lvalues, records as values, and initialisers of local objects.

A record value never sits in a register: it is either written into a destination (`record_into`)
or found at an address (`record_at`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace

from ..ctype import LONG, ULONG, VOID, Array, align_of, as_int, bare, size_of
from ..diagnostics import Loc, Rejection
from ..provenance.decide import check_store
from ..provenance.plan import Access, Instance
from ..tree import (
    Assign,
    Call,
    Comma,
    CompoundLiteral,
    Conditional,
    DeclRef,
    Deref,
    Expr,
    Index,
    Init,
    InitList,
    Load,
    Member,
    StmtExpr,
    StrLit,
    VarDecl,
)
from .constant import Folder, Image
from .core import Chains
from .debuginfo import DebugInfo
from .irtext import ModuleText
from .memory import Place, common_align, is_record, space_of
from .scope import Scope


class Places(Chains, ABC):
    """Finding objects. The methods without a body here belong to the stages above."""

    def __init__(
        self,
        module: ModuleText,
        debug: DebugInfo,
        scope: Scope,
        instance: Instance,
        read_helper: int,
    ) -> None:
        super().__init__(module, debug, read_helper)
        self.scope = scope
        self.instance = instance
        self.folder = Folder(scope, module, static=False)
        self.objects: dict[VarDecl, Place] = {}
        self.subprogram = ""

    def at(self, loc: Loc) -> None:
        """Say where the next instructions come from."""
        if loc.line:
            self.location = f", !dbg {self.debug.location(loc, self.subprogram)}"

    @abstractmethod
    def value(self, e: Expr) -> str:
        """The operand of a scalar expression."""

    @abstractmethod
    def effect(self, e: Expr) -> None:
        """Evaluate an expression whose value nobody wants."""

    @abstractmethod
    def condition(self, e: Expr, then: str, otherwise: str) -> None:
        """Jump on the truth of an expression."""

    @abstractmethod
    def call(self, e: Call, result: str = "") -> str:
        """Call a function; a record result is written to ``result``."""

    @abstractmethod
    def statement_expression(self, e: StmtExpr, result: str = "", align: int = 1) -> str:
        """Lower ``({ … })``; a record value is written to ``result``."""

    # ------------------------------------------------------------ lvalues

    def place(self, e: Expr) -> Place:
        """The place of an lvalue, or of a record value."""
        match e:
            case DeclRef(decl=VarDecl() as decl):
                found = self.objects.get(decl)
                if found is not None:
                    return found
                space = decl.address_space
                return Place(self.scope.variable(decl), e.type, align_of(decl.type), space=space)
            case Member():
                # The type of the node has the qualifiers of the base, that of the field has not.
                return replace(self.member(self.place(e.base), e.field), type=e.type)
            case Index():
                base = self.place(e.base)
                return replace(self.element(base, self.index(e.index)), type=e.type)
            case Deref():
                return self._target(e)
            case StrLit():
                return Place(self.module.string(e.data), e.type, 1)
            case CompoundLiteral():
                room = Place(self.room(e.type), e.type, align_of(e.type))
                self.initialise(room, e.init)
                return room
        if is_record(e.type):
            return self.record_at(e)
        raise Rejection("this expression has no address", e.loc)

    def _target(self, e: Deref) -> Place:
        address, space = self.value(e.pointer), space_of(e.pointer.type)
        access, helper = self.instance.access(e), self.instance.helper(e)
        self.at(e.loc)  # what is read here is reported here: see the verifier's line info
        align = align_of(e.type)
        return Place(address, e.type, align, access, root=address, helper=helper, space=space)

    def near_value(self, e: Expr) -> str:
        """The value of a pointer as an address of space 0, where everything is read and written."""
        return self.near(self.value(e), space_of(e.type))

    def index(self, e: Expr) -> str:
        """The value of a subscript, extended to i64."""
        return self.convert(self.value(e), e.type, LONG if as_int(e.type).signed else ULONG, e.loc)

    # ------------------------------------------------------------ record values

    def record_at(self, e: Expr) -> Place:
        """An address that holds the record value ``e``; it must not be written to."""
        if isinstance(e, Load):
            place = self.place(e.lvalue)
            if place.access is Access.DIRECT:
                return self.reach(place)
        room = Place(self.room(e.type), e.type, align_of(e.type))
        self.record_into(e, room)
        return room

    def record_into(self, e: Expr, to: Place) -> None:
        """Write the record value ``e`` to ``to``."""
        match e:
            case Load():
                self.copy_place(to.address, to.align, self.place(e.lvalue))
            case Assign():
                self.assign_record(e)
                self.copy_place(to.address, to.align, self.place(e.lvalue))
            case Comma():
                self.effect(e.left)
                self.record_into(e.right, to)
            case Conditional():
                then, otherwise, after = (self.block(h) for h in ("then", "else", "end"))
                self.condition(e.condition, then, otherwise)
                self.open(then)
                self.record_into(e.then, to)
                self.jump(after)
                self.open(otherwise)
                self.record_into(e.otherwise, to)
                self.open(after)
            case Call():
                self.call(e, to.address)
            case StmtExpr():
                self.statement_expression(e, to.address, to.align)
            case InitList():
                self.initialise(to, e)
            case _:
                raise Rejection("this record value cannot be computed", e.loc)

    def assign_record(self, e: Assign) -> None:
        """``a = b`` for records."""
        to = self.reach(self.place(e.lvalue))
        check_store(to.access, e.loc)
        value = e.value
        while isinstance(value, Comma):
            self.effect(value.left)
            value = value.right
        if isinstance(value, Load):
            self.record_into(value, to)
        else:
            # The value may read what it is assigned to.
            self.copy_place(to.address, to.align, self.record_at(value))

    # ------------------------------------------------------------ initialisers

    def initialise(self, to: Place, init: Expr) -> None:
        """Give a new object its first value; every byte that is not named becomes zero."""
        if isinstance(init, InitList):
            self._initialise_list(to, init)
        elif isinstance(init, StrLit):
            self.copy(to.address, self.module.string(init.data), len(init.data), to.align, 1)
        elif is_record(to.type):
            self.record_into(init, to)
        elif isinstance(init, Load) and isinstance(bare(to.type), Array):
            self.copy_place(to.address, to.align, self.place(init.lvalue))
        else:
            self.store(replace(to, access=Access.DIRECT), self.value(init), init.loc)

    def _initialise_list(self, to: Place, init: InitList) -> None:
        # As clang does: the constant part is a private constant that is copied, so that a table
        # stays readable as a constant and a variable subscript into it needs no stack memory.
        # Addresses are stored one by one, since the kernel's data maps cannot hold them.
        size = size_of(to.type)
        image = Image(bytearray(size), self.module.byte_order)
        later: list[Init] = []
        for entry in init.entries:
            later = [old for old in later if not _replaces(entry, old)]
            if not image.put(entry, self.folder) or image.addresses:
                image.addresses.clear()
                later.append(entry)
        if not any(image.data):
            self.fill(to.address, "0", size, to.align)
        else:
            source = self.module.constant(" ".join(image.typed()), to.align)
            # One piece, whatever its size: what is left of it is no copy.
            self.transfer("memcpy", (to.address, to.align), (source, to.align), size)
        for entry in later:
            self._initialise_leaf(to, entry)

    def _initialise_leaf(self, to: Place, entry: Init) -> None:
        if entry.field is not None and entry.field.bit_width is not None:
            record = entry.field.record
            start = entry.offset - entry.field.bit_offset // 8
            inner = Place(
                self.offset(to.address, start),
                record if record is not None else VOID,
                common_align(to.align, start),
            )
            leaf = replace(self.member(inner, entry.field), root="", relocated=False)
        else:
            leaf = Place(
                self.offset(to.address, entry.offset),
                entry.type,
                common_align(to.align, entry.offset),
            )
        self.initialise(leaf, entry.value)


def _replaces(new: Init, old: Init) -> bool:
    """Whether a later designator gives the same member a value again."""
    return (new.offset, new.field, new.type) == (old.offset, old.field, old.type)
