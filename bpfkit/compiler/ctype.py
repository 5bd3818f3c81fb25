"""The C types of a translation unit, as data.

The frontend builds them from libclang's, once per distinct type, so identity is equality for
records, enums and typedefs. Layouts (sizes, offsets) are libclang's own for the target and are
never computed twice. Sizes are in bytes, bit offsets and widths in bits. ``Typedef`` and ``Qual``
are sugar: ask `bare` for the type below them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Type:
    """Base of every C type."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Void(Type):
    """``void``."""


@dataclass(frozen=True, slots=True)
class Int(Type):
    """An integer type by its C spelling: ``unsigned int``, ``char``, ``_Bool``, ``__int128`` …"""

    name: str
    size: int
    signed: bool

    @property
    def is_bool(self) -> bool:
        """Whether this is ``_Bool``, whose conversions compare with zero."""
        return self.name == "_Bool"


@dataclass(frozen=True, slots=True)
class Float(Type):
    """A floating type: it can be named, never computed with."""

    name: str
    size: int


@dataclass(eq=False, slots=True)
class Enum(Type):
    """An enumeration with its underlying integer type."""

    name: str  # "" when anonymous
    underlying: Int
    constants: list[tuple[str, int]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Pointer(Type):
    """A pointer. ``address_space`` 1 is an arena; ``tags`` are the BTF type tags of what it points
    to, as ``btf_type_tag`` gives them, in the order of the text.
    """

    to: Type
    address_space: int = 0
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Array(Type):
    """An array; ``count`` is None for a flexible or incomplete one."""

    of: Type
    count: int | None


@dataclass(frozen=True, slots=True)
class Function(Type):
    """A function type."""

    result: Type
    params: tuple[Type, ...]
    variadic: bool = False


@dataclass(eq=False, slots=True)
class Field:
    """A member of a record. ``name`` is "" for an anonymous struct or union, and for padding
    bit-fields.
    """

    name: str
    type: Type
    bit_offset: int
    # Among the record's fields as debug info counts them: unnamed bit-fields are skipped (-1).
    index: int
    bit_width: int | None = None
    record: Record | None = None  # the record that declares it
    tags: tuple[str, ...] = ()  # attributes btf_decl_tag("…")

    @property
    def offset(self) -> int:
        """Byte offset of a field that is not a bit-field."""
        return self.bit_offset // 8


class RecordKind(StrEnum):
    """Which keyword declared the record."""

    STRUCT = "struct"
    UNION = "union"


@dataclass(eq=False, slots=True)
class Record(Type):
    """A struct or union. The frontend fills ``fields`` when the definition is first needed."""

    kind: RecordKind
    name: str  # the tag, "" when anonymous
    size: int = 0
    align: int = 1
    complete: bool = False
    fields: list[Field] = field(default_factory=list)
    packed: bool = False
    relocatable: bool = False  # preserve_access_index: accesses become CO-RE relocations
    annotations: tuple[str, ...] = ()  # attribute annotate("…") of the record (packet structs)
    tags: tuple[str, ...] = ()  # attributes btf_decl_tag("…")
    loc: object = None

    def __repr__(self) -> str:
        return f"<{self.kind} {self.name or '(anonymous)'}>"


@dataclass(eq=False, slots=True)
class Typedef(Type):
    """A name for another type. ``tags`` are its attributes ``btf_decl_tag("…")``."""

    name: str
    to: Type
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Qual(Type):
    """A qualified type. ``const`` serves debug info, ``volatile`` loads and stores too."""

    to: Type
    const: bool = False
    volatile: bool = False


VOID = Void()
CHAR = Int("char", 1, True)
INT = Int("int", 4, True)
UINT = Int("unsigned int", 4, False)
LONG = Int("long", 8, True)
ULONG = Int("unsigned long", 8, False)
U8 = Int("unsigned char", 1, False)
U16 = Int("unsigned short", 2, False)
U32 = UINT
U64 = Int("unsigned long long", 8, False)
VOID_PTR = Pointer(VOID)


def bare(t: Type) -> Type:
    """Strip typedefs and qualifiers from the outside of ``t``."""
    while isinstance(t, (Typedef, Qual)):
        t = t.to
    return t


def is_volatile(t: Type) -> bool:
    """Whether an object of type ``t`` is volatile."""
    while isinstance(t, (Typedef, Qual)):
        if isinstance(t, Qual) and t.volatile:
            return True
        t = t.to
    return False


def is_constant(t: Type) -> bool:
    """Whether an object of type ``t`` goes to read-only memory; ``const volatile`` does too."""
    while not isinstance(t, (Qual, Array)) and bare(t) is not t:
        t = getattr(t, "to", t)
    if isinstance(t, Qual):
        return t.const or is_constant(t.to)
    return isinstance(t, Array) and is_constant(t.of)


def size_of(t: Type) -> int:
    """``sizeof`` in bytes; 0 for void, functions, flexible arrays and incomplete records."""
    t = bare(t)
    match t:
        case Int() | Float() | Record():
            return t.size
        case Enum():
            return t.underlying.size
        case Pointer():
            return 8
        case Array():
            return (t.count or 0) * size_of(t.of)
    return 0


def align_of(t: Type) -> int:
    """Alignment in bytes."""
    t = bare(t)
    match t:
        case Record():
            return t.align
        case Array():
            return align_of(t.of)
        case Int() if t.size == 16:
            return 16
    return max(1, size_of(t))


def is_scalar(t: Type) -> bool:
    """Whether ``t`` is an integer, enum, pointer or floating type."""
    return isinstance(bare(t), (Int, Enum, Pointer, Float))


def is_integer(t: Type) -> bool:
    """Whether ``t`` is an integer or enum type."""
    return isinstance(bare(t), (Int, Enum))


def as_int(t: Type) -> Int:
    """The integer type that holds values of the integer, enum or pointer type ``t``."""
    t = bare(t)
    match t:
        case Int():
            return t
        case Enum():
            return t.underlying
        case Pointer():
            return ULONG
    raise TypeError(f"{t!r} is not an integer type")


def promote(t: Type, bit_width: int | None = None) -> Int:
    """Apply the integer promotions; ``bit_width`` is that of a bit-field operand (C11 6.3.1.1)."""
    i = as_int(t)
    if bit_width is not None and i.size <= 8:
        if bit_width < 32 or (bit_width == 32 and i.signed):
            return INT
        return UINT if bit_width == 32 else i
    return INT if i.size < 4 else i


def usual_arithmetic(a: Int, b: Int) -> Int:
    """The common type of two promoted integer operands (C11 6.3.1.8)."""
    if a.size != b.size:
        return a if a.size > b.size else b
    return b if a.signed else a
