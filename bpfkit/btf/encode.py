"""`Btf` types to bytes. `StringTable` shares equal strings; `encode` keeps ids as the order of
types.

Source: struct btf_header and struct btf_type, include/uapi/linux/btf.h.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

from ..errors import DecodeError
from ..uapi.btf import BTF_HEADER_BYTES, BTF_MAGIC, BTF_VERSION, IntEncoding
from .types import (
    Array,
    Btf,
    ByteOrder,
    Datasec,
    DeclTag,
    Enum,
    Enum64,
    Float,
    Func,
    FuncProto,
    Fwd,
    Int,
    Struct,
    Type,
    TypeTag,
    Union,
    Var,
    Void,
)

_FLAG = 1 << 31
_MASK = (1 << 32) - 1


class StringTable:
    """Strings under construction; ``initial`` is kept as it is, so that its offsets stay valid."""

    def __init__(self, initial: bytes = b"\0", first: int = 0) -> None:
        self._data = bytearray(initial)
        self._first = first
        self._offsets: dict[bytes, int] = {} if first else {b"": 0}
        at = first
        for piece in initial.split(b"\0")[:-1]:
            self._offsets.setdefault(piece, at)
            at += len(piece) + 1

    def add(self, text: str) -> int:
        """Return the offset of ``text``, appending it when it is new."""
        if not text:
            return 0
        piece = text.encode("utf-8", "surrogateescape")
        offset = self._offsets.get(piece)
        if offset is None:
            offset = self._offsets[piece] = self._first + len(self._data)
            self._data += piece + b"\0"
        return offset

    def __bytes__(self) -> bytes:
        return bytes(self._data)


def encode(
    types: Iterable[Type],
    strings: StringTable | None = None,
    *,
    byteorder: ByteOrder = "little",
    base: Btf | None = None,
) -> bytes:
    """Write a blob with ``types`` in order, so that the first gets id 1 (or the next after
    ``base``).

    ``strings`` may hold strings that other sections refer to by offset. Raises DecodeError when a
    value does not fit its place.
    """
    if strings is None:
        strings = StringTable(b"\0")
        if base is not None:
            strings = StringTable(b"", base.first_string + len(base.strings))
    words: list[int] = []
    for item in types:
        words += _words(item, strings)
    mark = "<" if byteorder == "little" else ">"
    try:
        body = struct.pack(f"{mark}{len(words)}I", *(word & _MASK for word in words))
    except struct.error as error:
        raise DecodeError(f"BTF does not fit: {error}") from None
    text = bytes(strings)
    header = struct.pack(
        f"{mark}HBBIIIII",
        BTF_MAGIC,
        BTF_VERSION,
        0,
        BTF_HEADER_BYTES,
        0,
        len(body),
        len(body),
        len(text),
    )
    return header + body + text


def _words(item: Type, strings: StringTable) -> list[int]:
    """Return one record as words.

    The third word is a size or a type, the rest depends on the kind.
    """
    head = item.kind << 24
    name = strings.add(item.name)
    match item:
        case Void():
            raise DecodeError("void has no record in BTF")
        case Int():
            encoding = (
                IntEncoding.SIGNED * item.signed
                | IntEncoding.CHAR * item.char
                | IntEncoding.BOOL * item.bool_
            )
            return [name, head, item.size, encoding << 24 | item.offset << 16 | item.bits]
        case Array():
            return [name, head, 0, item.type_id, item.index_id, item.count]
        case Struct() | Union():
            return [name, *_record_words(item, head, strings)]
        case Enum() | Enum64():
            return [name, *_enum_words(item, head, strings)]
        case Fwd():
            return [name, head | _FLAG * item.union, 0]
        case Func():
            return [name, head | item.linkage, item.type_id]
        case FuncProto():
            params = [word for p in item.params for word in (strings.add(p.name), p.type_id)]
            return [name, head | len(item.params), item.type_id, *params]
        case Var():
            return [name, head, item.type_id, item.linkage]
        case Datasec():
            where = [word for v in item.variables for word in (v.type_id, v.offset, v.size)]
            return [name, head | len(item.variables), item.size, *where]
        case Float():
            return [name, head, item.size]
        case DeclTag():
            return [name, head | _FLAG * item.attribute, item.type_id, item.component]
        case TypeTag():
            return [name, head | _FLAG * item.attribute, item.type_id]
        case _:
            return [name, head, item.type_id]


def _record_words(item: Struct | Union, head: int, strings: StringTable) -> list[int]:
    flag = any(m.bits for m in item.members)
    words = [head | len(item.members) | _FLAG * flag, item.size]
    for m in item.members:
        if flag and (m.bit_offset > 0xFFFFFF or m.bits > 0xFF):
            raise DecodeError("bit offset above 2^24 in a record with bit-fields", m.name)
        words += [strings.add(m.name), m.type_id, m.bits << 24 | m.bit_offset]
    return words


def _enum_words(item: Enum | Enum64, head: int, strings: StringTable) -> list[int]:
    words = [head | len(item.values) | _FLAG * item.signed, item.size]
    for value in item.values:
        words += [strings.add(value.name), value.value & _MASK]
        if isinstance(item, Enum64):
            words.append(value.value >> 32 & _MASK)
    return words
