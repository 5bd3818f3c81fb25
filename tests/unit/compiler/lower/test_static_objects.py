"""Objects with static storage: what stands in them before a program runs."""

from __future__ import annotations

import pytest

from bpfkit.compiler.frontend.parse import parse
from bpfkit.compiler.lower.module import emit_module
from bpfkit.compiler.parse_input import ParseInput
from bpfkit.compiler.provenance.analyse import analyse
from bpfkit.compiler.target import Target
from conformance.fuzz.jit import Jit
from tests.unit.compiler.lower.executed import LINE, check, refused
from tests.unit.compiler.lower.plain import Facts


@pytest.mark.parametrize(
    ("objects", "body", "expected"),
    [
        pytest.param(
            "u8 a = 300; s8 b = -1; u16 c = -2; s32 d = 1 << 31; u64 e = 1ULL << 63; _Bool f = 8;"
            "enum { X = 5 } g = X; s128 h = -3; long i;",
            "o[0] = a; o[1] = b; o[2] = c; o[3] = d; o[4] = e; o[5] = f + g; o[6] = h; o[7] = i;",
            [44, -1, 65534, -(1 << 31), 1 << 63, 6, -3, 0],
            id="scalars",
        ),
        pytest.param(
            "long a = 7 / 2 + 7 % 4, b = -7 / 2, c = -7 % 2, d = 7 / -2 * 2, e = (7 & 5) | 8 ^ 2,"
            "f = 1 << 4 >> 2, g = -16 >> 2, h = ~5;",
            "o[0] = a; o[1] = b; o[2] = c; o[3] = d; o[4] = e; o[5] = f; o[6] = g; o[7] = h;",
            [6, -3, -1, -6, 15, 4, -4, -6],
            id="arithmetic",
        ),
        pytest.param(
            "int a = 1 < 2, b = 2u > -1, c = 2 <= 1, d = 2 >= 2, e = 1 == 1L, f = 1 != 1, g = "
            "!4 + !0,"
            "h = -(-3);",
            "o[0] = a; o[1] = b; o[2] = c; o[3] = d; o[4] = e; o[5] = f; o[6] = g; o[7] = h;",
            [1, 0, 0, 1, 1, 0, 1, 3],
            id="comparisons",
        ),
        pytest.param(
            "int a = 0 && 1, b = 1 && 2, c = 0 || 0, d = 3 || 0, e = 1 ? 5 : 6, f = 0 ? 5 : 6,"
            "g = sizeof(long) > 4 ? (char)0x181 : -1, h = 1 || 1 / 0;",
            "o[0] = a; o[1] = b; o[2] = c; o[3] = d; o[4] = e; o[5] = f; o[6] = g; o[7] = h;",
            [0, 1, 0, 1, 5, 6, -127, 1],
            id="logical-and-conditional",
        ),
        pytest.param(
            'char a[] = "ab\\0c", b[2] = "xy", c[6] = "z", d[2][4] = { "one", { "two" } };'
            'const char *p = "text", *q = &"text"[2], *r[2] = { "a", [1] = "bc" };',
            "o[0] = sizeof(a) * 1000 + a[3]; o[1] = b[0] * 1000 + b[1]; o[2] = c[0] * 1000 + c[5];"
            "o[3] = d[0][2] * 1000 + d[1][2]; o[4] = p[3]; o[5] = q[0]; o[6] = r[1][1];",
            [5099, 120121, 122000, 101111, 116, 120, 99],
            id="strings",
        ),
        pytest.param(
            "int x[4] = { 1, 2, 3, 4 }; struct s { char c; int n[3]; struct { long l; } in; } y ="
            "{ 1, { 5, 6, 7 }, { 8 } }; int *a = x + 3, *b = &x[1], *c = 1 + x, *d = &x[3] - 2;"
            "int *e = &y.n[2]; long *f = &y.in.l; struct s *g = &y; void *h = (char *)&y + 4;",
            "o[0] = *a; o[1] = *b; o[2] = *c; o[3] = *d; o[4] = *e; o[5] = *f; o[6] = g->c;"
            "o[7] = *(int *)h;",
            [4, 2, 2, 2, 7, 8, 1, 5],
            id="addresses",
        ),
        pytest.param(
            'struct s { int a; int *p; char *t; struct s *next; } y[2] = { { 1, &y[1].a, "q", y '
            "+ 1 },"
            "{ .next = &y[0], .a = 2 } }; int *deref = &(*(y + 1)).a, *arrow = &y->a, *null = 0;"
            "void *number = (void *)0x1234; u64 back = (u64)&((struct s *)0)->next;",
            "o[0] = *y[0].p; o[1] = y[0].t[0]; o[2] = y[1].next->next->a; o[3] = *deref;"
            "o[4] = *arrow; o[5] = null == 0; o[6] = (u64)number; o[7] = back;",
            [2, 113, 2, 2, 1, 1, 0x1234, 24],
            id="addresses-in-records",
        ),
        pytest.param(
            "int a[8] = { [1 ... 3] = 5, 6, [7] = 7 }, b[2][3] = { [0 ... 1] = { 1, [2] = 9 } };"
            "int c[] = { [4] = 1, [0] = 2 }, d[3] = { [1] = 1, [1] = 2 };",
            "o[0] = a[0] + a[1] + a[3]; o[1] = a[4] * 10 + a[7]; o[2] = b[0][2] + b[1][2];"
            "o[3] = b[1][0] * 10 + b[1][1]; o[4] = sizeof(c); o[5] = c[0] * 10 + c[4]; o[6] = "
            "d[1];",
            [10, 67, 18, 10, 20, 21, 2],
            id="designators-and-ranges",
        ),
        pytest.param(
            "struct in { short x, y; }; struct s { int a; struct in in[2]; union { u8 b; u32 w; };"
            "struct { int q, r; }; } s = { 1, { 2, 3, { .y = 5 } }, .w = 0x10203, .r = 9, "
            ".in[1].x = 4 };"
            "struct s t = { .in = { [1] = { 7, 8 } }, { .b = 255 }, { 1 } };",
            "o[0] = s.a; o[1] = s.in[0].x * 10 + s.in[0].y; o[2] = s.in[1].x * 10 + s.in[1].y;"
            "o[3] = s.b; o[4] = s.q * 10 + s.r; o[5] = t.in[1].y; o[6] = t.w; o[7] = t.q * 10 + "
            "t.r;",
            [1, 23, 45, 3, 9, 8, 255, 10],
            id="nested-records-and-anonymous-members",
        ),
        pytest.param(
            "union u { u8 b[8]; u64 l; struct { u32 lo, hi; }; } a = { { 1, 2 } }, b = { .l = 7 },"
            "c = { .hi = 3 }, d[2] = { [1].l = 9 };",
            "o[0] = a.l; o[1] = b.lo; o[2] = c.l; o[3] = d[0].l; o[4] = d[1].l;",
            [0x201, 7, 3 << 32, 0, 9],
            id="unions",
        ),
        pytest.param(
            "struct s { u32 a : 3; s32 b : 5; u64 c : 40; u8 : 4; u8 d : 2; _Bool e : 1; int : "
            "0; int f : 31;"
            "} s = { 9, -3, 1ULL << 39, 6, 1, -5 }; struct p { u8 x : 7; u32 y : 20; u8 z; }"
            "__attribute__((packed)) p = { 1, 0xabcde, 7 }; struct z { int : 3; } z = {};",
            "o[0] = s.a; o[1] = s.b; o[2] = s.c; o[3] = s.d; o[4] = s.e; o[5] = s.f;"
            "o[6] = p.x * 0x1000000ull + p.y; o[7] = p.z;",
            [1, -3, 1 << 39, 2, 1, -5, 0x010ABCDE, 7],
            id="bit-fields",
        ),
        pytest.param(
            "struct s { int a, b; }; struct s s = (struct s){ 1, 2 }, *p = &(struct s){ 3, 4 };"
            "int *q = (int[]){ 5, 6, 7 }; struct s t[2] = { (struct s){ 8 }, { 9, 10 } };"
            "const int *r = (const int[2]){ 11, 12 }; u8 v[2] = (u8[2]){ 13, 14 };",
            "o[0] = s.b; o[1] = p->b; o[2] = q[2]; o[3] = t[0].a + t[0].b; o[4] = t[1].b; o[5] "
            "= r[1];"
            "o[6] = v[1];",
            [2, 4, 7, 8, 10, 12, 14],
            id="compound-literals",
        ),
        pytest.param(
            "int x[4], y; long a = &x[3] - x, b = (char *)x - (char *)&x[2], c = (int *)24 - "
            "(int *)16;"
            "_Bool d[] = { x == &y, x != &y, x + 1 == &x[1], x > x + 1, &x[0] <= x, x && &y, x "
            "== 0 },"
            "e[] = { &y != 0, !x, (int *)8 == 0, 0 || 0, x || 0 }; u64 f = 4 + (u64)&x;"
            "int *g = 0 ?: &x[1], *h = &y ?: x; int *i = (int *)16 + 2, *j = &x[3] - 2;",
            "o[0] = a; o[1] = b; o[2] = c; o[3] = g == x + 1; o[4] = h == &y; o[5] = (u64)i;"
            "o[6] = f == (u64)(x + 1); for (int k = 0; k < 7; k++) o[7] = o[7] * 10 + d[k];"
            "for (int k = 0; k < 5; k++) o[7] = o[7] * 10 + e[k]; o[7] += (j == x + 1) * 5;",
            [3, -8, 2, 1, 1, 24, 1, 110110_10006],
            id="computing-with-addresses",
        ),
        pytest.param(
            "const int n = 3; static const struct s { int a, b; } s = { 1, 2 }; const u8 narrow "
            "= n + 254;"
            "struct s copy[2] = { [1] = s }; int sum = n * 2 + narrow;",
            "const int local = 4; u8 b[8] = { 1, 2, 3, 4, 5, 6, 7, 8 }; __builtin_memset(b, 0, "
            "local);"
            "__builtin_memset(b, 9, n); o[0] = b[2] * 100 + b[3] * 10 + b[4]; o[1] = sum;"
            "o[2] = copy[1].b; struct s own = s; o[3] = own.a;",
            [905, 7, 2, 1],
            id="constants-of-constants",
        ),
        pytest.param(
            "long a = 1 ? -1 : 2u, b = -1 ?: 2u, c = 0 ?: 6, d = (1, 7), e = "
            "__builtin_bswap16(0x800),"
            "g = __builtin_popcount(0xff) + __builtin_clz(1) + __builtin_ffsl(0) + "
            "__builtin_ctzll(8),"
            'h = __builtin_strlen("abc"); u64 i = __builtin_bswap64(0xff);',
            "o[0] = a; o[1] = b; o[2] = c; o[3] = d; o[4] = e; o[5] = g; o[6] = h; o[7] = i;",
            [0xFFFF_FFFF, 0xFFFF_FFFF, 6, 7, 8, 42, 3, 0xFF << 56],
            id="conditionals-and-builtins",
        ),
        pytest.param(
            "struct flex { int n; int tail[]; } x = { 2 }; struct empty {} e; int zero[0];"
            "struct pad { char c; long l; } p = { 1, 2 };",
            "o[0] = x.n; o[1] = sizeof(x) + sizeof(e) + sizeof(zero); o[2] = p.l;",
            [2, 4, 2],
            id="empty-and-flexible",
        ),
        pytest.param(
            "static int counter(void) { static int n = 5; static struct { int *p; } s = { &n };"
            "return ++n + *s.p; } static int other(void) { static int n = 50; return ++n; }",
            "o[0] = counter(); o[1] = counter(); o[2] = other(); o[3] = counter();",
            [12, 14, 51, 16],
            id="static-locals",
        ),
        pytest.param(
            "int x = 4; static int *const p = &x; const volatile int limit = 3; extern int later;"
            "int *use = &later; int later = 6;",
            "x += limit; o[0] = *p; o[1] = *use;",
            [7, 6],
            id="constants-and-later-definitions",
        ),
        pytest.param(
            "typedef struct { u8 b[3]; u16 w; } __attribute__((packed)) P; P p[2] = { { { 1, 2 "
            "}, 3 },"
            "{ .w = 0x1234 } }; struct q { char c; char *t; } __attribute__((packed)) q = { 1, "
            '"hi" };',
            "o[0] = sizeof(p); o[1] = p[1].w; o[2] = p[0].w; o[3] = q.t[1]; o[4] = sizeof(q);",
            [10, 0x1234, 3, 105, 9],
            id="packed",
        ),
    ],
)
def test_what_stands_in_an_object(jit: Jit, objects: str, body: str, expected: list[int]) -> None:
    check(jit, body, expected, before=objects)


