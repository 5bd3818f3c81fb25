"""``__builtin_add_overflow`` and its kin give the wrapped result and whether the exact one fits."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from conformance.fuzz.jit import Jit
from tests.unit.compiler.lower.executed import LINE, OUT, refused, run, words

BITS = {"u8": 8, "s8": 8, "u16": 16, "s16": 16, "u32": 32, "s32": 32, "u64": 64, "s64": 64}
EXACT: dict[str, Callable[[int, int], int]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
}
MIXED = [
    ("u8", "s8", "s8"),
    ("s8", "u8", "u8"),
    ("s8", "s64", "u64"),
    ("u16", "u8", "s32"),
    ("s32", "s16", "s64"),
    ("s32", "u32", "u32"),
    ("u32", "s32", "u64"),
    ("u64", "s64", "s64"),
    ("u64", "s8", "u64"),
    ("s64", "u64", "u64"),
    ("s64", "s32", "u64"),
    ("s64", "u16", "u32"),
]
NAMED = {"": ("s32", "u32"), "l": ("s64", "u64"), "ll": ("s64", "u64")}


def as_type(number: int, name: str) -> int:
    """A number converted to a type."""
    bits = BITS[name]
    number &= (1 << bits) - 1
    return number - (1 << bits) if name[0] == "s" and number >> (bits - 1) else number


def edges(name: str) -> list[int]:
    """Numbers around the limits of a type."""
    bits = BITS[name]
    near = (0, 1, -1, 2, -2, 7, 1 << bits // 2, (1 << bits - 1) - 1, 1 << bits - 1)
    return sorted({as_type(number, name) for number in near})


def check_overflow(jit: Jit, op: str, name: str, result: str, left: str, right: str) -> None:
    text = (
        f"int entry(u64 *m) {{ {result} r; m[{OUT}] = {name}(({left})m[0], ({right})m[1], &r);"
        f" m[{OUT} + 1] = r; return 0; }}"
    )
    pairs = list(itertools.product(edges(left), edges(right)))
    for (a, b), found in zip(pairs, run(jit, text, pairs), strict=True):
        exact = EXACT[op](a, b)
        wrapped = as_type(exact, result)
        assert found[OUT : OUT + 2] == words([exact != wrapped, wrapped]), (a, b)


@pytest.mark.parametrize("op", EXACT)
@pytest.mark.parametrize("kind", BITS)
def test_operands_of_the_type_of_the_result(jit: Jit, op: str, kind: str) -> None:
    check_overflow(jit, op, f"__builtin_{op}_overflow", kind, kind, kind)


@pytest.mark.parametrize("op", EXACT)
@pytest.mark.parametrize(
    ("result", "left", "right"),
    [pytest.param(*row, id=f"{row[0]}-of-{row[1]}-and-{row[2]}") for row in MIXED],
)
def test_operands_of_other_types(jit: Jit, op: str, result: str, left: str, right: str) -> None:
    check_overflow(jit, op, f"__builtin_{op}_overflow", result, left, right)


@pytest.mark.parametrize("op", EXACT)
@pytest.mark.parametrize("signed", [pytest.param(True, id="s"), pytest.param(False, id="u")])
@pytest.mark.parametrize("suffix", NAMED)
def test_names_with_a_type(jit: Jit, op: str, signed: bool, suffix: str) -> None:
    kind = NAMED[suffix][not signed]
    name = f"__builtin_{'s' if signed else 'u'}{op}{suffix}_overflow"
    clang = kind if not suffix else f"{'' if signed else 'unsigned '}{suffix.replace('l', 'long ')}"
    text = (
        f"int entry(u64 *m) {{ {clang} r; m[{OUT}] = {name}(m[0], m[1], &r); m[{OUT} + 1] = r;"
        " return 0; }"
    )
    pairs = list(itertools.product(edges(kind), edges(kind)))
    for (a, b), found in zip(pairs, run(jit, text, pairs), strict=True):
        exact = EXACT[op](a, b)
        wrapped = as_type(exact, kind)
        assert found[OUT : OUT + 2] == words([exact != wrapped, wrapped]), (a, b)


@pytest.mark.parametrize("op", EXACT)
def test_128_bits_are_refused(op: str) -> None:
    said = refused(f"int f(s128 *m) {{ s128 r; return __builtin_{op}_overflow(*m, 1, &r); }}")
    assert said.message == f"__builtin_{op}_overflow of 128-bit integers is not available"
    assert said.loc.line == LINE
    assert "limits" in said.hint
