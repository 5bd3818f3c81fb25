"""Initialisers: C11 6.7.9."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpfkit.compiler.dump import dump_expr
from bpfkit.compiler.tree import InitList, StrLit
from tests.unit.compiler.frontend.snippets import flat, unit_of

CASES = [
    pytest.param("int a[4] = {1, [2] = 5, 6};", "{0=1, 8=5, 12=6}", id="go-on-after-designator"),
    pytest.param("int a[2][3] = {1, 2, 3, 4};", "{0=1, 4=2, 8=3, 12=4}", id="elided-rows"),
    pytest.param("int a[2][3] = {{1}, {2}};", "{0=1, 12=2}", id="rows"),
    pytest.param("int a[2][3] = {[1] = {[2] = 7}, [0][1] = 3};", "{20=7, 4=3}", id="subscripts"),
    pytest.param("int a[4] = {[0 ... 2] = 7};", "{0=7, 4=7, 8=7}", id="range"),
    pytest.param("int a[3][3] = {[0 ... 1][2] = 7};", "{8=7, 20=7}", id="range-then-subscript"),
    pytest.param("int a[3][3] = {[0][1 ... 2] = 7};", "{4=7, 8=7}", id="subscript-then-range"),
    pytest.param("int a[3][3] = {[0][1] = 7};", "{4=7}", id="two-subscripts"),
    pytest.param("int a[3][2] = {[0 ... 1] = {7}};", "{0=7, 8=7}", id="range-of-rows"),
    pytest.param("struct in a[3] = {[0 ... 1].y = 5, 6};", "{4=5, 12=5, 16=6}", id="range-member"),
    pytest.param("int a[3] = {1, 2, 3, 4};", "{0=1, 4=2, 8=3}", id="excess-is-dropped"),
    pytest.param("int a[2] = {};", "{}", id="empty"),
    pytest.param("int a = {5};", "5", id="scalar-in-braces"),
    pytest.param("int *a = {};", "(cast int* 0)", id="scalar-empty-braces"),
    pytest.param("struct in a = {1, .y = 2};", "{0=1, 4=2}", id="record"),
    pytest.param("struct in a[2] = {1, 2, 3};", "{0=1, 4=2, 8=3}", id="elided-records"),
    pytest.param("struct in a[2] = {{1, 2}, v.in};", "{0=1, 4=2, 8=(load (. v in))}", id="copy"),
    pytest.param("struct in a[3] = {[1] = 1, 2, 3};", "{8=1, 12=2, 16=3}", id="elided-after"),
    pytest.param("struct s a = {.in.x = 1, .in = {5}};", "{4=5}", id="given-again"),
    pytest.param("struct s a = {.in = {1, 2}, .in.y = 3};", "{4=1, 8=2, 8=3}", id="overridden"),
    pytest.param("struct s a = {.b = 3, .c = 4};", "{16=(cast long 4)}", id="other-union-member"),
    pytest.param("struct s a = {.d = 3, .e = 4};", "{16=(cast short 3), 18=(cast short 4)}",
        id="same-union-member"),
    pytest.param("struct s a = {1, 2, 3, 4, 5, 6, 7};",
        "{0=1, 4=2, 8=3, 16=(cast u8 4), 24=5, 28=6, 32=7}", id="through-everything"),
    pytest.param("struct s a = {.f2 = 2, .w = -1};",
        "{36:291+5=(cast u32 2), 40:320+40=(cast long (- 1))}", id="bit-fields"),
    pytest.param("struct s a = {.w = 1, \"ab\"};",
        "{40:320+40=(cast long 1), 46=b'ab\\x00\\x00\\x00\\x00\\x00\\x00'}",
        id="unnamed-bit-field-takes-nothing"),
    pytest.param("struct s a = v;", "(load v)", id="record-value"),
    pytest.param("union un a = {5};", "{0=5}", id="union-first"),
    pytest.param("union un a = {.p.y = 3};", "{4=3}", id="union-designated"),
    pytest.param("union un a[2] = {1, {.c = 'x'}};", "{0=1, 8=(cast char 120)}", id="unions"),
    pytest.param("struct { union un u; int b; } a = {1, 2};", "{0=1, 8=2}", id="union-member"),
    pytest.param("struct { int n; struct { int m; }; } a = {1, 2};", "{0=1, 4=2}", id="anonymous"),
    pytest.param("struct { int n; struct { int m; }; } a = {.m = 2};", "{4=2}",
        id="anonymous-name"),
    pytest.param("char a[4] = \"abcdef\";", "{0=b'abcd'}", id="string-cut"),
    pytest.param("char a[5] = {\"hey\"};", "{0=b'hey\\x00\\x00'}", id="string-in-braces"),
    pytest.param("char a[2][3] = {\"ab\", {'c'}};", "{0=b'ab\\x00', 3=(cast char 99)}",
        id="strings"),
    pytest.param("unsigned char a[] = (\"x\\0y\\377\\\"\\\\\");",
        "{0=b'x\\x00y\\xff\"\\\\\\x00'}", id="string-bytes"),
    pytest.param("char a[] = \"a\" \"b\\n\";", "{0=b'ab\\n\\x00'}", id="joined-strings"),
    pytest.param("const char *a[] = {\"a\", [2] = \"b\"};",
        "{0=(cast <const char*> (decay b'a\\x00')), 16=(cast <const char*> (decay b'b\\x00'))}",
        id="string-pointers"),
    pytest.param("int a[2] = (int[2]){4, 5};", "{0=4, 4=5}", id="array-literal"),
    pytest.param("struct s a = {.in = (struct in){1, 2}};",
        "{4=(load (literal struct in {0=1, 4=2}))}", id="record-literal"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_local_initialiser(text: str, expected: str) -> None:
    built = flat(text)
    assert built.startswith("(local a ")
    assert built.endswith(f" {expected})")


def test_a_global_is_initialised_like_a_local() -> None:
    init = unit_of("int a[3][3] = {[0 ... 1][2] = 7};").globals[0].init
    assert init is not None
    assert dump_expr(init) == "{8=7, 20=7}"


def test_a_flexible_member_takes_what_it_is_given() -> None:
    unit = unit_of('struct { int n; char d[]; } a = {1, "abc"};')
    init = unit.globals[0].init
    assert isinstance(init, InitList)
    assert [e.offset for e in init.entries] == [0, 4]
    assert isinstance(init.entries[1].value, StrLit)


@given(st.binary(max_size=24), st.integers(0, 8))
@settings(max_examples=40, deadline=None)
def test_string_bytes_arrive_as_written(data: bytes, more: int) -> None:
    escaped = "".join(f"\\{byte:03o}" for byte in data)
    size = len(data) + 1 + more
    init = unit_of(f'char a[{size}] = "{escaped}";').globals[0].init
    assert isinstance(init, InitList)
    literal = init.entries[0].value
    assert isinstance(literal, StrLit)
    assert literal.data == data.ljust(size, b"\0")


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(-99, 99)), min_size=1, max_size=8))
@settings(max_examples=30, deadline=None)
def test_designated_elements_land_at_their_offsets(pairs: list[tuple[int, int]]) -> None:
    items = ", ".join(f"[{index}] = {value}" for index, value in pairs)
    built = flat(f"int a[8] = {{{items}}};")
    shown = ", ".join(
        f"{index * 4}={value if value >= 0 else f'(- {-value})'}" for index, value in pairs
    )
    assert built == f"(local a int[8] {{{shown}}})"
