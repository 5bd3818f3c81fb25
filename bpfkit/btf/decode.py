"""Bytes to `Btf`: the header and the ends of all records are checked at once, the records on
demand.

Source: struct btf_header and struct btf_type, include/uapi/linux/btf.h. Both byte orders are read.
Every malformed input ends in FormatError, here or when the broken type is asked for.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Callable
from dataclasses import dataclass

from ..errors import FormatError
from ..uapi.btf import BTF_HEADER_BYTES, BTF_MAGIC, BTF_VERSION, BtfKind, IntEncoding
from .types import (
    Array,
    Btf,
    ByteOrder,
    Const,
    Datasec,
    DeclTag,
    Enum,
    Enum64,
    Enumerator,
    Float,
    Func,
    FuncProto,
    Fwd,
    Int,
    Member,
    Param,
    Ptr,
    Restrict,
    SecVar,
    Struct,
    Type,
    Typedef,
    TypeTag,
    Union,
    Var,
    Volatile,
)

# Words after the three that every record has: (fixed, for each of vlen). None: no such kind.
_EXTRA: dict[int, tuple[int, int]] = {
    BtfKind.INT: (1, 0),
    BtfKind.PTR: (0, 0),
    BtfKind.ARRAY: (3, 0),
    BtfKind.STRUCT: (0, 3),
    BtfKind.UNION: (0, 3),
    BtfKind.ENUM: (0, 2),
    BtfKind.FWD: (0, 0),
    BtfKind.TYPEDEF: (0, 0),
    BtfKind.VOLATILE: (0, 0),
    BtfKind.CONST: (0, 0),
    BtfKind.RESTRICT: (0, 0),
    BtfKind.FUNC: (0, 0),
    BtfKind.FUNC_PROTO: (0, 2),
    BtfKind.VAR: (1, 0),
    BtfKind.DATASEC: (0, 3),
    BtfKind.FLOAT: (0, 0),
    BtfKind.DECL_TAG: (1, 0),
    BtfKind.TYPE_TAG: (0, 0),
    BtfKind.ENUM64: (0, 3),
}
_VLEN = 0xFFFFFF  # 16 bits up to v7.0; the eight above were always zero
_KIND = 0x7F  # 5 bits up to v7.0


def decode(data: bytes, base: Btf | None = None) -> Btf:
    """Read a BTF blob; with ``base`` as split BTF that continues its ids and strings.

    Raises FormatError, with the offset in ``data``, when the header, the sections or the extent of
    any record is wrong. What a record says is checked when the type is asked for.
    """
    order, types_at, types_end, strings = _read_header(data, base)
    words = array("I")
    words.frombytes(data[types_at:types_end])
    if order != sys.byteorder:
        words.byteswap()
    starts = _scan(words, types_at)
    return Btf(
        data,
        strings=strings,
        words=words,
        starts=starts,
        read=_Reader(types_at),
        byteorder=order,
        base=base,
    )


def _read_header(data: bytes, base: Btf | None) -> tuple[ByteOrder, int, int, bytes]:
    """Return the byte order, the bounds of the type section and the strings."""
    if len(data) < BTF_HEADER_BYTES:
        raise FormatError("BTF is shorter than its header", len(data))
    order: ByteOrder = "little" if data[:2] == BTF_MAGIC.to_bytes(2, "little") else "big"
    if int.from_bytes(data[:2], order) != BTF_MAGIC:
        raise FormatError("not BTF: wrong magic number", 0)
    if data[2] != BTF_VERSION:
        raise FormatError(f"BTF version {data[2]} is unknown", 2)
    layout = "<5I" if order == "little" else ">5I"
    header, type_off, type_len, str_off, str_len = struct.unpack_from(layout, data, 4)
    if header < BTF_HEADER_BYTES:
        raise FormatError(f"BTF header of {header} bytes is too short", 4)
    types_at, strings_at = header + type_off, header + str_off
    if types_at + type_len > len(data) or type_len % 4:
        raise FormatError(f"BTF type section of {type_len} bytes does not fit", 8)
    if strings_at + str_len > len(data):
        raise FormatError(f"BTF string section of {str_len} bytes does not fit", 16)
    strings = data[strings_at : strings_at + str_len]
    if base is None and not strings.startswith(b"\0"):
        raise FormatError("BTF strings do not begin with the empty one", strings_at)
    if strings and not strings.endswith(b"\0"):
        raise FormatError("BTF strings are not terminated", strings_at + str_len)
    return order, types_at, types_at + type_len, strings


def _scan(words: array[int], types_at: int) -> array[int]:
    """Find the first word of every record."""
    known = [_EXTRA.get(kind) for kind in range(_KIND + 1)]
    fixed = [3 + extra[0] if extra else 0 for extra in known]
    per = [extra[1] if extra else 0 for extra in known]
    starts = array("I")
    append = starts.append
    at, end = 0, len(words)
    try:
        while at < end:
            append(at)
            info = words[at + 1]
            kind = info >> 24 & _KIND
            step = fixed[kind] + per[kind] * (info & _VLEN)
            if not step:
                raise FormatError(f"BTF kind {kind} is unknown", types_at + 4 * at + 4)
            at += step
    except IndexError:
        raise FormatError("BTF type record is cut short", types_at + 4 * at) from None
    if at != end:
        raise FormatError("BTF type record is cut short", types_at + 4 * starts[-1])
    return starts


@dataclass(frozen=True, slots=True)
class _Record:
    """One record, taken apart as far as all kinds are alike; ``third`` is its size or type word."""

    btf: Btf
    words: array[int]
    at: int
    vlen: int
    flag: bool
    third: int
    offset: int

    @property
    def name(self) -> str:
        return self.btf.string(self.words[self.at])

    @property
    def body(self) -> int:
        return self.at + 3

    def ref(self, type_id: int) -> int:
        """Check a reference."""
        if type_id >= len(self.btf):
            raise FormatError(f"BTF type {type_id} is referred to but missing", self.offset)
        return type_id

    @property
    def target(self) -> int:
        return self.ref(self.third)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Decodes single records; ``types_at`` turns a word into an offset for errors."""

    types_at: int

    def __call__(self, btf: Btf, words: array[int], at: int) -> Type:
        info = words[at + 1]
        record = _Record(
            btf,
            words,
            at,
            info & _VLEN,
            bool(info >> 31),
            words[at + 2],
            self.types_at + 4 * at,
        )
        return _READERS[info >> 24 & _KIND](record)


