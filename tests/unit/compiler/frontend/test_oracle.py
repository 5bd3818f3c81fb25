"""Reading what clang prints."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpfkit.compiler.frontend.literals import pad, parse_string
from bpfkit.compiler.frontend.oracle import (
    AsmText,
    Designator,
    ForParts,
    read_asms,
    read_atomics,
    read_designations,
    read_fors,
    read_generics,
    read_hints,
    tokenize,
)


def test_a_for_inside_a_string_does_not_count() -> None:
    tokens = tokenize("for (char *s = \"for (;;)\"; f(';');) { for (;;({ a; b; })) x; }")
    assert read_fors(tokens) == [ForParts(True, True, False), ForParts(False, False, True)]


def test_asm_statements() -> None:
    text = (
        'asm volatile ("" : "=r" (x), "+m" (*p) : [n] "r" (y) : "memory", "r1");\n'
        'asm ("a" "b");\nint f(void) asm("label");\nasm goto ("" : : : : out);'
    )
    assert read_asms(tokenize(text)) == [
        AsmText("", ("=r", "+m"), ("r",), ("memory", "r1"), False),
        AsmText("ab", (), (), (), False),
        AsmText("", (), (), (), True),
    ]


def test_atomics_are_calls() -> None:
    tokens = tokenize("__atomic_fetch_add(&x, __atomic_load_n(&y, 5), 0); int __atomic_z;")
    assert read_atomics(tokens) == ["__atomic_fetch_add", "__atomic_load_n"]


def test_pragmas_of_one_loop_are_one() -> None:
    text = (
        "#pragma clang loop vectorize(enable)\n  #pragma unroll (4)\n for\n"
        "#pragma nounroll\nwhile\n#pragma clang loop unroll(full)\ndo"
    )
    assert [hint.unroll if hint else None for hint in read_hints(text)] == [4, "disable", "full"]


def test_designators() -> None:
    tokens = tokenize("{.a.b = 1, [0 ... 3].c = {[1][2] = .5}, f(x, [y]), .e = a[1]}")
    member, index, ranged = Designator.MEMBER, Designator.INDEX, Designator.RANGE
    assert read_designations(tokens) == [
        (member, member),
        (ranged, member),
        (index, index),
        (member,),
    ]


def test_generic_associations() -> None:
    tokens = tokenize("_Generic(f(a, b), const char *: x ? y : z, default: 3)")
    assert read_generics(tokens) == [("const char *", "default")]


@pytest.mark.parametrize(
    ("spelling", "data"),
    [
        ('""', b""),
        ('u8"a"', b"a"),
        (r'"\n\t\\\"\'\a\x41\101\0"', b"\n\t\\\"'\aAA\0"),
        ('"é"', "é".encode()),
    ],
)
def test_string_spellings(spelling: str, data: bytes) -> None:
    assert parse_string(spelling) == data


@given(st.binary())
def test_octal_escapes_give_every_byte(data: bytes) -> None:
    assert parse_string('"' + "".join(f"\\{b:03o}" for b in data) + '"') == data


def test_a_wide_string_is_no_string_of_bytes() -> None:
    with pytest.raises(ValueError, match="not a string of bytes"):
        parse_string('L"a"')


def test_padding_cuts_too() -> None:
    assert pad(b"abc", 2) == b"ab"
    assert pad(b"abc", 5) == b"abc\0\0"
