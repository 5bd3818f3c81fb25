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
from .types import Array, Enum, Enum64, Float, FuncProto, Fwd, Int, Ptr, Struct, Union, Void

if TYPE_CHECKING:
    from .dump import Printer
    from .types import Btf, Member


_SIZELESS = (Fwd, FuncProto, Void)


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
            lines = _layout(printer, type_id, record, indent + 1, packed=packed, strict=strict)
        except _Misfit:
            continue
        suffix = " __attribute__((packed))" if packed else ""
        if len(printer.members(record)) < len(record.members) and not packed:
            # What is left out may have been what aligned it.
            suffix = f" __attribute__((aligned({printer.shapes.align(type_id)})))"
        return "\n".join([f"{head} {{", *lines, f"{tabs}}}{suffix}"])
    raise AssertionError("the last attempt never fails")


class Shapes:
    """Sizes and alignments of types as `record_body` writes them, each computed once."""

    def __init__(self, btf: Btf) -> None:
        self._btf = btf
        self._sizes: dict[int, int] = {}
        self._aligns: dict[int, int] = {}

    def size(self, type_id: int) -> int:
        """Return the size in bytes, 0 for what has none."""
        known = self._sizes.get(type_id)
        if known is None:
            _, found = self._btf.resolve(type_id)
            known = 0 if isinstance(found, _SIZELESS) else size_of(self._btf, type_id)
            self._sizes[type_id] = known
        return known

    def align(self, type_id: int) -> int:
        """Return the alignment in bytes."""
        known = self._aligns.get(type_id)
        if known is None:
            # A record inside itself is broken BTF; the entry ends the walk.
            self._aligns[type_id] = 1
            known = self._aligns[type_id] = self._align(type_id)
        return known

    def _align(self, type_id: int) -> int:
        _, found = self._btf.resolve(type_id)
        match found:
            case Int(size=size) | Float(size=size) | Enum(size=size) | Enum64(size=size):
                return size
            case Ptr():
                return 8
            case Array(type_id=inner):
                return self.align(inner)
            case Struct() | Union():
                return self._record(found)
            case _:
                return 1

    def _record(self, record: Struct | Union) -> int:
        """Return the largest alignment of the members; 1 when the record must be packed."""
        align, at = 1, 0
        union = isinstance(record, Union)
        for member in record.members:
            one, size = self.align(member.type_id), self.size(member.type_id)
            offset, bits = member_bits(self._btf, member)
            if bits:
                unit = 8 * max(size, 1)
                if not union and offset // unit != (offset + bits - 1) // unit:
                    return 1
            elif offset % (8 * one):
                return 1
            if not union and offset < at:
                return 1
            at = offset + (bits or 8 * size)
            align = max(align, one)
        fits = record.size % align == 0 and (union or at <= 8 * record.size)
        return align if fits else 1


def _layout(
    printer: Printer,
    type_id: int,
    record: Struct | Union,
    indent: int,
    *,
    packed: bool,
    strict: bool,
) -> list[str]:
    """Write the members; raises _Misfit when the BTF layout is out of reach."""
    tabs = "\t" * indent
    body = _Body(packed, printer.pad_name)
    largest = 0
    members = printer.members(record)
    if len(members) < len(record.members) and not packed:
        body.align = printer.shapes.align(type_id)
    for member in members:
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
    if not packed and printer.shapes.align(type_id) != body.align:
        raise _Misfit
    return body.lines


def _place(printer: Printer, body: _Body, member: Member, indent: int) -> None:
    """Write one member, with the padding that brings a compiler to its offset."""
    btf, tabs = printer.btf, "\t" * indent
    offset, bits = member_bits(btf, member)
    size = printer.shapes.size(member.type_id)
    align = 1 if body.packed else printer.shapes.align(member.type_id)
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
    unit = 8 * printer.shapes.size(member.type_id)
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
