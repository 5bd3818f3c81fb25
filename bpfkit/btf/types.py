"""The BPF Type Format as values: one frozen class for each kind, and `Btf`, a graph of them.

A type refers to another by its id; id 0 is void. `Btf` decodes a type the first time it is asked
for, so that a kernel's five megabytes cost only what is used. Sizes are in bytes, bit offsets and
widths in bits. Source: Documentation/bpf/btf.rst, include/uapi/linux/btf.h. Reading bytes is the
work of ``decode.py``, writing them that of ``encode.py``.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from ..errors import FormatError
from ..uapi.btf import BtfKind, FuncLinkage, VarLinkage
from .names import NameIndex

ByteOrder = Literal["little", "big"]


@dataclass(frozen=True, slots=True)
class Void:
    """Type id 0."""

    kind: ClassVar[BtfKind] = BtfKind.VOID
    name: str = ""


@dataclass(frozen=True, slots=True)
class Int:
    """An integer of ``size`` bytes.

    ``bits`` at ``offset`` are used; both are 8 * size and 0 except in old BTF.
    """

    kind: ClassVar[BtfKind] = BtfKind.INT
    name: str
    size: int
    bits: int
    signed: bool = False
    char: bool = False
    bool_: bool = False
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Float:
    """A floating point number of ``size`` bytes."""

    kind: ClassVar[BtfKind] = BtfKind.FLOAT
    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Ptr:
    """A pointer to ``type_id``."""

    kind: ClassVar[BtfKind] = BtfKind.PTR
    type_id: int
    name: str = ""


@dataclass(frozen=True, slots=True)
class Array:
    """``count`` elements of ``type_id``; ``index_id`` is the type of the index."""

    kind: ClassVar[BtfKind] = BtfKind.ARRAY
    type_id: int
    index_id: int
    count: int
    name: str = ""


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a record.

    ``bits`` is 0 unless it is a bit-field; ``bit_offset`` counts from the start.
    """

    name: str
    type_id: int
    bit_offset: int
    bits: int = 0


@dataclass(frozen=True, slots=True)
class Struct:
    """A structure; ``name`` is empty for an anonymous one."""

    kind: ClassVar[BtfKind] = BtfKind.STRUCT
    name: str
    size: int
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class Union:
    """A union; ``name`` is empty for an anonymous one."""

    kind: ClassVar[BtfKind] = BtfKind.UNION
    name: str
    size: int
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class Enumerator:
    """A name and its value, already signed or unsigned as the enumeration says."""

    name: str
    value: int


@dataclass(frozen=True, slots=True)
class Enum:
    """An enumeration of up to 32 bits."""

    kind: ClassVar[BtfKind] = BtfKind.ENUM
    name: str
    size: int
    values: tuple[Enumerator, ...]
    signed: bool = False


@dataclass(frozen=True, slots=True)
class Enum64:
    """An enumeration with values of 64 bits."""

    kind: ClassVar[BtfKind] = BtfKind.ENUM64
    name: str
    size: int
    values: tuple[Enumerator, ...]
    signed: bool = False


@dataclass(frozen=True, slots=True)
class Fwd:
    """A declaration without a body."""

    kind: ClassVar[BtfKind] = BtfKind.FWD
    name: str
    union: bool = False


@dataclass(frozen=True, slots=True)
class Typedef:
    """Another name for ``type_id``."""

    kind: ClassVar[BtfKind] = BtfKind.TYPEDEF
    name: str
    type_id: int


@dataclass(frozen=True, slots=True)
class Volatile:
    """``volatile`` in front of ``type_id``."""

    kind: ClassVar[BtfKind] = BtfKind.VOLATILE
    type_id: int
    name: str = ""


@dataclass(frozen=True, slots=True)
class Const:
    """``const`` in front of ``type_id``."""

    kind: ClassVar[BtfKind] = BtfKind.CONST
    type_id: int
    name: str = ""