@pytest.mark.parametrize(
    ("objects", "message", "hint"),
    [
        pytest.param("int a = 1; int b = a;", "not a compile-time constant", "", id="variable"),
        pytest.param("int a; int b = (int)(long)&a;", "not a compile-time constant", "",
                     id="part-of-an-address"),
        pytest.param("int a; long b = (long)&a * 2;", "not a compile-time constant", "",
                     id="address-multiplied"),
        pytest.param("static int g(void) { return 1; } int (*b)(void) = g;",
                     "the address of the function 'g' cannot stand in an object",
                     "passes to a helper", id="function"),
        pytest.param("char b = \"text\"[1];", "the initialiser of a global must be constant",
                     "assign it in the program", id="character-of-a-string"),
        pytest.param("int b = 1 / 0;", "not a compile-time constant", "", id="division-by-zero"),
    ],
)  # fmt: skip
def test_what_is_not_constant_is_refused(objects: str, message: str, hint: str) -> None:
    said = refused(objects + " int f(u64 *m) { return !!b; }")
    assert message in said.message
    assert said.loc.line == LINE
    assert hint in said.hint


BITS = """
struct s { unsigned a : 3; int b : 5; unsigned c : 12; unsigned d; } s = { 1, -2, 0xabc, 7 };
unsigned short n = 0x1234; int f(void *m) { return s.a + s.b + n; }
"""


def test_the_bytes_follow_the_byte_order_of_the_architecture() -> None:
    unit, _ = parse(ParseInput("program.c", BITS))
    plan = analyse(unit, Target(Facts()))
    little = emit_module(unit, plan, arch="x86_64", cpu="v3")
    assert r'[8 x i8] c"\F1\BC\0A\00\07\00\00\00"' in little
    assert "global i16 4660" in little
    big = emit_module(unit, plan, arch="s390x", cpu="v3")
    assert r'[8 x i8] c">\AB\C0\00\00\00\00\07"' in big
    assert "global i16 4660" in big
