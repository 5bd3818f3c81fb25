"""What a generated C text is made of: integer types, places, structures, functions, scopes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")

INTS = {
    **{"u32": (32, False), "s32": (32, True), "u64": (64, False), "s64": (64, True)},
    **{"u8": (8, False), "s8": (8, True), "u16": (16, False), "s16": (16, True)},
    **{"long": (64, True), "unsigned long": (64, False), "char": (8, True)},
    "_Bool": (1, False),
}
"""Width in bits and signedness of the integer types."""
PLAIN = tuple(name for name in INTS if name != "_Bool")
FIXED = ("u32", "s32", "u64", "s64", "u8", "s8", "u16", "s16")
WIDE = ("u32", "u64", "s32", "s64")

Pick = Callable[[Sequence[Any]], Any]


@dataclass(frozen=True, slots=True)
class Value:
    """An expression, in parentheses where it needs them, and how wide it is after promotion."""

    text: str
    wide: bool
    """Whether it has 64 bits, not 32."""


@dataclass(frozen=True, slots=True)
class Place:
    """Something that holds an integer."""

    text: str
    type: str
    bits: int = 0
    """Width of a bit-field, 0 for none."""
    aligned: bool = True
    """Whether a pointer to it may be used."""

    @property
    def wide(self) -> bool:
        """Whether its value has 64 bits after promotion."""
        return (self.bits or INTS[self.type][0]) > 32

    @property
    def only_clang(self) -> bool:
        """gcc computes with bit-fields wider than int in their own width; clang promotes them."""
        return self.bits > 32

    @property
    def pointable(self) -> bool:
        """Whether its address can be taken for a pointer to its type."""
        return self.aligned and not self.bits and self.type != "_Bool"

    def inside(self, outer: str, *, aligned: bool = True) -> Place:
        """The same, as a member of ``outer`` ("s." or "p->")."""
        return Place(outer + self.text, self.type, self.bits, self.aligned and aligned)


@dataclass
class Member:
    """A member of a structure: its name ("" for an anonymous one) and the integers in it."""

    name: str
    text: str
    places: list[Place]
    """Written as behind the dot."""
    first: list[Place]
    """Those of ``places`` that an initialiser may name: of a union only what fills it."""
    array: tuple[str, int] | None = None
    """Element type and length of an array of integers."""


@dataclass
class Record:
    """A structure of the program."""

    name: str
    members: list[Member]
    packed: bool

    @property
    def places(self) -> list[Place]:
        """All its integers."""
        return [place for member in self.members for place in member.places]

    def inside(self, outer: str) -> list[Place]:
        """All its integers, as members of ``outer``."""
        return [place.inside(outer, aligned=not self.packed) for place in self.places]


@dataclass(frozen=True)
class Function:
    """A function of the program: what it takes and gives, "" for nothing."""

    name: str
    parameters: tuple[str, ...]
    """Types: integers, ``struct NAME``, ``struct NAME *``, ``T *``."""
    result: str

    @property
    def takes_pointer(self) -> bool:
        """Whether a parameter is a pointer."""
        return any(type_.endswith("*") for type_ in self.parameters)


@dataclass
class Scope:
    """What statements may use."""

    places: list[Place] = field(default_factory=list)
    fixed: list[Place] = field(default_factory=list)
    """Places that may be read only: loop counters."""
    arrays: list[tuple[str, str, int]] = field(default_factory=list)
    """Name, element type and length (a power of two) of arrays."""
    records: list[tuple[str, Record]] = field(default_factory=list)
    pointers: list[tuple[str, str]] = field(default_factory=list)
    """Name of a pointer that is valid, and what it points to."""

    def inner(self) -> Scope:
        """A scope for a block: what it adds is gone behind it."""
        return Scope(
            [*self.places], [*self.fixed], [*self.arrays], [*self.records], [*self.pointers]
        )


@dataclass
class World:
    """What one program has outside its functions, and where choices come from."""

    source: Pick
    records: list[Record] = field(default_factory=list)
    functions: list[Function] = field(default_factory=list)
    tables: list[tuple[str, str, int]] = field(default_factory=list)
    globals: list[Place] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    scratch: list[str] = field(default_factory=list)
    """Declarations that the function being written needs at its start."""
    fresh: list[Place] = field(default_factory=list)
    """What these declare: read no earlier than in the next statement."""
    budget: int = 0
    """How many more operators may be written."""
    only_clang: bool = False
    """Whether gcc may give another result."""
    stateful: bool = False
    """Whether the function being written may keep something from one call to the next."""
    prefix: str = ""
    _serial: int = 0

    def pick(self, options: Sequence[T]) -> T:
        """One of the options; the first is the simplest."""
        return self.source(options)  # type: ignore[no-any-return]

    def name(self, kind: str) -> str:
        """A name that is new."""
        self._serial += 1
        return f"{self.prefix}{kind}{self._serial}"

    def read(self, place: Place) -> Value:
        """The value of a place."""
        if place.only_clang:
            if self.pick((False, True)):
                return Value(f"((u64){place.text})", wide=True)
            self.only_clang = True
        return Value(place.text, place.wide)