@dataclass(frozen=True, slots=True)
class Restrict:
    """``restrict`` in front of ``type_id``."""

    kind: ClassVar[BtfKind] = BtfKind.RESTRICT
    type_id: int
    name: str = ""


@dataclass(frozen=True, slots=True)
class Func:
    """A function; ``type_id`` is its prototype."""

    kind: ClassVar[BtfKind] = BtfKind.FUNC
    name: str
    type_id: int
    linkage: int = FuncLinkage.STATIC


@dataclass(frozen=True, slots=True)
class Param:
    """A parameter; a last one without name and with type 0 stands for ``...``."""

    name: str
    type_id: int


@dataclass(frozen=True, slots=True)
class FuncProto:
    """A prototype that returns ``type_id``."""

    kind: ClassVar[BtfKind] = BtfKind.FUNC_PROTO
    type_id: int
    params: tuple[Param, ...]
    name: str = ""


@dataclass(frozen=True, slots=True)
class Var:
    """A global variable."""

    kind: ClassVar[BtfKind] = BtfKind.VAR
    name: str
    type_id: int
    linkage: int = VarLinkage.STATIC


@dataclass(frozen=True, slots=True)
class SecVar:
    """Where a variable lies in its section."""

    type_id: int
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Datasec:
    """An ELF section with its variables."""

    kind: ClassVar[BtfKind] = BtfKind.DATASEC
    name: str
    size: int
    variables: tuple[SecVar, ...]


@dataclass(frozen=True, slots=True)
class DeclTag:
    """A tag on a declaration; ``component`` is a member or parameter, -1 the declaration itself."""

    kind: ClassVar[BtfKind] = BtfKind.DECL_TAG
    name: str
    type_id: int
    component: int = -1
    attribute: bool = False


@dataclass(frozen=True, slots=True)
class TypeTag:
    """A tag on a type."""

    kind: ClassVar[BtfKind] = BtfKind.TYPE_TAG
    name: str
    type_id: int
    attribute: bool = False


Record = Struct | Union
Type = (
    Void
    | Int
    | Float
    | Ptr
    | Array
    | Struct
    | Union
    | Enum
    | Enum64
    | Fwd
    | Typedef
    | Volatile
    | Const
    | Restrict
    | Func
    | FuncProto
    | Var
    | Datasec
    | DeclTag
    | TypeTag
)

VOID = Void()
# A tuple made once: writing the union in the loop would build it anew for every step.
_TRANSPARENT = (Typedef, Volatile, Const, Restrict, TypeTag)
MAX_DEPTH = 64
"""How many modifiers, typedefs and arrays may stand around one type."""


