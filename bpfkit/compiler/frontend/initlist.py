"""Initialisers: C11 6.7.9 applied, so that nothing is left but leaves with byte offsets.

libclang shows braces as they were written. Here the current object moves through the aggregate:
designators set it, braces open a new one, a value without braces goes down to the first scalar
that takes it (brace elision). An aggregate that is given again forgets what it was given before.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..ctype import INT, Array, Field, Int, Record, RecordKind, Type, bare, size_of
from ..tree import CompoundLiteral, Expr, Init, InitList, IntLit, Load, StrLit
from . import kinds
from .calls import Calls
from .clangffi import CXCursor
from .classes import ExprClass, class_of
from .kinds import Cursor
from .literals import pad
from .oracle import Designator


@dataclass(slots=True)
class _Slot:
    """A place inside the object: a member, an element or the whole."""

    type: Type
    offset: int
    field: Field | None = None


@dataclass(slots=True)
class _Frame:
    """An aggregate whose elements come next, one after the other."""

    slot: _Slot
    next: int = 0


@dataclass(slots=True)
class _Target:
    """What one initialiser has collected."""

    entries: list[Init] = field(default_factory=list)
    active: dict[tuple[int, int], Field] = field(default_factory=dict)
    """(offset, identity) of a union -> the member that has a value."""

    def forget(self, slot: _Slot) -> None:
        """Drop what was said about ``slot``."""
        end = slot.offset + size_of(slot.type)
        self.entries[:] = [e for e in self.entries if not slot.offset <= e.offset < end]

    def enter(self, union: _Slot, member: Field) -> None:
        """``member`` becomes the member of ``union`` that has a value."""
        key = union.offset, id(bare(union.type))
        if self.active.get(key, member) is not member:
            self.forget(union)
        self.active[key] = member


def _members(record: Record) -> list[Field]:
    """The members that take initialisers in order."""
    named = [f for f in record.fields if f.index >= 0]
    return named[:1] if record.kind is RecordKind.UNION else named


def _is_aggregate(t: Type) -> bool:
    return isinstance(bare(t), (Array, Record))


def _is_characters(t: Type) -> bool:
    plain = bare(t)
    if not isinstance(plain, Array):
        return False
    element = bare(plain.of)
    return isinstance(element, Int) and element.size == 1 and not element.is_bool


class Initialisers(Calls):
    """Builds initialisers."""

    def initialiser(self, cursor: CXCursor, type_: Type) -> Expr:
        """The first value of an object of ``type_``: an `InitList` for arrays and records."""
        self.types.need(type_)
        self.check_supported(type_, self.loc(cursor))
        if not _is_aggregate(type_):
            return self._scalar(cursor, type_)
        target = _Target()
        slot = _Slot(type_, 0)
        if cursor.kind == kinds.Expr.INIT_LIST:
            self._list(cursor, slot, target)
        elif _is_characters(type_) and self._string_in(cursor) is not None:
            self._leaf(cursor, slot, target)
        else:
            value = self._unwrapped(cursor)
            if isinstance(value, CompoundLiteral) and isinstance(bare(type_), Array):
                return value.init
            return self.rvalue(value)
        return InitList(type_, self.loc(cursor), target.entries)

    def _unwrapped(self, cursor: CXCursor) -> Expr:
        while cursor.kind == kinds.Expr.PAREN:
            cursor = self.expressions_in(cursor)[0]
        if cursor.kind == kinds.Expr.UNEXPOSED and class_of(cursor) is ExprClass.IMPLICIT_CAST:
            inner = self.expressions_in(cursor)[-1]
            if inner.kind in (kinds.Expr.COMPOUND_LITERAL, kinds.Expr.PAREN):
                return self._unwrapped(inner)
        return self.expr(cursor)

    def _scalar(self, cursor: CXCursor, type_: Type) -> Expr:
        while cursor.kind == kinds.Expr.INIT_LIST:
            inner = self.expressions_in(cursor)
            if not inner:
                zero = IntLit(INT, self.loc(cursor), 0)
                return self.convert(zero, type_)
            cursor = inner[0]
        return self.convert(self.value(cursor), type_)

    # ------------------------------------------------------------ lists

    def _list(self, cursor: CXCursor, slot: _Slot, target: _Target) -> None:
        """Braces around the initialisers of ``slot``."""
        target.forget(slot)
        items = self.expressions_in(cursor)
        if not _is_aggregate(slot.type):
            self._leaf(cursor, slot, target)
            return
        if len(items) == 1 and _is_characters(slot.type) and self._string_in(items[0]):
            self._leaf(items[0], slot, target)
            return
        frames = [_Frame(slot)]
        for item in items:
            if item.kind == kinds.Expr.UNEXPOSED and class_of(item) is ExprClass.DESIGNATED:
                frames = self._designated(item, slot, target)
            else:
                self._next(item, frames, target)

    def _next(self, item: CXCursor, frames: list[_Frame], target: _Target) -> None:
        """Give ``item`` to the element that comes next; C ignores what is too much."""
        slot = self._advance(frames, target)
        if slot is not None:
            self._place(item, slot, frames, target)

    def _advance(self, frames: list[_Frame], target: _Target) -> _Slot | None:
        while frames:
            frame = frames[-1]
            slot = self._element(frame.slot, frame.next, target)
            if slot is not None:
                frame.next += 1
                return slot
            frames.pop()
        return None

    def _element(self, outer: _Slot, index: int, target: _Target) -> _Slot | None:
        """Element or member number ``index`` of an aggregate, None past its end."""
        plain = bare(outer.type)
        if isinstance(plain, Array):
            if plain.count is not None and index >= plain.count:
                return None
            return _Slot(plain.of, outer.offset + index * size_of(plain.of))
        assert isinstance(plain, Record)
        members = _members(plain)
        if index >= len(members):
            return None
        return self._member_slot(outer, members[index], target)

    def _member_slot(self, outer: _Slot, member: Field, target: _Target) -> _Slot:
        plain = bare(outer.type)
        if isinstance(plain, Record) and plain.kind is RecordKind.UNION:
            target.enter(outer, member)
        return _Slot(member.type, outer.offset + member.bit_offset // 8, member)

    def _place(self, item: CXCursor, slot: _Slot, frames: list[_Frame], target: _Target) -> None:
        """Initialise ``slot``, going down while it is an aggregate that ``item`` is no value of."""
        while not self._takes(item, slot.type):
            frames.append(_Frame(slot))
            inner = self._advance(frames, target)
            if inner is None:
                return
            slot = inner
        if item.kind == kinds.Expr.INIT_LIST:
            self._list(item, slot, target)
        else:
            self._leaf(item, slot, target)

    def _takes(self, item: CXCursor, type_: Type) -> bool:
        """Whether ``item`` initialises an object of ``type_`` as a whole."""
        if item.kind == kinds.Expr.INIT_LIST or not _is_aggregate(type_):
            return True
        plain = bare(type_)
        if isinstance(plain, Record):
            return bare(self.type_of(item)) is plain
        if _is_characters(plain) and self._string_in(item) is not None:
            return True
        return self._is_array_literal(item, type_)

    def _is_array_literal(self, item: CXCursor, type_: Type) -> bool:
        return item.kind == kinds.Expr.COMPOUND_LITERAL and bare(self.type_of(item)) == bare(type_)

    def _string_in(self, cursor: CXCursor) -> CXCursor | None:
        """The string literal at ``cursor``, through parentheses."""
        while cursor.kind in (kinds.Expr.PAREN, kinds.Expr.UNEXPOSED):
            inner = self.expressions_in(cursor)
            if len(inner) != 1 or not self._is_array(cursor):
                return None
            cursor = inner[0]
        return cursor if cursor.kind == kinds.Expr.STRING else None

    def _is_array(self, cursor: CXCursor) -> bool:
        return isinstance(bare(self.types.of(self.lib.getCursorType(cursor))), Array)

    def _leaf(self, item: CXCursor, slot: _Slot, target: _Target) -> None:
        if isinstance(bare(slot.type), Array):
            value = self.expr(item)
            if isinstance(value, CompoundLiteral) and isinstance(value.init, InitList):
                for entry in value.init.entries:
                    moved = Init(slot.offset + entry.offset, entry.type, entry.value, entry.field)
                    target.entries.append(moved)
                return
            assert isinstance(value, StrLit)
            self._string_leaf(value, slot, target)
        elif isinstance(bare(slot.type), Record):
            value = self.value(item)
            assert not isinstance(value, Load) or bare(value.type) is bare(slot.type)
            target.forget(slot)
            target.entries.append(Init(slot.offset, slot.type, value))
        else:
            bits = slot.field if slot.field and slot.field.bit_width is not None else None
            value = self._scalar(item, slot.type)
            target.entries.append(Init(slot.offset, slot.type, value, bits))

    def _string_leaf(self, literal: StrLit, slot: _Slot, target: _Target) -> None:
        array = bare(slot.type)
        assert isinstance(array, Array)
        size = len(literal.data) if array.count is None else array.count
        fitted = StrLit(Array(array.of, size), literal.loc, pad(literal.data, size))
        target.forget(slot)
        target.entries.append(Init(slot.offset, fitted.type, fitted))

    # ------------------------------------------------------------ designators

    def _designated(self, item: CXCursor, slot: _Slot, target: _Target) -> list[_Frame]:
        """Initialise what the designators of ``item`` name; where to go on afterwards."""
        *designators, value = self.lib.children(item)
        frames: list[_Frame] = []
        steps = self._steps(item, designators, slot)
        self._follow(designators, steps, value, slot, frames, target)
        return frames

    def _steps(
        self, item: CXCursor, designators: list[CXCursor], slot: _Slot
    ) -> tuple[Designator, ...]:
        """What each designator is; only the printed text tells a range from two subscripts."""
        indexes = [d for d in designators if d.kind != Cursor.MEMBER_REF]
        if len(indexes) < 2:
            return tuple(
                Designator.MEMBER if d.kind == Cursor.MEMBER_REF else Designator.INDEX
                for d in designators
            )
        printed = list(self.printed.designators(item))
        # An anonymous level has a MEMBER_REF of its own, and no word in the text.
        steps: list[Designator] = []
        at = 0
        while at < len(designators):
            if designators[at].kind == Cursor.MEMBER_REF:
                steps.append(Designator.MEMBER)
                if self.lib.spelling(designators[at]):
                    printed.pop(0)
                at += 1
            else:
                step = printed.pop(0)
                steps.append(step)
                at += 2 if step is Designator.RANGE else 1
        return tuple(steps)

    def _follow(
        self,
        designators: list[CXCursor],
        steps: tuple[Designator, ...],
        value: CXCursor,
        slot: _Slot,
        frames: list[_Frame],
        target: _Target,
    ) -> None:
        if not steps:
            self._place(value, slot, frames, target)
            return
        step, *rest = steps
        self.types.need(slot.type)
        if step is Designator.MEMBER:
            record = bare(slot.type)
            assert isinstance(record, Record)
            wanted = self.types.field(self.lib.getCursorReferenced(designators[0]))
            for member in self.types.path(record, wanted):
                record = bare(slot.type)
                assert isinstance(record, Record)
                frames.append(_Frame(slot, self._position(record, member)))
                slot = self._member_slot(slot, member, target)
            self._follow(designators[1:], tuple(rest), value, slot, frames, target)
            return
        first = self.constant(designators[0], "this subscript")
        last = first
        used = 1
        if step is Designator.RANGE:
            last, used = self.constant(designators[1], "this subscript"), 2
        depth = len(frames)
        for index in range(first, last + 1):
            del frames[depth:]
            frames.append(_Frame(slot, index + 1))
            inner = self._element(slot, index, target)
            if inner is not None:
                self._follow(designators[used:], tuple(rest), value, inner, frames, target)

    @staticmethod
    def _position(record: Record, member: Field) -> int:
        """The number of the element that follows ``member``."""
        members = _members(record)
        return members.index(member) + 1 if member in members else len(members)
