"""Bodies of structures and unions as C that a compiler lays out exactly as BTF says.

The layout a C compiler would choose is followed member by member; where it differs, explicit
padding or ``packed`` is written, and what even that cannot reach is left out. BTF keeps no
alignment attributes, so over-aligned members become padding in front of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .layout import member_bits, size_of
from .types import Array, Enum, Enum64, Float, FuncProto, Fwd, Int, Ptr, Struct, Union

if TYPE_CHECKING:
    from .dump import Printer
    from .types import Btf, Member


class _Misfit(Exception):  # noqa: N818 - a signal, never seen outside
    """The chosen layout cannot place a member where it must be."""


@dataclass(slots=True)
class _Body:
    """Lines of one record.

    ``at`` is the bit a compiler would continue at, ``align`` in bytes so far.
    """

    packed: bool
    pad_name: Callable[[], str]
    lines: list[str] = field(default_factory=list)
    at: int = 0
    align: int = 1

    def pad_to(self, bit: int, indent: str) -> None:
        """Fill up to ``bit`` with unnamed bit-fields and a byte array."""
        part = min(-self.at % 8, bit - self.at)
        if part:
            self.lines.append(f"{indent}unsigned char : {part};")
            self.at += part
        whole = (bit - self.at) // 8
        if whole:
            self.lines.append(f"{indent}unsigned char {self.pad_name()}[{whole}];")
            self.at += 8 * whole
        if bit > self.at:
            self.lines.append(f"{indent}unsigned char : {bit - self.at};")
            self.at = bit


def record_body(printer: Printer, type_id: int, record: Struct | Union, indent: int) -> str:
    """Return ``struct name { … }`` without the semicolon, laid out as in BTF."""
    head = printer.spell(type_id, record)
    tabs = "\t" * indent
    for packed, strict in ((False, True), (True, True), (True, False)):
        try:
            lines = _layout(printer, record, indent + 1, packed=packed, strict=strict)
        except _Misfit:
            continue
        suffix = " __attribute__((packed))" if packed else ""
        return "\n".join([f"{head} {{", *lines, f"{tabs}}}{suffix}"])
    raise AssertionError("the last attempt never fails")


def emitted_align(btf: Btf, type_id: int, depth: int = 0) -> int:
    """Return the alignment in bytes of a type as it is written by `record_body`."""
    if depth > 32:
        return 1
    _, found = btf.resolve(type_id)
    match found:
        case Int(size=size) | Float(size=size) | Enum(size=size) | Enum64(size=size):
            return size
        case Ptr():
            return 8
        case Array(type_id=inner):
            return emitted_align(btf, inner, depth + 1)
        case Struct() | Union():
            return _record_align(btf, found, depth)
        case _:
            return 1


def _record_align(btf: Btf, record: Struct | Union, depth: int) -> int:
    align = 1
    for member in record.members:
        one = emitted_align(btf, member.type_id, depth + 1)
        offset, bits = member_bits(btf, member)
        if not bits and offset % (8 * one):
            return 1
        align = max(align, one)
    if record.size % align or not _natural(btf, record, depth):
        return 1
    return align


def _natural(btf: Btf, record: Struct | Union, depth: int) -> bool:
    """Tell whether members do not overlap, which only a packed or an odd record does."""
    if isinstance(record, Union):
        return True
    at = 0
    for member in record.members:
        offset, bits = member_bits(btf, member)
        if offset < at:
            return False
        if bits:
            unit = 8 * max(_size(btf, member), 1)
            if offset // unit != (offset + bits - 1) // unit:
                return False
        at = offset + (bits or 8 * _size(btf, member))
    return at <= 8 * record.size


def _size(btf: Btf, member: Member) -> int:
    _, found = btf.resolve(member.type_id)
    return 0 if isinstance(found, Fwd | FuncProto) else size_of(btf, member.type_id)


def _layout(
    printer: Printer, record: Struct | Union, indent: int, *, packed: bool, strict: bool
) -> list[str]:
    """Write the members; raises _Misfit when the BTF layout is out of reach."""
    btf, tabs = printer.btf, "\t" * indent
    body = _Body(packed, printer.pad_name)
    largest = 0
    for member in record.members:
        if isinstance(record, Union):
            largest = max(largest, body.at)
            body.at = 0
        try:
            _place(printer, body, member, indent)
        except _Misfit:
            if strict:
                raise
            body.lines.append(f"{tabs}/* {member.name} lies inside another member */")
    body.at = max(largest, body.at)
    total = 8 * record.size
    if body.at > total and strict:
        raise _Misfit
    end = -(-body.at // (8 * body.align)) * 8 * body.align if not packed else -(-body.at // 8) * 8
    if record.size % body.align and not packed:
        raise _Misfit
    if end < total:
        if isinstance(record, Union):
            body.at = 0
        body.pad_to(total, tabs)
    if not packed and _record_align(btf, record, 0) != body.align:
        raise _Misfit
    return body.lines


def _place(printer: Printer, body: _Body, member: Member, indent: int) -> None:
    """Write one member, with the padding that brings a compiler to its offset."""
    btf, tabs = printer.btf, "\t" * indent
    offset, bits = member_bits(btf, member)
    size = _size(btf, member)
    align = 1 if body.packed else emitted_align(btf, member.type_id)
    if bits:
        _place_bits(printer, body, member, indent)
        return
    if offset % (8 * align) or offset < body.at:
        raise _Misfit
    if -(-body.at // (8 * align)) * 8 * align != offset:
        body.pad_to(offset, tabs)
    body.align = max(body.align, align)
    body.lines.append(f"{tabs}{printer.declarator(member.type_id, member.name, indent)};")
    body.at = offset + 8 * size


def _place_bits(printer: Printer, body: _Body, member: Member, indent: int) -> None:
    """Write a bit-field. It may not cross a unit of its type unless the record is packed."""
    tabs = "\t" * indent
    offset, bits = member_bits(printer.btf, member)
    unit = 8 * _size(printer.btf, member)
    if offset < body.at or (not body.packed and offset // unit != (offset + bits - 1) // unit):
        raise _Misfit
    natural = body.at
    if not body.packed and natural // unit != (natural + bits - 1) // unit:
        natural = -(-natural // unit) * unit
    if natural != offset:
        body.pad_to(offset, tabs)
        if not body.packed and offset // unit != (offset + bits - 1) // unit:
            raise _Misfit
    if not body.packed:
        body.align = max(body.align, unit // 8)
    text = printer.declarator(member.type_id, member.name, indent)
    body.lines.append(f"{tabs}{text} : {bits};")
    body.at = offset + bits
