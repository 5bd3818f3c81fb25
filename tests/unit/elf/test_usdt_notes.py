from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpfkit.elf.image import ElfImage
from bpfkit.elf.usdt import Place, UsdtArgument, parse_arguments, read_usdt_notes
from bpfkit.errors import FormatError

BINARIES = Path(__file__).parents[3] / "conformance/binaries"


def one(text: str, arch: str = "x86_64") -> UsdtArgument:
    (argument,) = parse_arguments(text, arch)
    return argument


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("8@%rax", (8, False, Place.REGISTER, 0, "rax", "", 1, ""), id="register"),
        pytest.param("-4@%r10d", (4, True, Place.REGISTER, 0, "r10d", "", 1, ""), id="signed"),
        pytest.param("1@%ah", (1, False, Place.REGISTER, 0, "ah", "", 1, ""), id="high-byte"),
        pytest.param("-1@$-7", (1, True, Place.CONSTANT, -7, "", "", 1, ""), id="constant"),
        pytest.param("8@$0xff", (8, False, Place.CONSTANT, 255, "", "", 1, ""), id="hexadecimal"),
        pytest.param("8@$name+8", (8, False, Place.CONSTANT, 8, "", "", 1, "name"), id="of"),
        pytest.param("4@(%rdi)", (4, False, Place.MEMORY, 0, "rdi", "", 1, ""), id="memory"),
        pytest.param("-4@-20(%rbp)", (4, True, Place.MEMORY, -20, "rbp", "", 1, ""), id="offset"),
        pytest.param(
            "8@16(%rax,%rbx,4)", (8, False, Place.MEMORY, 16, "rax", "rbx", 4, ""), id="index"
        ),
        pytest.param("2@(%rax,%rbx)", (2, False, Place.MEMORY, 0, "rax", "rbx", 1, ""), id="sum"),
        pytest.param("8@8(,%rbx,8)", (8, False, Place.MEMORY, 8, "", "rbx", 8, ""), id="no-base"),
        pytest.param("4@x(%rip)", (4, False, Place.MEMORY, 0, "", "", 1, "x"), id="symbol"),
        pytest.param("4@x+4(%rip)", (4, False, Place.MEMORY, 4, "", "", 1, "x"), id="behind"),
        pytest.param("4@-8+x(%rip)", (4, False, Place.MEMORY, -8, "", "", 1, "x"), id="before"),
        pytest.param("4@x(%rax)", (4, False, Place.MEMORY, 0, "rax", "", 1, "x"), id="both"),
        pytest.param("4@4096", (4, False, Place.MEMORY, 4096, "", "", 1, ""), id="absolute"),
        pytest.param("%rax", (8, False, Place.REGISTER, 0, "rax", "", 1, ""), id="no-size"),
        pytest.param("4@$010", (4, False, Place.CONSTANT, 8, "", "", 1, ""), id="octal"),
        pytest.param("4@$09", (4, False, Place.CONSTANT, 9, "", "", 1, ""), id="decimal"),
    ],
)
def test_operands_of_x86(text: str, expected: tuple[object, ...]) -> None:
    a = one(text)
    found = (a.size, a.signed, a.place, a.offset, a.base, a.index, a.scale, a.symbol)
    assert found == expected
    assert a.text == text.partition("@")[2] or a.text == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("8@x3", (8, False, Place.REGISTER, 0, "x3", "", 1), id="register"),
        pytest.param("-4@w12", (4, True, Place.REGISTER, 0, "w12", "", 1), id="half"),
        pytest.param("8@sp", (8, False, Place.REGISTER, 0, "sp", "", 1), id="stack"),
        pytest.param("4@-5", (4, False, Place.CONSTANT, -5, "", "", 1), id="constant"),
        pytest.param("8@xzr", (8, False, Place.CONSTANT, 0, "", "", 1), id="zero"),
        pytest.param("8@[x1]", (8, False, Place.MEMORY, 0, "x1", "", 1), id="memory"),
        pytest.param("-8@[sp, 16]", (8, True, Place.MEMORY, 16, "sp", "", 1), id="blank"),
        pytest.param("4@[x0,-20]", (4, False, Place.MEMORY, -20, "x0", "", 1), id="negative"),
        pytest.param("8@[x1, x2]", (8, False, Place.MEMORY, 0, "x1", "x2", 1), id="index"),
        pytest.param("8@[x1, x2, lsl 3]", (8, False, Place.MEMORY, 0, "x1", "x2", 8), id="scale"),
    ],
)
def test_operands_of_aarch64(text: str, expected: tuple[object, ...]) -> None:
    a = one(text, "aarch64")
    assert (a.size, a.signed, a.place, a.offset, a.base, a.index, a.scale) == expected


