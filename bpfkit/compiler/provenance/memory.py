"""Loads, stores and copies on what the analysis knows of memory: the cells of stack objects."""

from __future__ import annotations

from collections.abc import Iterable

from ..ctype import Pointer, Record, Type, bare, size_of
from .decide import ContextKind
from .entries import Context
from .plan import Access
from .values import (
    NOTHING,
    SCALAR,
    SCALARS,
    UNTYPEDS,
    USERS,
    VISIBLES,
    ZERO,
    Atom,
    Atoms,
    Kind,
    StackObject,
    btf,
    is_user,
    normal_offset,
)

MAX_FILLED = 4096  # bytes that are filled cell by cell; more than a BPF stack can hold
MAX_OFFSETS = 16  # places in one object that are told apart; a function has no more arguments
PACKET_FIELDS = ("data", "data_end", "data_meta")


class Memory:
    """The memory of one program under analysis; ``changed`` tells that something was learnt."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.changed = True

    def learn(self, known: set[Atom], new: Iterable[Atom]) -> None:
        """Add ``new`` to ``known``.

        A pointer that is moved again and again, as in ``p++``, would be somewhere else each time:
        beyond `MAX_OFFSETS` it may be anywhere.
        """
        for atom in new:
            if atom not in known:
                if atom.offset is not None and _offsets(known, atom) >= MAX_OFFSETS:
                    atom = atom._replace(offset=None)
                self.changed |= atom not in known
                known.add(atom)

    # ------------------------------------------------------------ cells

    def write(self, obj: StackObject, offset: int | None, value: Atoms) -> None:
        """Store ``value`` at ``offset`` of ``obj``; older values stay possible."""
        if not value:
            return
        place = normal_offset(obj.type, offset)
        cell = obj.cells.get(place)
        if cell is None:
            cell = obj.cells[place] = set()
        self.learn(cell, value)

    def read(self, obj: StackObject, offset: int | None) -> Atoms:
        """What may be at ``offset`` of ``obj``."""
        place = normal_offset(obj.type, offset)
        if place is None:
            return NOTHING.union(*obj.cells.values())
        return NOTHING.union(obj.cells.get(place, ()), obj.cells.get(None, ()))

    def fill(
        self, obj: StackObject, offset: int | None, size: int | None, value: Atoms = SCALARS
    ) -> None:
        """``size`` bytes of numbers go to ``offset``; None is all the rest of the object."""
        if size is None and offset is not None:
            size = max(size_of(obj.type) - offset, 0)
        if offset is None or size is None or size > MAX_FILLED:
            self.write(obj, None, value)
            return
        step = 8 if offset % 8 == 0 else 1
        for place in {normal_offset(obj.type, at) for at in range(offset, offset + size, step)}:
            self.write(obj, place, value)

    def fill_arguments(self, values: Iterable[Atoms]) -> None:
        """Numbers go everywhere into the stack objects that a call gets the address of."""
        for value in values:
            for atom in value:
                if atom.object is not None:
                    self.fill(atom.object, 0, None)

    # ------------------------------------------------------------ through addresses

    def store(self, addresses: Atoms, value: Atoms) -> None:
        """Store a scalar. What is stored outside the stack is forgotten, as the verifier does."""
        for atom in addresses:
            if atom.object is not None:
                self.write(atom.object, atom.offset, value)

    def load(self, addresses: Atoms, type_: Type, access: Access) -> Atoms:
        """The value of a scalar of ``type_`` at ``addresses``."""
        values: set[Atom] = set()
        for atom in addresses:
            values |= self._load_one(atom, type_, access)
        through_helper = access in (Access.EXTERNAL, Access.MIXED)
        if through_helper and not is_user(addresses) and any(a is not ZERO for a in addresses):
            values.add(SCALAR)  # what a helper read has no type left
        return frozenset(values)

    def _load_one(self, atom: Atom, type_: Type, access: Access) -> Atoms:
        match atom.kind:
            case Kind.ZERO:
                return NOTHING
            case Kind.STACK if atom.object is not None:
                return self.read(atom.object, atom.offset)
            case Kind.CONTEXT:
                return self._load_context(atom, type_)
            case Kind.USER if size_of(type_) == 8:
                return USERS  # pointers in user memory lead to user memory
            case Kind.BTF if access is Access.BTF:
                record = _pointee(type_)
                return SCALARS if record is None else frozenset({btf(record)})
        return SCALARS

    def _load_context(self, atom: Atom, type_: Type) -> Atoms:
        is_pointer = isinstance(bare(type_), Pointer)
        match self.context.kind:
            case ContextKind.BTF:
                return self._word(atom)
            case ContextKind.USER:
                return USERS if size_of(type_) == 8 else SCALARS
            case ContextKind.ITER if is_pointer:
                record = _pointee(type_)
                return VISIBLES if record is None else frozenset({btf(record)})
            case ContextKind.DEVICE if is_pointer or _is_packet_field(atom):
                return VISIBLES
        return SCALARS

    def _word(self, atom: Atom) -> Atoms:
        """An argument of the function that the program is attached to."""
        words = self.context.words
        if not words:
            return UNTYPEDS
        if atom.offset is None:
            return NOTHING.union(*words)
        index = atom.offset // 8
        return words[index] if 0 <= index < len(words) else SCALARS

    def copy(self, to: Atoms, source: Atoms, size: int | None, access: Access) -> None:
        """Copy a record, or ``size`` bytes (None: unknown)."""
        for target in to:
            if target.object is not None:
                self._copy_into(target, target.object, source, size, access)

    def _copy_into(
        self, to: Atom, obj: StackObject, source: Atoms, size: int | None, access: Access
    ) -> None:
        direct = access is Access.DIRECT
        for atom in source:
            if atom.object is not None and direct:
                self._copy_cells(to, obj, atom, atom.object, size)
            elif atom.kind is not Kind.ZERO:
                value = USERS if atom.kind is Kind.USER else SCALARS
                self.fill(obj, to.offset, size, value)

    def _copy_cells(
        self, to: Atom, obj: StackObject, source: Atom, other: StackObject, size: int | None
    ) -> None:
        start = source.offset
        for offset, cell in list(other.cells.items()):
            value = frozenset(cell)
            if offset is None or start is None:
                self.write(obj, None, value)
            elif start <= offset and (size is None or offset < start + size):
                inside = None if to.offset is None else to.offset + offset - start
                self.write(obj, inside, value)


def _offsets(known: Iterable[Atom], atom: Atom) -> int:
    """At how many places in the object of ``atom`` the addresses of ``known`` are."""
    anywhere = atom._replace(offset=None)
    return sum(other._replace(offset=None) == anywhere for other in known)


def _pointee(type_: Type) -> Record | None:
    """The complete record that ``type_`` points to."""
    pointer = bare(type_)
    if not isinstance(pointer, Pointer):
        return None
    record = bare(pointer.to)
    return record if isinstance(record, Record) and record.complete and record.size else None


def _is_packet_field(atom: Atom) -> bool:
    """Whether the address is that of ``data``, ``data_end`` or ``data_meta`` of the context."""
    if atom.record is None or atom.offset is None:
        return False
    return any(
        f.name in PACKET_FIELDS and f.bit_width is None and f.offset == atom.offset
        for f in atom.record.fields
    )