class Btf:
    """The types of one kernel, module or object.

    ``raw`` is the whole blob with its header. A split BTF continues the ids and the string offsets
    of ``base``. Made by ``decode.decode``; ``words`` is the type section as 32-bit words in host
    order, ``starts`` the first word of each type, and ``read`` decodes the type at a word.
    """

    __slots__ = (
        "_cache",
        "_index_of_names",
        "_read",
        "_starts",
        "_words",
        "base",
        "byteorder",
        "raw",
        "strings",
    )

    def __init__(
        self,
        raw: bytes,
        *,
        strings: bytes,
        words: array[int],
        starts: array[int],
        read: Callable[[Btf, array[int], int], Type],
        byteorder: ByteOrder = "little",
        base: Btf | None = None,
    ) -> None:
        self.raw = raw
        self.strings = strings
        self.byteorder = byteorder
        self.base = base
        self._words = words
        self._starts = starts
        self._read = read
        self._cache: dict[int, Type] = {}
        self._index_of_names: NameIndex | None = None

    @property
    def first_id(self) -> int:
        """The first id that belongs to this BTF and not to its base."""
        return len(self.base) if self.base is not None else 1

    @property
    def first_string(self) -> int:
        """The string offset at which ``strings`` begins."""
        base = self.base
        return base.first_string + len(base.strings) if base is not None else 0

    def __len__(self) -> int:
        """The number of ids, void and those of the base included: every id is below it."""
        return self.first_id + len(self._starts)

    def __iter__(self) -> Iterator[tuple[int, Type]]:
        """Give every type of this BTF, those of its base left out."""
        for type_id in self.own_ids():
            yield type_id, self.type(type_id)

    def own_ids(self) -> range:
        """The ids that belong to this BTF and not to its base."""
        return range(self.first_id, len(self))

    def string(self, offset: int) -> str:
        """Return the string at ``offset``.

        Raises FormatError when it lies outside or is not terminated.
        """
        start = self.first_string
        if offset < start and self.base is not None:
            return self.base.string(offset)
        end = self.strings.find(b"\0", offset - start)
        if end < 0:
            raise FormatError(f"string offset {offset} is outside the BTF strings")
        return self.strings[offset - start : end].decode("utf-8", "surrogateescape")

    def type(self, type_id: int) -> Type:
        """Return the type with this id.

        Raises FormatError when there is none or its record is broken.
        """
        found = self._cache.get(type_id)
        if found is not None:
            return found
        if type_id == 0:
            return VOID
        index = self._index(type_id)
        if index < 0 and self.base is not None:
            return self.base.type(type_id)
        found = self._read(self, self._words, self._starts[index])
        self._cache[type_id] = found
        return found

    def kind(self, type_id: int) -> BtfKind:
        """Return the kind of a type without decoding it."""
        if type_id == 0:
            return BtfKind.VOID
        index = self._index(type_id)
        if index < 0 and self.base is not None:
            return self.base.kind(type_id)
        # The scan has already refused every kind that is not in the enumeration.
        return BtfKind(self._words[self._starts[index] + 1] >> 24 & 0x7F)

    def name(self, type_id: int) -> str:
        """Return the name of a type without decoding it; empty when it has none."""
        if type_id == 0:
            return ""
        index = self._index(type_id)
        if index < 0 and self.base is not None:
            return self.base.name(type_id)
        return self.string(self._words[self._starts[index]])

    def by_name(self, name: str, kinds: Collection[BtfKind] | None = None) -> list[int]:
        """Return the ids of the types called ``name``, lowest first, of ``kinds`` when given.

        The types of the base come first. Enumerators and members are not types.
        """
        found = self.base.by_name(name, kinds) if self.base is not None else []
        index = self._names()
        own = [i for offset in self._offsets(name) for i in index.types_at(offset)]
        if len(own) > 1:
            own.sort()
        if kinds is None:
            return found + own
        return found + [i for i in own if self.kind(i) in kinds]

    def by_enumerator(self, name: str) -> int | None:
        """Return the id of an enumeration that has the enumerator ``name``, the lowest one."""
        found = self.base.by_enumerator(name) if self.base is not None else None
        if found is not None:
            return found
        index = self._names()
        own = [index.enum_at(offset) for offset in self._offsets(name)]
        return min((i for i in own if i is not None), default=None)

    def resolve(self, type_id: int) -> tuple[int, Type]:
        """Step over typedefs and modifiers. Raises FormatError when they form a loop."""
        for _ in range(MAX_DEPTH):
            found = self.type(type_id)
            if not isinstance(found, _TRANSPARENT):
                return type_id, found
            type_id = found.type_id
        raise FormatError(f"more than {MAX_DEPTH} typedefs and modifiers at BTF type {type_id}")

    def _index(self, type_id: int) -> int:
        """Index into ``_starts``; negative for a type of the base."""
        index = type_id - self.first_id
        if type_id < 0 or index >= len(self._starts):
            raise FormatError(f"there is no BTF type {type_id}")
        return index

    def _offsets(self, name: str) -> list[int]:
        """All offsets at which ``name`` may be referred to, those of the bases included."""
        found = self.base._offsets(name) if self.base is not None else []
        return found + self._names().offsets_of(name)

    def _names(self) -> NameIndex:
        if self._index_of_names is None:
            self._index_of_names = NameIndex(
                self.strings, self.first_string, self._words, self._starts, self.first_id
            )
        return self._index_of_names
