"""What a value may be: atoms, the stack objects they point into, and what is stored there.

The provenance of a value, pointer or integer, is a set of atoms; joining is union and the empty set
is "no value seen yet". Atoms mirror the verifier's register types. Only stack objects remember what
was stored in them: whatever is loaded from elsewhere is a scalar to the verifier, so nothing else
need be tracked.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from ..ctype import Array, Pointer, Record, RecordKind, Type, bare, size_of
from ..tree import FunctionDecl


class Kind(Enum):
    """The kinds of atoms."""

    SCALAR = "S"  # an external address or a plain number
    USER = "U"  # a number that, where it is an address, is one of user memory
    ZERO = "N"  # the constant 0
    STACK = "L"  # an address inside a stack object
    VISIBLE = "V"  # memory that programs access directly: map value, packet, ring buffer record …
    CONTEXT = "C"  # the program's context
    BTF = "B"  # a pointer to a kernel object that the verifier knows the type of
    FUNCTION = "F"  # a function


@dataclass(eq=False, slots=True)
class StackObject:
    """A variable or a literal. ``cells`` maps byte offsets (None: unknown) to values."""

    type: Type
    name: str
    cells: dict[int | None, set[Atom]] = field(default_factory=dict)

    def __repr__(self) -> str:
        return self.name


class Atom(NamedTuple):
    """One thing a value may be. ``offset`` in bytes, None when unknown.

    A BTF atom without ``record`` is an object whose type the first cast to a record pointer tells;
    ``bound`` is the record's name in the kernel's types where that is known. `OWNED` stands for an
    object that may be one of the program's own types.
    """

    kind: Kind
    object: StackObject | None = None
    record: Record | None = None
    function: FunctionDecl | None = None
    offset: int | None = None
    bound: str = ""


OWNED = "(owned)"
SCALAR = Atom(Kind.SCALAR)
USER = Atom(Kind.USER)
ZERO = Atom(Kind.ZERO)
VISIBLE = Atom(Kind.VISIBLE)
UNTYPED = Atom(Kind.BTF, offset=0)

Atoms = frozenset[Atom]
NOTHING: Atoms = frozenset()
SCALARS: Atoms = frozenset({SCALAR})
USERS: Atoms = frozenset({USER})
ZEROS: Atoms = frozenset({ZERO})
VISIBLES: Atoms = frozenset({VISIBLE})
UNTYPEDS: Atoms = frozenset({UNTYPED})
OWNEDS: Atoms = frozenset({Atom(Kind.BTF, offset=0, bound=OWNED)})


def stack(obj: StackObject, offset: int | None = 0) -> Atom:
    """The address ``offset`` bytes into ``obj``."""
    return Atom(Kind.STACK, object=obj, offset=offset)


def context(record: Record | None) -> Atom:
    """The context, of type ``record`` when it has one."""
    return Atom(Kind.CONTEXT, record=record, offset=0)


def btf(record: Record) -> Atom:
    """A kernel object of type ``record``."""
    return Atom(Kind.BTF, record=record, offset=0)


def bound(name: str) -> Atom:
    """A kernel object of the record that the kernel's types call ``name``."""
    return Atom(Kind.BTF, offset=0, bound=name)


def is_user(atoms: Iterable[Atom]) -> bool:
    """Whether an address of ``atoms`` can only be one of user memory."""
    kinds = {a.kind for a in atoms}
    return Kind.USER in kinds and kinds <= {Kind.USER, Kind.ZERO}


def is_plain(atoms: Iterable[Atom]) -> bool:
    """Whether there is no pointer among ``atoms``."""
    return all(a.kind in (Kind.SCALAR, Kind.USER, Kind.ZERO) for a in atoms)


# ---------------------------------------------------------------- what pointer types say

USER_TAG = "user"
KPTR_TAGS = ("kptr", "kptr_untrusted", "percpu_kptr", "uptr")


def is_user_pointer(t: Type) -> bool:
    """Whether pointers of type ``t`` are declared ``__user``."""
    pointer = bare(t)
    return isinstance(pointer, Pointer) and USER_TAG in pointer.tags


def is_kptr(t: Type) -> bool:
    """Whether ``t`` is a pointer that a map value may keep with its type."""
    pointer = bare(t)
    return isinstance(pointer, Pointer) and any(tag in KPTR_TAGS for tag in pointer.tags)


