from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpfkit.elf.image import (
    ET_DYN,
    ET_EXEC,
    STT_FUNC,
    ElfImage,
    ImageSymbol,
    Note,
    parse_notes,
)
from bpfkit.errors import FormatError

BINARIES = Path(__file__).parents[3] / "conformance/binaries"


def image(name: str) -> ElfImage:
    return ElfImage((BINARIES / name).read_bytes())


def test_a_file_says_what_it_is() -> None:
    pie, fixed = image("pie"), image("fixed")
    assert (pie.kind, fixed.kind) == (ET_DYN, ET_EXEC)
    assert (pie.arch, pie.bits, pie.order) == ("x86_64", 64, "<")
    assert len(pie.build_id) == 20
    assert pie.build_id != fixed.build_id


def test_symbols_are_found_by_their_names() -> None:
    (found,) = image("pie").find("hidden_twice")
    assert found.kind == STT_FUNC
    assert found in set(image("pie").symbols())
    assert image("pie").find("no_such_symbol") == []


def test_a_name_that_is_the_end_of_another_is_found() -> None:
    # Linkers keep one string for both.
    names = {symbol.name for symbol in image("pie").symbols()}
    for name in names:
        assert all(s.name == name for s in image("pie").find(name))
        assert image("pie").find(name)


def test_addresses_and_offsets_are_translated_both_ways() -> None:
    fixed = image("fixed")
    (symbol,) = fixed.find("add")
    offset = fixed.file_offset(symbol.address)
    assert offset is not None
    assert offset != symbol.address
    assert fixed.address_at(offset) == symbol.address
    assert fixed.is_code(symbol.address)
    assert fixed.file_offset(0) is None
    assert fixed.address_at(1 << 40) is None


def test_data_is_no_code() -> None:
    pie = image("pie")
    (symbol,) = pie.find("in_memory")
    assert not pie.is_code(symbol.address)
    assert struct.unpack("<i", pie.read_address(symbol.address, 4)) == (-77,)


def test_a_stripped_file_names_its_symbols() -> None:
    stripped = image("stripped")
    assert not stripped.has_symtab
    assert stripped.find("hidden_twice") == []
    link = stripped.debuglink
    assert link is not None
    assert link[0] == "stripped.debug"
    assert stripped.build_id == image("pie").build_id
    assert image("pie").debuglink is None
    assert image("pie").mini_debug_info() is None


def test_compressed_symbols_are_unpacked() -> None:
    inside = image("mini").mini_debug_info()
    assert inside is not None
    assert inside.find("hidden_twice") == image("pie").find("hidden_twice")


def test_damaged_compressed_symbols_are_told() -> None:
    data = bytearray((BINARIES / "mini").read_bytes())
    section = image("mini").section(".gnu_debugdata")
    assert section is not None
    data[section.offset + 20 : section.offset + 60] = bytes(40)
    with pytest.raises(FormatError, match="gnu_debugdata"):
        ElfImage(bytes(data)).mini_debug_info()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x7fEL",
        b"#!/bin/sh\n",
        b"\x7fELF",
        b"\x7fELF\x03\x01" + bytes(100),
        b"\x7fELF\x02\x01",
    ],
)
def test_what_is_no_elf_file_is_told(data: bytes) -> None:
    with pytest.raises(FormatError):
        ElfImage(data)


def read_everything(elf: ElfImage) -> list[ImageSymbol]:
    _ = elf.segments, elf.build_id, elf.debuglink, list(elf.notes(".note.stapsdt"))
    return list(elf.symbols())


def test_a_cut_file_is_an_error_or_whole() -> None:
    data = (BINARIES / "stripped.debug").read_bytes()
    whole = read_everything(ElfImage(data))
    for length in range(0, len(data), 7):
        try:
            assert read_everything(ElfImage(data[:length])) == whole
        except FormatError:
            continue


@given(st.integers(0, 3000), st.binary(min_size=1, max_size=8))
def test_damage_is_an_error_or_a_value(at: int, noise: bytes) -> None:
    data = bytearray((BINARIES / "stripped.debug").read_bytes())
    data[at : at + len(noise)] = noise
    try:
        elf = ElfImage(bytes(data))
        read_everything(elf)
        elf.find("add")
        elf.mini_debug_info()
    except FormatError:
        pass


def small_elf(order: str, bits: int) -> bytes:
    """A file of one segment and no sections, of any word size and byte order."""
    ident = b"\x7fELF" + bytes([bits // 32, {"<": 1, ">": 2}[order], 1]) + bytes(9)
    if bits == 32:
        head = struct.pack(order + "HHIIIIIHHHHHH", 2, 40, 1, 0x8000, 52, 0, 0, 52, 32, 1, 0, 0, 0)
        segment = struct.pack(order + "8I", 1, 0x100, 0x8100, 0, 0x40, 0x80, 5, 4)
    else:
        head = struct.pack(order + "HHIQQQIHHHHHH", 2, 22, 1, 0x8000, 64, 0, 0, 64, 56, 1, 0, 0, 0)
        segment = struct.pack(order + "IIQQQQQQ", 1, 5, 0x100, 0x8100, 0, 0x40, 0x80, 4)
    return ident + head + segment


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("order", ["<", ">"])
def test_every_word_size_and_byte_order_is_read(order: str, bits: int) -> None:
    elf = ElfImage(small_elf(order, bits))
    assert elf.file_offset(0x8110) == 0x110
    assert elf.file_offset(0x8150) is None  # beyond the file, zeroed memory
    assert elf.is_code(0x8150)
    assert list(elf.symbols()) == []
    assert elf.build_id == b""


def note(owner: bytes, kind: int, data: bytes) -> bytes:
    def padded(part: bytes) -> bytes:
        return part.ljust(-(-len(part) // 4) * 4, b"\0")

    return struct.pack("<III", len(owner), len(data), kind) + padded(owner) + padded(data)


@given(
    st.lists(
        st.tuples(st.text("abcXYZ", max_size=9), st.integers(0, 2**32 - 1), st.binary(max_size=20))
    )
)
def test_notes_are_taken_apart(notes: list[tuple[str, int, bytes]]) -> None:
    data = b"".join(note(owner.encode() + b"\0", kind, text) for owner, kind, text in notes)
    assert list(parse_notes(data, "<")) == [Note(*n) for n in notes]


def test_a_note_cut_off_is_told() -> None:
    data = note(b"GNU\0", 3, b"12345678")
    for length in range(12, len(data)):
        with pytest.raises(FormatError):
            list(parse_notes(data[:length], "<"))
