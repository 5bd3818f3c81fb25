"""Linked ELF files: executables and shared libraries, as probes in user space need them.

A file may be hundreds of megabytes, so nothing is read before it is asked for: `ElfImage` works on
a memory map as well as on bytes. Files of 32 and 64 bits, of either byte order.
Source: the ELF object file format, versions 1.2 and 1.5; the DWARF debuginfo conventions of GDB's
manual, "Separate Debug Files" and "MiniDebugInfo".
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from ..errors import FormatError

ET_EXEC, ET_DYN = 2, 3
PT_LOAD, PT_NOTE = 1, 4
PF_X, PF_W = 1, 2
SHT_SYMTAB, SHT_NOTE, SHT_NOBITS, SHT_DYNSYM = 2, 7, 8, 11
STT_NOTYPE, STT_OBJECT, STT_FUNC, STT_GNU_IFUNC = 0, 1, 2, 10
FUNCTION_KINDS = frozenset({STT_FUNC, STT_GNU_IFUNC})
MACHINES = {
    3: "i386", 20: "ppc", 21: "ppc64", 22: "s390x", 40: "arm", 62: "x86_64", 183: "aarch64",
    243: "riscv64", 258: "loongarch64",
}  # fmt: skip
"""EM_* to the name that uname(2) has for it."""
_NT_GNU_BUILD_ID = 3
_ORDERS = {1: "<", 2: ">"}
_IDENT_BYTES = 16


class _Layout(NamedTuple):
    """Where the tables of one word size have what. Symbols are put in one order by ``symbol``."""

    header: str
    segment: str
    segment_fields: tuple[int, ...]  # type, flags, offset, vaddr, filesz, memsz
    section: str
    symbol: str
    symbol_fields: tuple[int, ...]  # name, info, shndx, value, size


_LAYOUTS = {
    1: _Layout("HHIIIIIHHHHHH", "8I", (0, 6, 1, 2, 4, 5), "10I", "IIIBBH", (0, 3, 5, 1, 2)),
    2: _Layout(
        "HHIQQQIHHHHHH", "IIQQQQQQ", (0, 1, 2, 3, 5, 6), "IIQQQQIIQQ", "IBBHQQ", (0, 1, 3, 4, 5)
    ),
}


@dataclass(frozen=True, slots=True)
class Segment:
    """A program header."""

    kind: int
    flags: int
    offset: int
    address: int
    file_bytes: int
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class Section:
    """A section header."""

    name: str
    kind: int
    address: int
    offset: int
    size: int
    link: int


class ImageSymbol(NamedTuple):
    """A symbol that is defined here. ``address`` is virtual, as the file was linked."""

    name: str
    kind: int
    address: int
    size: int


class Note(NamedTuple):
    """An entry of a note section or segment."""

    owner: str
    kind: int
    data: bytes


class ElfImage:
    """One linked file. Raises FormatError for what is none, or is damaged where it is read."""

    def __init__(self, data: bytes | mmap.mmap) -> None:
        """``data`` is the whole file, and must stay open as long as this."""
        self._data = data
        if data[:4] != b"\x7fELF":
            raise FormatError("this is not an ELF file", 0)
        layout = _LAYOUTS.get(data[4] if len(data) > 5 else 0)
        order = _ORDERS.get(data[5] if len(data) > 5 else 0)
        if layout is None or order is None:
            raise FormatError("this ELF file is neither of 32 nor of 64 bits, or cut off", 4)
        self._layout, self.order = layout, order
        self.bits = 32 * data[4]
        fields = self._at(layout.header, _IDENT_BYTES, "header")
        self.kind, number = fields[:2]
        self.arch = MACHINES.get(number, f"machine {number}")
        """The architecture, as uname(2) calls it."""
        self._segment_table, self._section_table = fields[4:6]
        self._segment_count, self._section_count, self._names = fields[9], fields[11], fields[12]

    # ------------------------------------------------------------ tables

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        """The program headers."""
        rows = self._table(self._layout.segment, self._segment_table, self._segment_count)
        pick = self._layout.segment_fields
        return tuple(Segment(*(row[i] for i in pick)) for row in rows)

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        """The section headers; none in a file that was stripped of them."""
        rows = self._table(self._layout.section, self._section_table, self._section_count)
        if self._names >= len(rows):
            return ()
        names = self._slice(rows[self._names][4], rows[self._names][5], "section names")
        return tuple(Section(_string(names, r[0]), r[1], r[3], r[4], r[5], r[6]) for r in rows)

    def section(self, name: str) -> Section | None:
        """The first section of a name."""
        return next((s for s in self.sections if s.name == name), None)

    def content(self, section: Section) -> bytes:
        """The bytes of a section; none for one that has no content in the file."""
        if section.kind in (0, SHT_NOBITS):
            return b""
        return self._slice(section.offset, section.size, f"section {section.name}")

    def has_content(self, name: str) -> bool:
        """Whether a section is there and not emptied, as debug files empty theirs."""
        section = self.section(name)
        return section is not None and section.kind != SHT_NOBITS

    # ------------------------------------------------------------ addresses

    def file_offset(self, address: int) -> int | None:
        """Where in the file the byte is that is loaded at ``address``; None when none is.

        Code is preferred where segments overlap.
        """
        found = None
        for segment in self.segments:
            if segment.kind != PT_LOAD:
                continue
            if 0 <= address - segment.address < segment.file_bytes:
                offset = address - segment.address + segment.offset
                if segment.flags & PF_X:
                    return offset
                found = offset if found is None else found
        return found

    def address_at(self, offset: int) -> int | None:
        """The address that the byte at a file offset is loaded to; None when it is not."""
        for segment in self.segments:
            if segment.kind == PT_LOAD and 0 <= offset - segment.offset < segment.file_bytes:
                return offset - segment.offset + segment.address
        return None

    def is_code(self, address: int) -> bool:
        """Whether ``address`` lies in a segment that is executed."""
        return any(
            s.kind == PT_LOAD and s.flags & PF_X and 0 <= address - s.address < s.memory_bytes
            for s in self.segments
        )

    # ------------------------------------------------------------ symbols

    def symbols(self) -> Iterator[ImageSymbol]:
        """Give every symbol defined here, of .symtab and then of .dynsym."""
        _, *fields = self._layout.symbol_fields
        for rows, names in self._symbol_tables():
            for row in rows:
                info, place, value, size = (row[i] for i in fields)
                if place:
                    yield ImageSymbol(_string(names, row[0]), info & 0xF, value, size)

    def find(self, name: str) -> list[ImageSymbol]:
        """The symbols of one name. Versions (``name@@GLIBC_2.2``) do not count."""
        wanted = name.encode("utf-8", "surrogateescape")
        found: dict[tuple[int, int], ImageSymbol] = {}
        _, *fields = self._layout.symbol_fields
        for rows, names in self._symbol_tables():
            # Names share their ends, and many stand before the one: ask the strings first.
            places = _places_of(names, wanted)
            for row in rows if places else ():
                if row[0] not in places:
                    continue
                info, place, value, size = (row[i] for i in fields)
                if place:
                    symbol = ImageSymbol(name, info & 0xF, value, size)
                    found.setdefault((symbol.kind, value), symbol)
        return list(found.values())

    def _symbol_tables(self) -> Iterator[tuple[Iterator[tuple[int, ...]], bytes]]:
        row = struct.Struct(self.order + self._layout.symbol)
        for kind in (SHT_SYMTAB, SHT_DYNSYM):
            for section in self.sections:
                if section.kind != kind or section.link >= len(self.sections):
                    continue
                data = self.content(section)
                names = self.content(self.sections[section.link])
                yield row.iter_unpack(data[: len(data) // row.size * row.size]), names

    @property
    def has_symtab(self) -> bool:
        """Whether the full symbol table is here; strip(1) takes it away."""
        return self.has_content(".symtab")

    # ------------------------------------------------------------ notes and what they lead to

    def notes(self, section: str = "") -> Iterator[Note]:
        """Give the notes of one section, or of all segments of notes."""
        if section:
            found = self.section(section)
            if found is not None:
                yield from parse_notes(self.content(found), self.order)
            return
        for segment in self.segments:
            if segment.kind == PT_NOTE:
                data = self._slice(segment.offset, segment.file_bytes, "notes")
                yield from parse_notes(data, self.order)

    @cached_property
    def build_id(self) -> bytes:
        """What tells this build from every other; empty when the file has none."""
        ids = (n.data for n in self.notes() if (n.owner, n.kind) == ("GNU", _NT_GNU_BUILD_ID))
        return next(ids, b"")

    @property
    def debuglink(self) -> tuple[str, int] | None:
        """Name and CRC-32 of the file with what was stripped, as .gnu_debuglink tells."""
        section = self.section(".gnu_debuglink")
        data = self.content(section) if section else b""
        name, _, _ = data.partition(b"\0")
        if not name or len(data) < len(name) + 5:
            return None
        (crc,) = struct.unpack(self.order + "I", data[-4:])
        return name.decode("utf-8", "surrogateescape"), crc

    def mini_debug_info(self) -> ElfImage | None:
        """The file inside .gnu_debugdata: function symbols that strip(1) would have removed."""
        section = self.section(".gnu_debugdata")
        if section is None:
            return None
        import lzma  # few files have such a section

        try:
            return ElfImage(lzma.decompress(self.content(section)))
        except (lzma.LZMAError, EOFError) as error:
            raise FormatError(f"section .gnu_debugdata is damaged: {error}") from error

    # ------------------------------------------------------------ bytes

    def read_address(self, address: int, size: int) -> bytes:
        """Bytes as they are loaded at ``address``; fewer, or none, where the file has none."""
        offset = self.file_offset(address)
        return b"" if offset is None else bytes(self._data[offset : offset + size])

    def _slice(self, offset: int, size: int, what: str) -> bytes:
        if offset + size > len(self._data):
            raise FormatError(f"the {what} of this ELF file is cut off", offset)
        return bytes(self._data[offset : offset + size])

    def _at(self, form: str, offset: int, what: str) -> tuple[int, ...]:
        row = struct.Struct(self.order + form)
        return row.unpack(self._slice(offset, row.size, what))

    def _table(self, form: str, offset: int, count: int) -> list[tuple[int, ...]]:
        row = struct.Struct(self.order + form)
        return list(row.iter_unpack(self._slice(offset, count * row.size, "table of contents")))


def parse_notes(data: bytes, order: str) -> Iterator[Note]:
    """Take notes apart. Raises FormatError where one is cut off."""
    at = 0
    while at + 12 <= len(data):
        owner_size, size, kind = struct.unpack_from(order + "III", data, at)
        start = at + 12 + _aligned(owner_size)
        if start + size > len(data):
            raise FormatError("a note of this ELF file is cut off", at)
        owner = data[at + 12 : at + 12 + owner_size].rstrip(b"\0")
        yield Note(owner.decode("latin-1"), kind, data[start : start + size])
        at = start + _aligned(size)


def _aligned(size: int) -> int:
    return -(-size // 4) * 4


def _places_of(names: bytes, wanted: bytes) -> frozenset[int]:
    """Where in a table of strings one begins, as a whole or as the end of a longer one."""
    places = set()
    key = wanted + b"\0"
    at = names.find(key)
    while at >= 0:
        places.add(at)
        at = names.find(key, at + 1)
    return frozenset(places)


def _string(strings: bytes, offset: int) -> str:
    end = strings.find(b"\0", offset)
    if offset and end < 0:
        raise FormatError(f"a name lies outside the strings of this ELF file ({offset})")
    return strings[offset : max(end, 0)].decode("utf-8", "surrogateescape")
