"""Statements: where control goes, and what stands when it is there."""

from __future__ import annotations

import pytest

from conformance.fuzz.jit import Jit
from tests.unit.compiler.lower.executed import LINE, OUT, refused, run, words


@pytest.mark.parametrize(
    ("body", "given", "expected"),
    [
        pytest.param(
            "switch (m[0]) { case 1: o[0] = 10; break; case 2: o[0] = 20; case 3: o[0] += 1; break;"
            "default: o[0] = 99; }",
            [1, 2, 3, 4],
            [10, 21, 1, 99],
            id="switch",
        ),
        pytest.param(
            "switch ((int)m[0]) { case -5 ... -1: o[0] = 1; break; case 10 ... 200: o[0] = 2; "
            "break;"
            "case 1000 ... 1 << 30: o[0] = 3; break; case 0: o[0] = 4; }",
            [-6, -5, -1, 0, 9, 10, 200, 201, 999, 1000, 1 << 30, (1 << 30) + 1],
            [0, 1, 1, 4, 0, 2, 2, 0, 0, 3, 3, 0],
            id="switch-ranges",
        ),
        pytest.param(
            "switch ((u8)m[0]) { default: o[0] = 1; break; case 250 ... 255: o[0] = 2; break;"
            "case 'a': { o[0] = 3; } }",
            [0, 250, 255, 97, 256 + 97],
            [1, 2, 2, 3, 3],
            id="switch-on-a-narrow-type",
        ),
        pytest.param(
            "switch (m[0]) { case 0xffffffff00000000ull ... 0xffffffff000000ffull: o[0] = 1; break;"
            "case 1ull << 40: o[0] = 2; }",
            [0xFFFF_FFFF_0000_0080, 0xFFFF_FFFF_0000_0100, 1 << 40, 0],
            [1, 0, 2, 0],
            id="switch-on-64-bits",
        ),
        pytest.param(
            "int i = 0; switch (m[0] % 3) { case 0: do { i++; case 2: i += 10; case 1: i += 100; }"
            "while (i < 250); } o[0] = i; switch (m[0]) ; switch (m[0]) { i = 1; }",
            [0, 1, 2],
            [333, 322, 332],
            id="switch-into-a-loop",
        ),
        pytest.param(
            "o[0] = 5; again: if (m[0] > 3) { m[0]--; o[0]++; goto again; } if (!m[0]) goto out;"
            "{ int k = 7; goto in; in: o[0] += k; } out: ;",
            [0, 3, 6],
            [5, 12, 15],
            id="goto",
        ),
        pytest.param(
            "for (int i = 0; i < 10; i++) { if (i == m[0]) continue; if (i > 5) break; o[0] += i; }"
            "int j = 0; for (;;) { if (++j > 3) break; } o[0] += j * 100;"
            "for (j = 0; j < 2;) j++; for (; j < 4; j++) ; o[0] += j * 1000;",
            [0, 3, 9],
            [4415, 4412, 4415],
            id="for",
        ),
        pytest.param(
            "int n = m[0]; while (n) { n--; if (n & 1) continue; o[0]++; if (o[0] == 3) break; }"
            "do { o[0] += 10; if (n == 1) break; if (n == 2) continue; } while (++n < 2 && n);"
            "while (0) o[0] = 0; do o[0] += 100; while (0);",
            [0, 1, 7],
            [120, 121, 113],
            id="while-and-do",
        ),
        pytest.param(
            "\n#pragma unroll\nfor (int i = 0; i < 3; i++) o[0] += i;\n#pragma clang loop "
            "unroll(disable)\n"
            "for (int i = 0; i < m[0]; i++) o[0]++;\n#pragma unroll 2\nwhile (m[0]) { m[0]--; "
            "o[0]++; }\n"
            "#pragma clang loop unroll(enable)\ndo { o[0] += 10; } while (m[0]);\n",
            [0, 4],
            [13, 21],
            id="loop-hints",
        ),
        pytest.param(
            "if (m[0] == 1) o[0] = 1; else if (m[0] == 2 || m[0] == 3) o[0] = 2; else {"
            "if (!(m[0] & 1) && m[0] > 4) o[0] = 3; } if (1) o[0] += 10; else o[0] = 0; if (0) "
            "o[0] = 0;",
            [1, 2, 3, 4, 5, 6],
            [11, 12, 12, 10, 10, 13],
            id="if",
        ),
        pytest.param(
            "o[0] = ({ int x = m[0]; x * 2; }) + ({ o[0] = 1; o[0]; }); ({ ; }); ({ if (m[0]) "
            "o[0]++; });"
            "({}); o[0] += ({ u8 c = 300; c; }); int k = ({ goto skip; skip: 5; }); o[0] += k;"
            "({ (void)0; }); int *p = ({ int *q = &k; q; }); o[0] += *p;",
            [0, 3],
            [55, 62],
            id="statement-expressions",
        ),
        pytest.param(
            "o[0] = m[0] ? m[0] > 5 ? 2 : 1 : 0; m[0] ? (void)(o[0] += 10) : (void)0;"
            "o[0] += (m[0] ?: 7) * 100; o[0] += (m[0] && m[0] - 3) * 1000 + (!m[0] || m[0] == "
            "9) * 2000;",
            [0, 3, 9],
            [2700, 311, 3912],
            id="conditional-expressions",
        ),
        pytest.param(
            "{ int x = 1; { int x = 2; o[0] += x; } o[0] += x * 10; } int x = 3; o[0] += x * 100;"
            "static int kept = 5; extern int outside; o[0] += kept * 1000 + outside; ;",
            [0],
            [5322],
            id="scopes",
        ),
        pytest.param(
            'u64 x = m[0], y = 1; asm volatile("" : "+r"(x)); asm("" ::: "memory");'
            'asm volatile("" : "=r"(y) : "0"(x)); u64 a = x, b = y; asm("" : "+r"(a), "+r"(b) : '
            '"i"(4));'
            "o[0] = a + b;",
            [4, 1 << 40],
            [8, 2 << 40],
            id="empty-asm",
        ),
        pytest.param(
            "if (m[0] > 3) { o[0] = 1; return 0; o[0] = 2; } o[0] += side(m[0]); nothing(o);",
            [2, 5],
            [104, 1],
            id="return",
        ),
    ],
)
def test_where_control_goes(jit: Jit, body: str, given: list[int], expected: list[int]) -> None:
    text = (
        "int outside = 10; static inline int side(int x) { if (x) return x * 2; return 0; }"
        "static inline void nothing(u64 *o) { if (!o) return; *o += 100; }"
        f"\nint entry(u64 *m) {{ u64 *o = m + {OUT}; {body} return 0; }}"
    )
    found = run(jit, text, [[number] for number in given])
    assert [left[OUT] for left in found] == words(expected)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(
            "void *p = &&l; goto *p; l: return 0;", "the address of a label", id="computed-goto"
        ),
        pytest.param('asm("r0 = 1"); return 0;', "inline assembly", id="asm-with-text"),
        pytest.param(
            "int n = 3; switch (n) { case 1.5: ; } return 0;", "integer", id="case-of-a-float"
        ),
    ],
)
def test_what_cannot_be_done_is_refused(body: str, message: str) -> None:
    said = refused(f"int f(u64 *m) {{ {body} }}")
    assert message in said.message
    assert said.loc.line == LINE
