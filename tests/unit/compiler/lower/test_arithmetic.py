"""Operators on values of every width: conversions, promotions, wrapping, signed division."""

from __future__ import annotations

import pytest

from conformance.fuzz.jit import Jit
from tests.unit.compiler.lower.executed import LINE, OUT, check, refused, run, words

DIVISIONS = [(7, 2), (-7, 2), (7, -2), (-7, -2), (0, -3), (-(1 << 31), 3), (5, 1), (-9, -1)]


@pytest.mark.parametrize("cpu", ["v3", "v4"])
@pytest.mark.parametrize(("kind", "bits"), [("s64", 64), ("s32", 32), ("s16", 16), ("s8", 8)])
def test_signed_division_truncates(jit: Jit, kind: str, bits: int, cpu: str) -> None:
    text = (
        f"int entry(u64 *m) {{ {kind} a = m[0], b = m[1]; m[{OUT}] = a / b; m[{OUT + 1}] = a % b;"
    )
    text += f" a /= b; m[{OUT + 2}] = a; m[{OUT + 3}] = ({kind})m[0] / 4; return 0; }}"
    pairs = [pair for pair in DIVISIONS if abs(pair[0]) < 1 << bits - 1 or bits >= 32]
    for (a, b), left in zip(pairs, run(jit, text, pairs, cpu=cpu), strict=True):
        quotient = abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
        quarter = abs(a) // 4 * (1 if a >= 0 else -1)
        assert left[OUT : OUT + 4] == words([quotient, a - quotient * b, quotient, quarter])


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(
            "u8 a = m[0]; s8 b = m[0]; u16 c = m[0]; s16 d = m[0]; u32 e = m[0]; s32 f = m[0];"
            "_Bool g = m[0], h = 0; o[0] = a; o[1] = b; o[2] = c; o[3] = d; o[4] = e; o[5] = f;"
            "o[6] = g; o[7] = h;",
            [0xF0, -16, 0xFFF0, -16, 0xFFFF_FFF0, -16, 1, 0],
            id="narrowing",
        ),
        pytest.param(
            "u8 a = 200, b = 100; s8 c = -100; o[0] = a + b; o[1] = (u8)(a + b); o[2] = c - a;"
            "o[3] = a * b; o[4] = ~a; o[5] = -a; o[6] = c >> 2; o[7] = a << 4;",
            [300, 44, -300, 20000, -201, -200, -25, 3200],
            id="promotion",
        ),
        pytest.param(
            "u8 a = 250; s16 b = -5; u32 c = 3; a += 10; o[0] = a; b *= 3; o[1] = b; c -= 5; "
            "o[2] = c;"
            "a |= 0x100 | 1; o[3] = a; b >>= 1; o[4] = b; c <<= 3; o[5] = c; a ^= -1; o[6] = a;"
            "b %= 3; o[7] = b;",
            [4, -15, 0xFFFF_FFFE, 5, -8, 0xFFFF_FFF0, 250, -2],
            id="compound-assignment",
        ),
        pytest.param(
            "u8 a = 255; s8 b = -128; _Bool c = 1; u64 d = 0; o[0] = a++; o[1] = a; o[2] = --b; "
            "o[3] = ++c;"
            "o[4] = c--; o[5] = c; o[6] = --d; o[7] = d--;",
            [255, 0, 127, 1, 1, 0, -1, -1],
            id="steps-wrap",
        ),
        pytest.param(
            "int a = -1; u32 b = 1; long c = -1; o[0] = a < b; o[1] = c < b; o[2] = (u8)a > (s8)a;"
            "o[3] = a == c; o[4] = (u64)a == c; o[5] = a >= 0u; o[6] = m[0] > 5; o[7] = "
            "(s64)m[0] <= 5;",
            [0, 1, 1, 1, 1, 1, 1, 1],
            id="usual-conversions",
        ),
        pytest.param(
            "u64 n = m[1]; int s = -8; o[0] = 1 << n; o[1] = s >> n; o[2] = (u32)s >> n; o[3] = "
            "1ull << (n + 40);"
            "o[4] = m[0] >> 60; o[5] = (s64)m[0] >> 60; u8 k = 2; o[6] = 3ll << k; o[7] = "
            "(u16)-1 >> k;",
            [8, -1, 0x1FFF_FFFF, 1 << 43, 15, -1, 12, 0x3FFF],
            id="shifts",
        ),
        pytest.param(
            "u32 a = -7; u64 b = -7; o[0] = a / 3; o[1] = a % 4; o[2] = b / 3; o[3] = b % 1000; "
            "u8 c = 200;"
            "o[4] = c / 7; o[5] = c % -7; o[6] = m[1] / 2; a /= 2; o[7] = a;",
            [1431655763, 1, ((1 << 64) - 7) // 3, ((1 << 64) - 7) % 1000, 28, 4, 1, 0x7FFF_FFFC],
            id="unsigned-division",
        ),
        pytest.param(
            "s128 a = (s64)m[0], b = (s128)1 << 100; u128 c = m[0]; a += b; o[0] = a >> 64; "
            "o[1] = a;"
            "o[2] = (c << 60) >> 64; o[3] = a > b; o[4] = (u64)-(s128)5; o[5] = !a; o[6] = (a ^ "
            "b) != 0;"
            "o[7] = (u64)((a & b) >> 96) + (s32)(c | 1);",
            [(1 << 36) - 1, -16, 0x0FFF_FFFF_FFFF_FFFF, 0, -5, 0, 1, -15],
            id="128-bits",
        ),
        pytest.param(
            "int *p = 0; long n = (long)m; o[0] = !p; o[1] = p == 0; o[2] = (u64 *)n == m; o[3] "
            "= p && *p;"
            "o[4] = m != 0; o[5] = (_Bool)m; o[6] = (u32)(u64)(void *)0x1234567890; o[7] = !!m;",
            [1, 1, 1, 0, 1, 1, 0x34567890, 1],
            id="pointers-as-truth-and-numbers",
        ),
        pytest.param(
            "enum e { A = -1, B = 5 } x = B; enum big { C = 1ull << 40 } y = C; x = x + 1; o[0] "
            "= x;"
            "o[1] = A; o[2] = y; o[3] = x > A; o[4] = (enum e)7; o[5] = sizeof(y); x++; x |= 8; "
            "o[6] = x;",
            [6, -1, 1 << 40, 1, 7, 8, 15],
            id="enumerations",
        ),
        pytest.param(
            "_Bool a = m[0] & 0x10, b = a + 1, c = a && !b; o[0] = a; o[1] = b; o[2] = c; o[3] "
            "= a + b + 1;"
            "a |= 4; a ^= 1; o[4] = a; b += 255; o[5] = b; o[6] = (_Bool)0x100 + (_Bool)0; o[7] "
            "= ~b;",
            [1, 1, 0, 3, 0, 1, 1, -2],
            id="truth-values",
        ),
    ],
)
def test_what_an_operator_gives(jit: Jit, body: str, expected: list[int]) -> None:
    check(jit, body, expected, [-16, 3])


@pytest.mark.parametrize("op", ["*", "/", "%"])
@pytest.mark.parametrize("kind", ["s128", "u128"])
def test_what_needs_a_library_function_is_refused(op: str, kind: str) -> None:
    said = refused(f"int f({kind} *m) {{ return (m[0] {op} m[1]) != 0; }}")
    assert said.message == f"BPF cannot compute '{op}' on 128-bit integers"
    assert said.loc.line == LINE
    assert said.hint == "compute with 64-bit halves"