def _signed(word: int) -> int:
    return word - (1 << 32) if word >> 31 else word


def _read_int(r: _Record) -> Type:
    data = r.words[r.body]
    encoding, offset, bits = data >> 24, data >> 16 & 0xFF, data & 0xFF
    if offset + bits > 8 * r.third or r.third not in (1, 2, 4, 8, 16):
        raise FormatError(f"BTF integer of {bits} bits in {r.third} bytes", r.offset)
    return Int(
        r.name,
        r.third,
        bits,
        bool(encoding & IntEncoding.SIGNED),
        bool(encoding & IntEncoding.CHAR),
        bool(encoding & IntEncoding.BOOL),
        offset,
    )


def _read_array(r: _Record) -> Type:
    element, index, count = r.words[r.body : r.body + 3]
    return Array(r.ref(element), r.ref(index), count)


def _read_members(r: _Record) -> tuple[Member, ...]:
    words, string, ref, flag = r.words, r.btf.string, r.ref, r.flag
    members = []
    for at in range(r.body, r.body + 3 * r.vlen, 3):
        name, type_id, where = words[at], words[at + 1], words[at + 2]
        bits = where >> 24 if flag else 0
        offset = where & 0xFFFFFF if flag else where
        members.append(Member(string(name), ref(type_id), offset, bits))
    return tuple(members)


def _read_enum(r: _Record) -> Type:
    words, string = r.words, r.btf.string
    values = []
    for at in range(r.body, r.body + 2 * r.vlen, 2):
        value = words[at + 1]
        values.append(Enumerator(string(words[at]), _signed(value) if r.flag else value))
    return Enum(r.name, r.third, tuple(values), r.flag)


def _read_enum64(r: _Record) -> Type:
    words, string = r.words, r.btf.string
    values = []
    for at in range(r.body, r.body + 3 * r.vlen, 3):
        high = _signed(words[at + 2]) if r.flag else words[at + 2]
        values.append(Enumerator(string(words[at]), high << 32 | words[at + 1]))
    return Enum64(r.name, r.third, tuple(values), r.flag)


def _read_proto(r: _Record) -> Type:
    words, string = r.words, r.btf.string
    pairs = range(r.body, r.body + 2 * r.vlen, 2)
    return FuncProto(
        r.target, tuple(Param(string(words[at]), r.ref(words[at + 1])) for at in pairs)
    )


def _read_datasec(r: _Record) -> Type:
    words = r.words
    triples = range(r.body, r.body + 3 * r.vlen, 3)
    variables = (SecVar(r.ref(words[at]), words[at + 1], words[at + 2]) for at in triples)
    return Datasec(r.name, r.third, tuple(variables))


_READERS: dict[int, Callable[[_Record], Type]] = {
    BtfKind.INT: _read_int,
    BtfKind.PTR: lambda r: Ptr(r.target),
    BtfKind.ARRAY: _read_array,
    BtfKind.STRUCT: lambda r: Struct(r.name, r.third, _read_members(r)),
    BtfKind.UNION: lambda r: Union(r.name, r.third, _read_members(r)),
    BtfKind.ENUM: _read_enum,
    BtfKind.FWD: lambda r: Fwd(r.name, r.flag),
    BtfKind.TYPEDEF: lambda r: Typedef(r.name, r.target),
    BtfKind.VOLATILE: lambda r: Volatile(r.target),
    BtfKind.CONST: lambda r: Const(r.target),
    BtfKind.RESTRICT: lambda r: Restrict(r.target),
    BtfKind.FUNC: lambda r: Func(r.name, r.target, r.vlen),
    BtfKind.FUNC_PROTO: _read_proto,
    BtfKind.VAR: lambda r: Var(r.name, r.target, r.words[r.body]),
    BtfKind.DATASEC: _read_datasec,
    BtfKind.FLOAT: lambda r: Float(r.name, r.third),
    BtfKind.DECL_TAG: lambda r: DeclTag(r.name, r.target, _signed(r.words[r.body]), r.flag),
    BtfKind.TYPE_TAG: lambda r: TypeTag(r.name, r.target, r.flag),
    BtfKind.ENUM64: _read_enum64,
}
