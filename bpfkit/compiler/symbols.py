"""Symbols named like a section: ``SEC("xdp") int xdp(…)``, ``char license[] SEC("license")``.

LLVM keeps a section's own symbol under the section's name and takes a second one of that name for
it. So such symbols are lowered with a mark before their name, which is taken off in the object: the
name is the end of the marked string, where the symbol's string offset is moved to.

Source: ELF-64 object file format; MCContext::createELFSectionImpl, llvm/lib/MC/MCContext.cpp.
"""

from __future__ import annotations

import struct

MARK = "__named_like_a_section."
_SECTION_HEADERS = 0x28  # e_shoff in the header; e_shentsize and e_shnum follow at 0x3A
_HEADER_BYTES, _SYMBOL_BYTES, _SYMTAB = 64, 24, 2


def without_marks(elf: bytes) -> bytes:
    """Take `MARK` off the names of the symbols of an object of ours."""
    order = "<" if elf[5] == 1 else ">"
    (table,) = struct.unpack_from(f"{order}Q", elf, _SECTION_HEADERS)
    (count,) = struct.unpack_from(f"{order}H", elf, 0x3C)
    # sh_name, sh_type, sh_flags, sh_addr, sh_offset, sh_size, sh_link
    sections = [
        struct.unpack_from(f"{order}IIQQQQI", elf, table + index * _HEADER_BYTES)
        for index in range(count)
    ]
    found = bytearray(elf)
    for section in sections:
        if section[1] != _SYMTAB:
            continue
        strings = sections[section[6]][4]
        for at in range(section[4], section[4] + section[5], _SYMBOL_BYTES):
            (name,) = struct.unpack_from(f"{order}I", elf, at)
            if elf.startswith(MARK.encode(), strings + name):
                struct.pack_into(f"{order}I", found, at, name + len(MARK))
    return bytes(found)
