"""``.BTF.ext``: which instruction belongs to which function, line and CO-RE relocation.

Three tables, each grouped by ELF section; offsets in the file are bytes, ours are instructions.
The byte order is that of .BTF.
Source: struct btf_ext_header and the .BTF.ext section in Documentation/bpf/btf.rst; struct
bpf_core_relo in include/uapi/linux/bpf.h.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..btf.types import Btf
from ..errors import FormatError
from .spec import CoreReloc

_MAGIC = 0xEB9F
_HEADER = "HBBI"
_ORDERS = {"little": "<", "big": ">"}
_INSN = 8


@dataclass(slots=True)
class ExtInfo:
    """The entries of one section, or of one function of it."""

    func_info: tuple[tuple[int, int], ...] = ()
    line_info: tuple[tuple[int, int, int, int], ...] = ()
    core_relocs: tuple[CoreReloc, ...] = field(default=())

    def part(self, start: int, end: int) -> ExtInfo:
        """The entries of instructions ``start`` to ``end``, counted from ``start``."""
        return ExtInfo(
            tuple((i - start, t) for i, t in self.func_info if start <= i < end),
            tuple((i - start, *rest) for i, *rest in self.line_info if start <= i < end),  # type: ignore[misc]
            tuple(
                CoreReloc(r.insn - start, r.type_id, r.access, r.kind)
                for r in self.core_relocs
                if start <= r.insn < end
            ),
        )


def read_btf_ext(data: bytes, btf: Btf) -> dict[str, ExtInfo]:
    """Read the whole section; the entries by ELF section name."""
    found: dict[str, ExtInfo] = {}
    if not data:
        return found
    order = _ORDERS[btf.byteorder]
    try:
        magic, _version, _flags, length = struct.unpack_from(f"{order}{_HEADER}", data)
        if magic != _MAGIC or length > len(data) or length < 24:
            raise FormatError("the header of .BTF.ext is not valid", 0)
        count = 6 if length >= 32 else 4
        parts = struct.unpack_from(f"{order}{count}I", data, struct.calcsize(f"<{_HEADER}"))
        for name, record in _records(data, length, parts[0], parts[1], btf):
            offset, type_id = struct.unpack_from(f"{order}II", record)
            info = found.setdefault(name, ExtInfo())
            info.func_info = (*info.func_info, (_insn(offset), type_id))
        lines: dict[str, list[tuple[int, int, int, int]]] = {}
        for name, record in _records(data, length, parts[2], parts[3], btf):
            offset, file, text, place = struct.unpack_from(f"{order}IIII", record)
            lines.setdefault(name, []).append((_insn(offset), file, text, place))
        relocs: dict[str, list[CoreReloc]] = {}
        if count == 6 and parts[5]:
            for name, record in _records(data, length, parts[4], parts[5], btf):
                offset, type_id, access, kind = struct.unpack_from(f"{order}IIII", record)
                reloc = CoreReloc(_insn(offset), type_id, btf.string(access), kind)
                relocs.setdefault(name, []).append(reloc)
    except struct.error as error:
        raise FormatError(f".BTF.ext is cut off: {error}") from error
    for name, entries in lines.items():
        found.setdefault(name, ExtInfo()).line_info = tuple(entries)
    for name, found_relocs in relocs.items():
        found.setdefault(name, ExtInfo()).core_relocs = tuple(found_relocs)
    return found


def _records(
    data: bytes, header: int, offset: int, size: int, btf: Btf
) -> Iterator[tuple[str, bytes]]:
    """(section, record) of one table; a record may be longer than what is known of it."""
    if not size:
        return
    at, end = header + offset, header + offset + size
    order = _ORDERS[btf.byteorder]
    (length,) = struct.unpack_from(f"{order}I", data, at)
    at += 4
    if end > len(data) or length < 8:
        raise FormatError("a table of .BTF.ext is not valid", at)
    while at < end:
        name, count = struct.unpack_from(f"{order}II", data, at)
        at += 8
        if at + count * length > end:
            raise FormatError("a table of .BTF.ext is cut off", at)
        section = btf.string(name)
        for _ in range(count):
            yield section, data[at : at + length]
            at += length


def _insn(offset: int) -> int:
    if offset % _INSN:
        raise FormatError("an entry of .BTF.ext lies between instructions", offset)
    return offset // _INSN
