"""Keys and leaves as text, as bcc writes them."""

from __future__ import annotations

import ctypes
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpfkit.compat.bcc.tables.formatting import emit, parse


class Inner(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char * 8), ("path", ctypes.c_char * 8)]


class Outer(ctypes.Structure):
    _fields_ = [
        ("uid", ctypes.c_uint),
        ("__pad_1", ctypes.c_char * 4),
        ("stack", Inner * 2),
        ("low", ctypes.c_uint, 4),
        ("high", ctypes.c_uint, 28),
        ("row", ctypes.c_short * 3),
        ("strings", (ctypes.c_char * 4) * 2),
    ]


def outer() -> Outer:
    made = Outer(uid=1, low=3, high=9, row=(1, -1, 2))
    made.stack[0].name, made.stack[0].path = b"a", b"/b"
    made.strings[1].value = b"xy"
    return made


TEXT = (
    b'{ 0x1 [ { "a" "/b" } { "" "" } ] 0x3 0x9 [ 0x1 0xffff 0x2 ] [ "" "xy" ] }'
)  # fmt: skip


def test_records_arrays_strings_and_bit_fields() -> None:
    assert emit(outer()) == TEXT


class Either(ctypes.Union):
    _fields_ = [("a", ctypes.c_uint), ("b", ctypes.c_ulonglong)]


class WithUnion(ctypes.Structure):
    _fields_ = [("k", ctypes.c_uint), ("u", Either)]


def test_a_union_is_its_first_member() -> None:
    made = WithUnion(1, (5,))
    assert emit(made) == b"{ 0x1 { 0x5 } }"
    assert bytes(parse(WithUnion, emit(made))) == bytes(made)


def test_what_was_written_is_read() -> None:
    made = parse(Outer, TEXT)
    assert bytes(made) == bytes(outer())


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (ctypes.c_int, "-5", -5),
        (ctypes.c_int, "0xffffffff", -1),
        (ctypes.c_uint, " 010 ", 8),
        (ctypes.c_ulonglong, b"0", 0),
        (ctypes.c_char, "0x41", b"A"),
        (ctypes.c_bool, "0x1", True),
    ],
)
def test_numbers_are_read_as_c_reads_them(kind: Any, text: str | bytes, value: object) -> None:  # noqa: ANN401
    assert parse(kind, text).value == value


@given(st.integers(-(2**31), 2**31 - 1))
def test_numbers_come_back(number: int) -> None:
    assert parse(ctypes.c_int, emit(ctypes.c_int(number))).value == number


@pytest.mark.parametrize("cut", range(len(TEXT) - 1))
def test_text_that_is_cut_off_is_refused(cut: int) -> None:
    with pytest.raises(ValueError, match=r"^Could not scanf leaf: .*(byte|invalid literal)"):
        parse(Outer, TEXT[:cut])


@pytest.mark.parametrize("text", [b"", b"x", b"1 2", b"{ 1 }", b"[", b'"a"'], ids=lambda t: repr(t))
def test_text_of_another_class_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"^Could not scanf leaf: .*(byte|invalid literal)"):
        parse(ctypes.c_int, text)


def test_what_has_no_text_is_named() -> None:
    with pytest.raises(TypeError, match="c_double has no text"):
        emit(ctypes.c_double(1))