def test_operands_with_blanks_are_kept_together() -> None:
    found = parse_arguments("8@[sp, 16] -4@w0 8@[x1, x2, lsl 3] 4@7", "aarch64")
    assert [a.text for a in found] == ["[sp, 16]", "w0", "[x1, x2, lsl 3]", "7"]


def test_operands_without_sizes_are_separated_by_blanks() -> None:
    assert [a.base for a in parse_arguments("%rax %rbx", "x86_64")] == ["rax", "rbx"]


@pytest.mark.parametrize("text", ["8f@%xmm0", "16@%xmm0"[1:], "8@%fs:0x28", "8@-4(%rip)", "4@{z}"])
def test_what_programs_cannot_read_is_kept_as_text(text: str) -> None:
    try:
        assert one(text).place is Place.UNREADABLE
    except FormatError:
        assert not text.startswith("8")


@pytest.mark.parametrize("text", ["3@%eax", "8@", "-16@%rax"])
def test_what_is_no_operand_is_told(text: str) -> None:
    with pytest.raises(FormatError):
        parse_arguments(text, "x86_64")


def test_other_architectures_are_listed_but_not_read() -> None:
    assert [a.place for a in parse_arguments("8@%r2 -4@160(%r15)", "s390x")] == [
        Place.UNREADABLE,
        Place.UNREADABLE,
    ]


@given(st.text("-8124f@%$()[],+*raxbpsi0123456789 wx", max_size=30))
def test_any_text_is_an_error_or_a_list(text: str) -> None:
    for arch in ("x86_64", "aarch64", "s390x"):
        try:
            found = parse_arguments(text, arch)
        except FormatError:
            continue
        assert all(a.size in (1, 2, 4, 8) for a in found)


def test_notes_of_a_file_are_read_in_order() -> None:
    notes = read_usdt_notes(ElfImage((BINARIES / "pie").read_bytes()))
    assert [n.name for n in notes[:4]] == ["wide", "narrow", "memory", "many"]
    assert {n.provider for n in notes} == {"trial", "other"}
    (guarded,) = [n for n in notes if n.name == "guarded"]
    assert guarded.semaphore
    assert all(not n.semaphore for n in notes if n is not guarded)


def test_notes_follow_code_that_was_moved() -> None:
    """Prelink changes where a file is loaded, and with it the base, not the notes."""
    data = bytearray((BINARIES / "pie").read_bytes())
    before = read_usdt_notes(ElfImage(bytes(data)))
    section_table = int.from_bytes(data[40:48], "little")
    image = ElfImage(bytes(data))
    index = next(i for i, s in enumerate(image.sections) if s.name == ".stapsdt.base")
    at = section_table + index * 64 + 16
    moved = int.from_bytes(data[at : at + 8], "little") + 0x1000
    data[at : at + 8] = moved.to_bytes(8, "little")
    after = read_usdt_notes(ElfImage(bytes(data)))
    assert [n.address - 0x1000 for n in after] == [n.address for n in before]
    assert [n.semaphore and n.semaphore - 0x1000 for n in after] == [n.semaphore for n in before]


def test_a_note_that_is_too_short_is_told() -> None:
    data = bytearray((BINARIES / "pie").read_bytes())
    section = ElfImage(bytes(data)).section(".note.stapsdt")
    assert section is not None
    data[section.offset + 4] = 8  # bytes of the first note
    with pytest.raises(FormatError):
        read_usdt_notes(ElfImage(bytes(data)))
