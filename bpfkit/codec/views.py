"""ctypes classes over the bytes of a C type, as bcc's users know them.

`table_view` makes the classes of keys and leaves: records are packed, with explicit ``__pad_N``
members where C leaves a gap, so that every byte of a key can be set. `event_view` makes the classes
of event records: members alone, at the offsets BTF gives. Anonymous members are ``__anonN``,
reachable directly.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass, field
from typing import Any

from ..btf.layout import member_bits, size_of
from ..btf.types import Array, Btf, Enum, Enum64, Float, Int, Member, Ptr, Struct, Union, Void
from .from_btf import is_char

# A class made at run time is of no type a checker knows: Any, at this edge only.
View = type[Any]

_INTS: dict[tuple[int, bool], View] = {
    (1, True): ctypes.c_byte,
    (1, False): ctypes.c_ubyte,
    (2, True): ctypes.c_short,
    (2, False): ctypes.c_ushort,
    (4, True): ctypes.c_int,
    (4, False): ctypes.c_uint,
    (8, True): ctypes.c_longlong,
    (8, False): ctypes.c_ulonglong,
}
_FLOATS: dict[int, View] = {4: ctypes.c_float, 8: ctypes.c_double}
_MAX_DEPTH = 32


def table_view(btf: Btf, type_id: int) -> View:
    """Return the class of a key or leaf, exactly as large as the C type."""
    return _Maker(btf, table=True).view(type_id)


def event_view(btf: Btf, type_id: int) -> View:
    """Return the class of an event record."""
    return _Maker(btf, table=False).view(type_id)


@dataclass(slots=True)
class _Maker:
    """Makes classes; the same record gives the same class."""

    btf: Btf
    table: bool
    _made: dict[int, View] = field(default_factory=dict)

    def view(self, type_id: int, depth: int = 0) -> View:
        """Return the class of a type; bytes stand in for what ctypes cannot say."""
        record_id, found = self.btf.resolve(type_id)
        if depth > _MAX_DEPTH:
            return ctypes.c_char * size_of(self.btf, type_id)
        match found:
            case Int():
                return _int_view(found)
            case Enum(size=size, signed=signed) | Enum64(size=size, signed=signed):
                # bcc's events have enumerations as int, its tables as unsigned int.
                return _INTS[size, signed or (not self.table and size == 4)]
            case Float(size=size):
                return _FLOATS.get(size) or ctypes.c_char * size
            case Ptr(type_id=inner):
                plain = isinstance(self.btf.resolve(inner)[1], Void)
                return ctypes.c_void_p if plain and not self.table else ctypes.c_ulonglong
            case Array(type_id=inner, count=count):
                element: View = self.view(inner, depth + 1)
                array: View = element * count
                return array
            case Struct() | Union():
                made = self._made.get(record_id)
                if made is None:
                    made = self._made[record_id] = self._record(found, depth)
                return made
            case _:
                return ctypes.c_char * size_of(self.btf, type_id)

    def _record(self, record: Struct | Union, depth: int) -> View:
        """Make a class; the first layout that agrees with BTF is taken."""
        if isinstance(record, Union):
            return self._class(record, depth, packed=False)
        has_bits = any(member_bits(self.btf, m)[1] for m in record.members)
        attempts = (True, False) if self.table and not has_bits else (False, True)
        for packed in attempts:
            made = self._class(record, depth, packed=packed)
            if self._agrees(record, made):
                return made
        return self._opaque(record)

    def _class(self, record: Struct | Union, depth: int, *, packed: bool) -> View:
        fields: list[tuple[str, View] | tuple[str, View, int]] = []
        anonymous: list[str] = []
        at = 0
        for index, member in enumerate(record.members):
            offset, bits = member_bits(self.btf, member)
            if packed and offset > at:
                fields.append((f"__pad_{index}", ctypes.c_char * ((offset - at) // 8)))
            name = member.name
            if not name:
                name = f"__anon{len(anonymous)}"
                anonymous.append(name)
            view = self.view(member.type_id, depth + 1)
            fields.append((name, view, bits) if bits else (name, view))
            at = offset + (bits or 8 * ctypes.sizeof(view))
        if packed and 8 * record.size > at:
            fields.append(("__pad_end", ctypes.c_char * (record.size - at // 8)))
        base = ctypes.Union if isinstance(record, Union) else ctypes.Structure
        body: dict[str, Any] = {"_anonymous_": anonymous} if anonymous else {}
        if packed:
            body |= {"_pack_": 1, "_layout_": "ms"}
        body["_fields_"] = fields
        return type(record.name or "record", (base,), body)

    def _agrees(self, record: Struct, made: View) -> bool:
        """Compare size and offsets with BTF; of a bit-field only the size of the whole is known."""
        if ctypes.sizeof(made) != record.size:
            return False
        return all(
            getattr(made, m.name).offset == m.bit_offset // 8
            for m in record.members
            if m.name and not member_bits(self.btf, m)[1]
        )

    def _opaque(self, record: Struct) -> View:
        """Make a class whose members are properties, for a layout ctypes cannot do."""
        body: dict[str, Any] = {
            "_pack_": 1,
            "_fields_": [("__bytes", ctypes.c_ubyte * record.size)],
        }
        for member in record.members:
            body[member.name] = property(self._reader(member))
        return type(record.name or "record", (ctypes.Structure,), body)

    def _reader(self, member: Member) -> Any:  # noqa: ANN401 - what property() takes
        offset, bits = member_bits(self.btf, member)
        bits = bits or 8 * size_of(self.btf, member.type_id)
        _, found = self.btf.resolve(member.type_id)
        signed = isinstance(found, Int | Enum | Enum64) and found.signed

        def read(self: ctypes.Structure) -> int:
            value = int.from_bytes(bytes(self), "little") >> offset & ((1 << bits) - 1)
            return value - (1 << bits) if signed and value >> (bits - 1) else value

        return read


def _int_view(found: Int) -> View:
    if found.bool_:
        return ctypes.c_bool
    if found.size == 16:
        return (ctypes.c_longlong if found.signed else ctypes.c_ulonglong) * 2
    if is_char(found):
        return ctypes.c_char
    return _INTS[found.size, found.signed]
