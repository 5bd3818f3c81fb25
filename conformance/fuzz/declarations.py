"""Random C structures: their text, the BTF that says the same, values for them, and C statements
that fill and copy them member by member.

`declare` picks a structure from a stream of choices. Sizes and offsets follow the rules of the
System V ABI, written down here once more so that compilers have something to disagree with.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .world import Pick

Value = Any
MAX_LEAVES = 60
_NOT_IN_UNIONS = ("bool", "float")
"""Kinds that do not keep every bit when they are read and written again."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """A type of one value, as C spells it."""

    text: str
    size: int
    kind: str
    signed: bool = False
    constants: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Array:
    """``count`` elements, char arrays too."""

    element: Type
    count: int


@dataclass(slots=True)
class Member:
    """A member; ``bits`` is 0 unless it is a bit-field. An empty name is an anonymous record."""

    name: str
    type: Type
    bits: int = 0
    aligned: int = 0
    at: int = 0
    """Bit offset in its record, once laid out."""


@dataclass(slots=True)
class Record:
    """A structure or union."""

    tag: str
    union: bool
    members: list[Member] = field(default_factory=list)
    packed: bool = False
    aligned: int = 0
    size: int = 0
    align: int = 1

    @property
    def keyword(self) -> str:
        """C's word for it."""
        return "union" if self.union else "struct"


Type = Scalar | Array | Record

CHAR = Scalar("char", 1, "char", signed=True)
SCALARS: tuple[Scalar, ...] = (
    Scalar("u32", 4, "int"),
    Scalar("u8", 1, "int"),
    Scalar("u16", 2, "int"),
    Scalar("u64", 8, "int"),
    Scalar("s8", 1, "int", signed=True),
    Scalar("s16", 2, "int", signed=True),
    Scalar("s32", 4, "int", signed=True),
    Scalar("s64", 8, "int", signed=True),
    Scalar("_Bool", 1, "bool"),
    Scalar("void *", 8, "pointer"),
    Scalar("unsigned __int128", 16, "int"),
    Scalar("__int128", 16, "int", signed=True),
    Scalar("float", 4, "float"),
    Scalar("double", 8, "float"),
)
FLOATS = (0.0, 1.5, -2.25, 1024.0, 2.0**40, -0.5)


def align_of(type_: Type) -> int:
    """Return the alignment of a type in bytes."""
    match type_:
        case Scalar(size=size):
            return size
        case Array(element=element):
            return align_of(element)
        case Record(align=align):
            return align


def size_of(type_: Type) -> int:
    """Return the size of a type in bytes."""
    match type_:
        case Scalar(size=size):
            return size
        case Array(element=element, count=count):
            return size_of(element) * count
        case Record(size=size):
            return size