def is_arena(t: Type) -> bool:
    """Whether ``t`` is a pointer into an arena: memory that programs access directly."""
    pointer = bare(t)
    return isinstance(pointer, Pointer) and pointer.address_space != 0


# ---------------------------------------------------------------- offsets


def normal_offset(type_: Type, offset: int | None) -> int | None:
    """``offset`` into an object of ``type_``, with every array index on the way reduced to 0.

    That keeps the offsets of a walk through an array finite. Out of range gives None (unknown).
    """
    if offset is None or not 0 <= offset < max(size_of(type_), 1):
        return None
    base = 0
    inside = bare(type_)
    while True:
        if isinstance(inside, Array):
            step = size_of(inside.of)
            if step == 0:
                return None
            offset %= step
            inside = bare(inside.of)
        elif isinstance(inside, Record) and inside.kind is not RecordKind.UNION:
            member = _member_at(inside, offset)
            if member is None:
                return base + offset
            base += member[0]
            offset -= member[0]
            inside = bare(member[1])
        else:
            return base + offset


def _member_at(record: Record, offset: int) -> tuple[int, Type] | None:
    """(offset, type) of the member that byte ``offset`` belongs to."""
    for member in record.fields:
        if member.bit_width is not None:
            continue
        if member.offset <= offset < member.offset + size_of(member.type):
            return member.offset, member.type
    return None


def normalised(atom: Atom) -> Atom:
    """``atom`` with the offset of a stack address normalised."""
    if atom.object is None:
        return atom
    offset = normal_offset(atom.object.type, atom.offset)
    return atom if offset == atom.offset else atom._replace(offset=offset)


_MOVED = (Kind.STACK, Kind.CONTEXT, Kind.BTF)


def shift(atoms: Iterable[Atom], distance: int | None) -> Atoms:
    """The addresses ``distance`` bytes further; None is an unknown distance.

    Behind a step back the place in a kernel's object counts as unknown: LLVM makes the step part of
    the load, and JITs of x86 up to 6.1 read 0 where a typed load's own offset is negative.
    """
    moved = set()
    for atom in atoms:
        if atom.kind in _MOVED and distance != 0:
            offset = None
            if atom.offset is not None and distance is not None:
                back = atom.kind is Kind.BTF and distance < 0
                offset = None if back else atom.offset + distance
            atom = normalised(atom._replace(offset=offset))
        moved.add(atom)
    return frozenset(moved)


def shift_elements(atoms: Iterable[Atom], count: int | None, size: int) -> Atoms:
    """The addresses ``count`` elements of ``size`` bytes further; None is a variable number.

    A variable step inside an array of such elements stays where it is, since all elements are one.
    """
    if count is not None:
        return shift(atoms, count * size)
    moved = set()
    for atom in atoms:
        if atom.kind in _MOVED and not (atom.kind is Kind.STACK and _is_element(atom, size)):
            atom = atom._replace(offset=None)
        moved.add(atom)
    return frozenset(moved)


def _is_element(atom: Atom, size: int) -> bool:
    """Whether the address is in an array whose elements have ``size`` bytes."""
    if atom.object is None or atom.offset is None:
        return False
    here = normal_offset(atom.object.type, atom.offset)
    for neighbour in (atom.offset + size, atom.offset - size):
        there = normal_offset(atom.object.type, neighbour)
        if there is not None and there == here:
            return True
    return False


def has_part(record: Type, offset: int, part: Record) -> bool:
    """Whether an object of type ``record`` has a ``part`` at byte ``offset``."""
    inside = bare(record)
    if isinstance(inside, Array):
        step = size_of(inside.of)
        return step > 0 and offset < size_of(inside) and has_part(inside.of, offset % step, part)
    if not isinstance(inside, Record):
        return False
    if offset == 0 and same_record(inside, part):
        return True
    for member in inside.fields:
        if member.bit_width is None and isinstance(bare(member.type), (Record, Array)):
            start = member.offset
            if start <= offset < start + max(size_of(member.type), 1) and has_part(
                member.type, offset - start, part
            ):
                return True
    return False


def same_record(a: Record, b: Record) -> bool:
    """Whether two records are one type."""
    return a is b or (a.name != "" and a.name == b.name and a.kind == b.kind)
