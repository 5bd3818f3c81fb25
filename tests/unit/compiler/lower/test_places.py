"""Lvalues, records and local objects: every way to reach memory gives what C says."""

from __future__ import annotations

import pytest

from conformance.fuzz.jit import Jit
from tests.unit.compiler.lower.executed import LINE, check, refused

TYPES = """
struct in { short x, y; };
struct s { int a; struct in in[2]; union { u8 b; u32 w; }; struct { int q, r; }; long l; };
union u { u64 l; u8 b[8]; struct { u32 lo, hi; }; };
struct f { u32 a : 3; s32 b : 5; u64 c : 40; _Bool d : 1; u8 e : 7; int g; };
struct p { u8 x : 7; u32 y : 20; s64 z : 37; u16 w; } __attribute__((packed));
static inline struct s made(int a) { struct s x = { a, .l = 5 }; return x; }
static inline long summed(struct s x) { x.a++; return x.a + x.l; }
static inline struct in *second(struct s *p) { return &p->in[1]; }
struct s global = { 1, .l = 2 };
int table[3][4];
"""


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(
            "int x = 5, *p = &x, **pp = &p; *p += 2; **pp *= 3; (*pp)[0]++; o[0] = x; o[1] = *&x;"
            "o[2] = *p++ + (p == &x + 1); (x) = 9; o[3] = x; o[4] = (x, 4);",
            [22, 22, 23, 9, 4],
            id="pointers-to-pointers",
        ),
        pytest.param(
            "int a[3][4] = { { 1, 2 }, { 3 } }; a[1][2] = 7; int (*row)[4] = &a[1]; o[0] = "
            "(*row)[2];"
            "o[1] = row[-1][1]; o[2] = 2[a[1]]; o[3] = sizeof(a) / sizeof(*a); u8 i = 1;"
            "o[4] = a[i][i + 1]; o[5] = *(a[0] + i); o[6] = &a[2][0] - &a[0][1];"
            "o[7] = (a + 1)[0][0] + **(a + 1);",
            [7, 2, 7, 3, 7, 2, 7, 6],
            id="arrays-of-arrays",
        ),
        pytest.param(
            "struct s x = { 1, .in[1].y = 3, .w = 0x102, .r = 8 }, *p = &x; p->in[0].x = 4;"
            "(*p).in[0].y = 5; (&x)->l = -6; second(p)->x = 7; o[0] = x.in[0].x * 10 + x.in[0].y;"
            "o[1] = x.in[1].x * 10 + x.in[1].y; o[2] = p->b; o[3] = x.r; o[4] = p->l;"
            "int *r = &p->r; *r = 1; o[5] = x.r; p->q = 2; o[6] = *(r - 1); o[7] = x.in->x;",
            [45, 73, 2, 8, -6, 1, 2, 4],
            id="members",
        ),
        pytest.param(
            "struct s x = { 1, .l = 2 }, y = x, z; z = y = x; z.a = 7; struct s *p = &y; *p = z;"
            "o[0] = y.a * 10 + y.l; o[1] = (x = z).a; x.a = 3; o[2] = (m[0] ? x : z).a;"
            "o[3] = (m[0], z).a; y = m[0] ? (struct s){ 4 } : made(5); o[4] = y.a + y.l;"
            "o[5] = ({ struct s t = z; t.a++; t; }).a; struct s v[2] = { [1] = x }; v[0] = v[1];"
            "o[6] = v[0].a; z = (o[7] = 6, (struct s){ 8 }), o[7] += z.a;",
            [72, 7, 3, 7, 4, 8, 3, 14],
            id="records-as-values",
        ),
        pytest.param(
            "o[0] = made(3).l + made(4).a; o[1] = summed(made(6)); struct s x = { 1, .l = 1 };"
            "o[2] = summed(x); o[3] = x.a; o[4] = summed((struct s){ .l = 40 }); x = made(x.a + 1);"
            "o[5] = x.a; o[6] = made(7).in[0].x; made(1); (void)made(2); (void)x; x; o[7] = "
            "summed(x);",
            [9, 12, 3, 1, 41, 2, 0, 8],
            id="records-of-functions",
        ),
        pytest.param(
            "union u x = { .lo = 1, }; x.hi = 2; o[0] = x.l; x.b[7] = 0x80; o[1] = x.hi;"
            "union u y = x; y.l++; o[2] = y.lo; o[3] = ((union u){ .hi = 3 }).l; o[4] = sizeof(y);",
            [0x2_0000_0001, 0x8000_0002, 2, 3 << 32, 8],
            id="unions",
        ),
        pytest.param(
            "struct f x = { 9, -3, 1ull << 39, 5, 200, 4 }; o[0] = x.a; o[1] = x.b; o[2] = x.c;"
            "o[3] = x.d; o[4] = x.e; x.a += 3; x.b -= 20; o[5] = x.a; o[6] = x.b; x.c++;"
            "o[7] = x.c + x.g;",
            [1, -3, 1 << 39, 1, 72, 4, 9, (1 << 39) + 5],
            id="bit-fields",
        ),
        pytest.param(
            "struct f x = {}; o[0] = x.a = 10; o[1] = x.b = 17; o[2] = x.d = 4; o[3] = x.e = 129;"
            "o[4] = x.a++; o[5] = ++x.a; o[6] = x.b <<= 1; o[7] = (x.c = -1) == 0xffffffffff;",
            [2, -15, 1, 1, 2, 4, 2, 1],
            id="what-an-assignment-to-a-bit-field-gives",
        ),
        pytest.param(
            "struct p x = { 100, 0xabcde, -5, 0x1234 }, *q = &x; o[0] = q->x; o[1] = q->y; o[2] "
            "= q->z;"
            "o[3] = x.w; q->z -= 1ll << 35; q->y ^= 0xfffff; o[4] = x.z; o[5] = x.y; o[6] = x.x "
            "+ x.w;"
            "o[7] = sizeof(x);",
            [100, 0xABCDE, -5, 0x1234, -5 - (1 << 35), 0x54321, 0x1234 + 100, 10],
            id="packed-bit-fields",
        ),
        pytest.param(
            "struct f x = { .b = -1, .a = m[1], .c = m[0] }; o[0] = x.a; o[1] = x.b; o[2] = x.c;"
            "struct p y = { m[1], .z = -m[1], .w = m[0] }; o[3] = y.x; o[4] = y.z; o[5] = y.w; "
            "o[6] = y.y;",
            [1, -1, 3, 9, -9, 3, 0],
            id="bit-fields-initialised-with-variables",
        ),
        pytest.param(
            "int a[6] = { m[0], [4] = 2, m[1] }, b[4] = { [0 ... 2] = 5 }, c[2] = { m[0], [0] = "
            "7 };"
            'char t[] = "hey", e[8] = "ab", *w = "lit"; struct s x = { .in = { [1] = { m[0] } '
            "}, .l = m[1] };"
            "o[0] = a[0] + a[4] + a[5] + a[3]; o[1] = b[2] * 10 + b[3]; o[2] = c[0] + c[1];"
            "o[3] = t[2] + sizeof(t); o[4] = e[1] + e[7]; o[5] = w[1]; o[6] = x.in[1].x; o[7] = "
            "x.l;",
            [14, 50, 7, 125, 98, 105, 3, 9],
            id="initialisers",
        ),
        pytest.param(
            "int y = 4, *a[3] = { &y, [2] = &table[1][2] }; struct { int n; int *p; char *t; } r ="
            '{ 6, &y, "z" }; *a[2] = 8; o[0] = *a[0]; o[1] = a[1] == 0; o[2] = table[1][2]; '
            "*r.p = 5;"
            "o[3] = y; o[4] = r.t[0] + r.n; int *q = (int[]){ 1, m[0], 3 }; q[2]++; o[5] = q[1] "
            "+ q[2];"
            'o[6] = ((int[2]){ 5, 6 })[1]; o[7] = "text"[m[0]];',
            [4, 1, 8, 5, 128, 7, 6, 116],
            id="addresses-in-locals",
        ),
        pytest.param(
            "struct s a = {}; struct { struct s one; struct in two; } x = { a, { 1, 2 } }, y = "
            "{ made(4) };"
            "struct s many[2] = { made(1), global }; o[0] = x.two.y; o[1] = y.one.a; o[2] = "
            "many[1].l;"
            "o[3] = many[0].a; global = made(9); o[4] = global.a; struct s *g = &global; g->in[1] ="
            "(struct in){ 3, 4 }; o[5] = global.in[1].y; o[6] = (*g).l; typeof(g->in[0]) k = "
            "g->in[1];"
            "o[7] = k.x;",
            [2, 4, 2, 1, 9, 4, 5, 3],
            id="records-in-initialisers",
        ),
        pytest.param(
            "volatile int v = 1; v += 2; volatile struct f x = { 1 }; x.a = 3; x.c = 4; o[0] = v;"
            "o[1] = x.a + x.c; const volatile int *p = &v; o[2] = *p + *p; volatile u8 b[2] = { "
            "1, 2 };"
            "b[1]++; o[3] = b[1];",
            [3, 7, 6, 3],
            id="volatile",
        ),
        pytest.param(
            "struct flex { int n; u16 tail[]; } *p = (void *)m; p->tail[2] = 5; o[0] = m[1] & "
            "0xffff;"
            "o[1] = sizeof(*p); struct { char c; int a __attribute__((aligned(16))); } x = { 1, "
            "2 };"
            "o[2] = sizeof(x); o[3] = x.a; int y __attribute__((aligned(32))) = 3; o[4] = "
            "(u64)&y % 32;",
            [5, 4, 32, 2, 0],
            id="flexible-and-aligned",
        ),
        pytest.param(
            'char c[3] = "ab"; char *p = c; o[0] = *++p; o[1] = *p--; o[2] = *p++; o[3] = p - c;'
            "p += 1; o[4] = *p; p -= m[0] - 1; o[5] = p == c; s16 w[4] = { 1, 2, 3, 4 }, *q = w "
            "+ 3;"
            "o[6] = *--q; o[7] = q - w + (q > w) + (w <= q) + !(q == w) + (q != w);",
            [98, 98, 97, 1, 0, 1, 3, 6],
            id="pointer-arithmetic",
        ),
        pytest.param(
            "struct odd { u8 b[12]; } a[4], *p = a + 3, *q = a + m[0] - 2; o[0] = p - a; o[1] = "
            "q - p;"
            "struct tri { u8 b[3]; } t[5]; o[2] = &t[4] - &t[1]; void *v = m; o[3] = v + 3 - v;"
            "o[4] = (char *)(p - 1) - (char *)a; u64 *w = m; w += 2; o[5] = w - m; long n = -1; "
            "o[6] = &w[n] - m;",
            [3, -2, 3, 3, 24, 2, 1],
            id="pointer-differences",
        ),
    ],
)
def test_what_a_program_finds_in_memory(jit: Jit, body: str, expected: list[int]) -> None:
    check(jit, body, expected, [3, 9], before=TYPES)


@pytest.mark.parametrize(
    ("body", "message", "hint"),
    [
        pytest.param("struct { int a : 3; } x; return (long)&x.a;",
                     "address of bit-field requested", "",
                     id="address-of-a-bit-field"),
        pytest.param("float x; x = 1; return x;", "floating point", "scale", id="float"),
        pytest.param("double *p = (void *)m; return *p > 0;", "floating point", "integers",
                     id="double"),
        pytest.param("struct { float x; } s; s.x = *m; return 0;", "floating point", "integers",
                     id="float-member"),
        pytest.param("int n = *m; int a[n]; a[0] = 1; return a[0];", "variable length", "",
                     id="vla"),
    ],
)  # fmt: skip
def test_what_cannot_be_reached_is_refused(body: str, message: str, hint: str) -> None:
    said = refused(f"int f(u64 *m) {{ {body} }}")
    assert message in said.message
    assert said.loc.line == LINE
    assert hint in said.hint