def lay_out(record: Record) -> None:
    """Give every member its place, and the record its size and alignment."""
    at = end = 0
    align = 1
    for member in record.members:
        at = 0 if record.union else at
        own = 1 if record.packed else align_of(member.type)
        own = max(own, member.aligned)
        width = member.bits or 8 * size_of(member.type)
        if not member.bits:
            at = _up(at, 8 * own)
        elif not record.packed:
            unit = 8 * size_of(member.type)
            if at // unit != (at + width - 1) // unit:
                at = _up(at, unit)
        member.at = at
        at += width
        end = max(end, at)
        align = max(align, own)
    record.align = max(align, record.aligned)
    record.size = _up(_up(end, 8) // 8, record.align)


def _up(value: int, unit: int) -> int:
    return -(-value // unit) * unit


def declare(pick: Pick, prefix: str = "") -> Record:
    """Pick a structure. All its names begin with ``prefix``."""
    return _Picker(pick, prefix).record(0, exact=False)


class _Picker:
    def __init__(self, pick: Pick, prefix: str) -> None:
        self._pick = pick
        self._prefix = prefix
        self._named = 0
        self._left = MAX_LEAVES

    def _name(self, word: str) -> str:
        self._named += 1
        return f"{self._prefix}{word}{self._named}"

    def record(self, depth: int, *, exact: bool, anonymous: bool = False) -> Record:
        """Pick a record; in a union (``exact``) it has only members that keep every bit."""
        union = bool(depth) and self._pick((False, False, True))
        packed = self._pick((False, False, False, True))
        tag = "" if anonymous else self._name("t")
        made = Record(tag, union, packed=packed, aligned=self._pick((0, 0, 0, 0, 8, 32)))
        for _ in range(self._pick((1, 2, 3, 4, 5) if depth else (2, 3, 5, 7))):
            made.members.append(self._member(depth, exact=exact or union))
        lay_out(made)
        return made

    def _member(self, depth: int, *, exact: bool) -> Member:
        kind = self._pick(("scalar", "bits", "text", "array", "enum", "record", "anonymous"))
        if depth > 2 or self._left < 8:
            kind = "scalar"
        aligned = self._pick((0, 0, 0, 0, 0, 16))
        match kind:
            case "bits":
                return self._bit_field(exact=exact)
            case "record":
                inner = self.record(depth + 1, exact=exact)
                return Member(self._name("r"), self._counted(inner), aligned=aligned)
            case "anonymous":
                return Member("", self.record(depth + 1, exact=exact, anonymous=True))
            case "text":
                self._left -= 4
                return Member(self._name("c"), Array(CHAR, self._pick((1, 4, 5))), aligned=aligned)
            case "array":
                element = self._scalar(exact=exact)
                inner_array: Type = Array(element, self._pick((1, 2, 3)))
                self._left -= 4
                if self._pick((False, True)):
                    inner_array = Array(inner_array, 2)
                return Member(self._name("a"), inner_array, aligned=aligned)
            case "enum":
                return Member(self._name("e"), self._enum(), aligned=aligned)
        return Member(self._name("m"), self._scalar(exact=exact), aligned=aligned)

    def _counted(self, record: Record) -> Type:
        few = self._left > 30 and self._pick((False, False, True))
        self._left -= len(record.members) if few else 0
        return Array(record, 2) if few else record

    def _scalar(self, *, exact: bool) -> Scalar:
        self._left -= 1
        kinds = [s for s in SCALARS if not (exact and s.kind in _NOT_IN_UNIONS)]
        found: Scalar = self._pick(kinds)
        return found

    def _enum(self) -> Scalar:
        self._left -= 1
        signed = self._pick((False, True))
        name = self._name("k")
        values = ((f"{name}_a", 0), (f"{name}_b", -3 if signed else 7), (f"{name}_c", 100))
        return Scalar(f"enum {name}", 4, "enum", signed, values)

    def _bit_field(self, *, exact: bool) -> Member:
        self._left -= 1
        base: Scalar = self._pick(
            [s for s in SCALARS if s.size <= 8 and s.kind in ("int", "bool")][: 8 if exact else 9]
        )
        width = 1 if base.kind == "bool" else self._pick(range(1, 8 * base.size + 1))
        return Member(self._name("b"), base, bits=width)


def text_of(record: Record) -> str:
    """Write the declaration in C, enumerations before it."""
    enums = [_enum_text(found) for found in _scalars(record) if found.kind == "enum"]
    return "".join(dict.fromkeys(enums)) + _record_text(record) + ";\n"


def _scalars(type_: Type) -> Iterator[Scalar]:
    match type_:
        case Scalar():
            yield type_
        case Array(element=element):
            yield from _scalars(element)
        case Record(members=members):
            for member in members:
                yield from _scalars(member.type)


def _enum_text(found: Scalar) -> str:
    constants = ", ".join(f"{name} = {value}" for name, value in found.constants)
    return f"{found.text} {{ {constants} }};\n"


def _record_text(record: Record) -> str:
    lines = "".join(
        f"\t{_member_text(member)};\n".replace("\n\t", "\n\t\t") for member in record.members
    )
    notes = ["packed"] * record.packed + [f"aligned({record.aligned})"] * bool(record.aligned)
    attribute = f" __attribute__(({', '.join(notes)}))" if notes else ""
    tag = f" {record.tag}" if record.tag else ""
    return f"{record.keyword}{tag} {{\n{lines}}}{attribute}"


def _member_text(member: Member) -> str:
    type_, dimensions = member.type, ""
    while isinstance(type_, Array):
        dimensions += f"[{type_.count}]"
        type_ = type_.element
    base = _record_text(type_) if isinstance(type_, Record) else type_.text
    bits = f" : {member.bits}" if member.bits else ""
    aligned = f" __attribute__((aligned({member.aligned})))" if member.aligned else ""
    return f"{base} {member.name}{dimensions}{bits}{aligned}".rstrip()


def value_for(pick: Pick, type_: Type, bits: int = 0) -> Value:
    """Pick a value as Python writes it; of a union it has one member."""
    match type_:
        case Array(element=element, count=count) if element is CHAR:
            return bytes(pick(range(256)) for _ in range(count))
        case Array(element=element, count=count):
            return tuple(value_for(pick, element) for _ in range(count))
        case Record():
            return _record_value(pick, type_)
        case Scalar(kind="bool"):
            return pick((False, True))
        case Scalar(kind="float"):
            return pick(FLOATS)
        case Scalar():
            return _number(pick, type_, bits or 8 * type_.size)


def _record_value(pick: Pick, record: Record) -> dict[str, Value]:
    members = [pick(record.members)] if record.union else record.members
    made: dict[str, Value] = {}
    for member in members:
        value = value_for(pick, member.type, member.bits)
        made |= {member.name: value} if member.name else value
    return made


def _number(pick: Pick, found: Scalar, bits: int) -> int:
    low = -(1 << (bits - 1)) if found.signed else 0
    shape = pick(("any", "zero", "low", "high"))
    if shape != "any":
        return {"zero": 0, "low": low, "high": low + (1 << bits) - 1}[shape]
    drawn: int = sum(pick(range(256)) << 8 * i for i in range((bits + 7) // 8))
    return low + drawn % (1 << bits)


@dataclass(frozen=True, slots=True)
class Leaf:
    """A scalar inside a record: the C expression behind the record's own, and its value."""

    path: str
    type: Scalar
    value: Value
    bits: int


def leaves(type_: Type, value: Value, path: str = "", bits: int = 0) -> Iterator[Leaf]:
    """Give every scalar in ``value``; with None for a value, every scalar there is."""
    match type_:
        case Scalar():
            yield Leaf(path, type_, value, bits)
        case Array(element=element, count=count):
            for i in range(count):
                inner = None if value is None else value[i]
                if element is CHAR and inner is not None:
                    inner = inner - 256 if inner > 127 else inner
                yield from leaves(element, inner, f"{path}[{i}]")
        case Record(members=members):
            for member in members:
                if not member.name:
                    yield from leaves(member.type, value, path)
                elif value is None or member.name in value:
                    inner = None if value is None else value[member.name]
                    yield from leaves(member.type, inner, f"{path}.{member.name}", member.bits)


def fill(record: Record, value: Mapping[str, Value], target: str) -> str:
    """Write statements that store ``value`` in ``target``, an expression for the record."""
    return "".join(_store(leaf, target) for leaf in leaves(record, value))


def _store(leaf: Leaf, target: str) -> str:
    place = target + leaf.path
    if leaf.type.kind == "float":
        word = "u32" if leaf.type.size == 4 else "u64"
        number = _float_bits(leaf.value, leaf.type.size)
        return f"\t{{ {word} w = {number:#x}; __builtin_memcpy(&{place}, &w, sizeof(w)); }}\n"
    number = int(leaf.value) & ((1 << 128) - 1)
    low, high = number & ((1 << 64) - 1), number >> 64
    if leaf.type.size == 16:
        wide = f"(({leaf.type.text}){high:#x}ULL << 64 | {low:#x}ULL)"
        return f"\t{place} = {wide};\n"
    return f"\t{place} = ({leaf.type.text}){low:#x}ULL;\n"


def _float_bits(value: float, size: int) -> int:
    return int.from_bytes(struct.pack("<f" if size == 4 else "<d", value), "little")


def copy(record: Record, source: str, target: str) -> str:
    """Write statements that copy every member, all those of unions too."""
    lines = []
    for leaf in leaves(record, None):
        here, there = source + leaf.path, target + leaf.path
        if leaf.type.kind == "float":
            lines.append(f"\t__builtin_memcpy(&{there}, &{here}, {leaf.type.size});\n")
        else:
            lines.append(f"\t{there} = {here};\n")
    return "".join(lines)
