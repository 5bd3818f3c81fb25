"""The few facts of a 64-bit ELF file that booting needs: its interpreter, and its PVH entry point.

Source: elf(5); the note is XEN_ELFNOTE_PHYS32_ENTRY of xen/interface/elfnote.h.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_PROGRAM = struct.Struct("<IIQQQQQQ")
_NOTE = struct.Struct("<III")
_PT_INTERP, _PT_NOTE = 3, 4
_XEN_PHYS32_ENTRY = 18


def is_elf(path: Path) -> bool:
    """Whether ``path`` is a 64-bit little-endian ELF file."""
    with path.open("rb") as file:
        return file.read(6) == b"\x7fELF\x02\x01"


def is_static(path: Path) -> bool:
    """Whether ``path`` runs without a dynamic loader."""
    if not is_elf(path):
        return False
    with path.open("rb") as file:
        return not any(kind == _PT_INTERP for kind, _, _ in _segments(file))


def has_pvh_entry(path: Path) -> bool:
    """Whether the kernel ``path`` can be booted as an uncompressed ELF file (CONFIG_PVH)."""
    if not is_elf(path):
        return False
    with path.open("rb") as file:
        for kind, offset, size in list(_segments(file)):
            if kind == _PT_NOTE:
                file.seek(offset)
                if _has_note(file.read(size), b"Xen\0", _XEN_PHYS32_ENTRY):
                    return True
    return False


def _segments(file: BinaryIO) -> Iterator[tuple[int, int, int]]:
    """Yield type, file offset and file size of each program header."""
    file.seek(0)
    header = _HEADER.unpack(file.read(_HEADER.size))
    table, entry_size, count = header[5], header[9], header[10]
    file.seek(table)
    raw = file.read(entry_size * count)
    for index in range(count):
        kind, _, offset, _, _, size, _, _ = _PROGRAM.unpack_from(raw, index * entry_size)
        yield kind, offset, size


def _has_note(notes: bytes, name: bytes, kind: int) -> bool:
    at = 0
    while at + _NOTE.size <= len(notes):
        name_size, value_size, note_kind = _NOTE.unpack_from(notes, at)
        at += _NOTE.size
        if note_kind == kind and notes[at : at + name_size] == name:
            return True
        at += -(-name_size // 4) * 4 + -(-value_size // 4) * 4
    return False
