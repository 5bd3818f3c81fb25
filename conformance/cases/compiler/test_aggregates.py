"""Bit-fields, structures, unions, arrays and initialisers, as C has them."""

from __future__ import annotations

from conformance.construct import construct

BITS = "struct bits { u32 a:3; s32 b:5; u32 c:24; u64 d:33; _Bool e:1; s64 f:20; };"

test_bit_fields_read = construct(
    "bit-fields/read",
    "Bit-fields of every base and width read back what was stored, with their sign.",
    """
    struct bits x = { .a = 5, .b = -9, .c = 0xabcdef, .d = 0x1ffffffffULL, .e = 1, .f = -3 };
    OUT(0, x.a); OUT(1, x.b); OUT(2, x.c); OUT(3, x.d); OUT(4, x.e); OUT(5, x.f);
    OUT(6, sizeof(x));
    """,
    [5, -9, 0xABCDEF, 0x1FFFFFFFF, 1, -3, 16],
    before=BITS,
)

test_bit_fields_write = construct(
    "bit-fields/write",
    "Writing a bit-field cuts the value to its width and leaves the neighbours alone.",
    """
    struct bits x = {}; volatile u32 v = 0xffffffff;
    x.b = 15; x.a = v; OUT(0, x.a); OUT(1, x.b); x.a = 8; OUT(2, x.a); OUT(3, x.b); OUT(4, x.c);
    x.e = v; OUT(5, x.e); x.f = v; OUT(6, x.f); OUT(7, x.b = 31);
    """,
    [7, 15, 0, 15, 0, 1, -1, -1],
    before=BITS,
)

test_bit_fields_compound = construct(
    "bit-fields/compound-assignment",
    "Bit-fields take compound assignments and increments, and wrap at their width.",
    """
    struct bits x = { .a = 6, .b = 14, .c = 1 };
    x.a += 4; x.b++; x.b++; x.c <<= 23; x.d--; x.f |= 0x80000; --x.a;
    OUT(0, x.a); OUT(1, x.b); OUT(2, x.c); OUT(3, x.d); OUT(4, x.f); OUT(5, x.a++); OUT(6, x.a);
    """,
    [1, -16, 0x800000, 0x1FFFFFFFF, -0x80000, 1, 2],
    before=BITS,
)

test_bit_fields_packed = construct(
    "bit-fields/packed",
    "Bit-fields of packed structures may cross any border.",
    """
    struct p x = { .a = 5, .b = 0x123456789abULL, .c = -100, .d = 1 };
    x.b += 1; x.c -= 5;
    OUT(0, x.a); OUT(1, x.b); OUT(2, x.c); OUT(3, x.d); OUT(4, sizeof(x));
    """,
    [5, 0x123456789AC, -105, 1, 8],
    before="struct __attribute__((packed)) p { u8 a:3; u64 b:45; s16 c:9; _Bool d:1; };",
)

test_bit_fields_zero = construct(
    "bit-fields/zero-width",
    "An unnamed bit-field of width 0 starts a new unit, others leave gaps.",
    """
    struct z x = { 1, 2, 3 };
    OUT(0, sizeof(x)); OUT(1, x.a + x.b * 10 + x.c * 100); OUT(2, ((u8 *)&x)[4]);
    """,
    [8, 321, 0x32],
    before="struct z { u32 a:5; u32 :0; u32 b:4; u32 c:3; u32 :2; };",
)

test_bit_field_promotion = construct(
    "bit-fields/promotion",
    "A narrow unsigned bit-field is promoted to int, one of 32 bits stays unsigned.",
    """
    struct w x = { .narrow = 0, .full = 0 };
    OUT(0, x.narrow - 1 < 0); OUT(1, x.full - 1 > 0); OUT(2, x.narrow - 5);
    """,
    [1, 1, -5],
    before="struct w { u32 narrow:31; u32 full:32; };",
)

test_nested = construct(
    "aggregates/nested-members",
    "Members of nested and anonymous structures and unions are reached by name.",
    """
    struct outer x = {}; struct outer *p = &x;
    x.in.pair[1].low = 7; p->whole = 0x01020304; x.deep = 9;
    OUT(0, p->in.pair[1].low); OUT(1, x.part[0]); OUT(2, x.part[3]); OUT(3, p->deep);
    OUT(4, offsetof(struct outer, in.pair[1].high)); OUT(5, sizeof(struct outer));
    """,
    [7, 4, 1, 9, 12, 32],
    before="struct pair { u32 low, high; }; struct outer { struct { struct pair pair[2]; } in;"
    " union { u32 whole; u8 part[4]; }; struct { union { u64 deep; u8 bytes[8]; }; }; };",
)

test_copy = construct(
    "aggregates/copy",
    "Assigning a structure copies all of it, also through pointers and from itself's member.",
    """
    struct s a = { 1, { 2, 3, 4 }, 5 }, b, *p = &b; struct holder h = { .one = a };
    b = a; b.y[1] = 30; *p = *p; h.two = h.one; h.two.x = 10;
    OUT(0, b.x); OUT(1, b.y[1]); OUT(2, a.y[1]); OUT(3, h.two.x); OUT(4, h.one.x); OUT(5, h.two.z);
    """,
    [1, 30, 3, 10, 1, 5],
    before="struct s { u16 x; u8 y[3]; u64 z; }; struct holder { struct s one, two; };",
)

test_by_value = construct(
    "aggregates/by-value",
    "Inlined functions take and return structures and unions by value.",
    """
    struct s a = make(5); union u n = { .w = 0xff };
    OUT(0, sum(a)); OUT(1, sum(twice(a))); OUT(2, a.a); OUT(3, inc(n).w); OUT(4, n.w);
    OUT(5, make(9).c);
    """,
    [14, 28, 5, 0x1FF, 0xFF, 7],
    before="""
    struct s { int a, b; u64 c; };
    union u { u32 w; u8 b[4]; };
    static struct s make(int a) { struct s r = { .a = a, .b = 2, .c = 7 }; return r; }
    static int sum(struct s x) { return x.a + x.b + x.c; }
    static struct s twice(struct s x) { x.a *= 2; x.b *= 2; x.c *= 2; return x; }
    static union u inc(union u x) { x.b[1]++; return x; }
    """,
)

test_unions = construct(
    "aggregates/unions",
    "Members of a union share their bytes.",
    """
    union { u64 whole; u32 half[2]; struct { u8 first, second; }; s16 words[4]; } x;
    x.whole = 0x1122334455667788ULL; x.half[1] = 0xaabbccdd;
    OUT(0, x.first); OUT(1, x.second); OUT(2, x.whole >> 32); OUT(3, x.words[3]);
    OUT(4, sizeof(x));
    """,
    [0x88, 0x77, 0xAABBCCDD, -21829, 8],
)

test_flexible = construct(
    "aggregates/flexible-array",
    "A flexible array member lies behind the structure and takes no room in it.",
    """
    u64 room[4] = {}; struct f *p = (void *)room;
    p->n = 1; p->list[2] = 9;
    OUT(0, p->list[2]); OUT(1, sizeof(struct f)); OUT(2, ((u32 *)room)[3]);
    """,
    [9, 4, 9],
    before="struct f { u32 n; u32 list[]; };",
)

test_matrices = construct(
    "aggregates/matrices",
    "Arrays of arrays lie row by row; rows decay to pointers.",
    """
    int m[3][4] = { { 1, 2 }, { 5, 6, 7, 8 }, { [3] = 12 } }, (*row)[4] = &m[1], *p = m[2];
    volatile u32 i = 1, j = 2;
    OUT(0, m[i & 1][j & 3]); OUT(1, (*row)[3]); OUT(2, p[3]); OUT(3, m[0][3]); OUT(4, sizeof(m));
    OUT(5, sizeof(m[0])); OUT(6, row[1][3]); OUT(7, *(*(m + 1) + 1));
    """,
    [7, 8, 12, 0, 48, 16, 12, 6],
)

test_packed = construct(
    "aggregates/packed-and-aligned",
    "packed removes the gaps, aligned widens them, and members are still reached.",
    """
    struct p x = { 1, 0x1122334455667788ULL, 3 }; struct a y = { 4, 5 };
    OUT(0, sizeof(x)); OUT(1, x.b >> 56); OUT(2, x.c); OUT(3, sizeof(y)); OUT(4, y.b);
    OUT(5, _Alignof(struct a)); OUT(6, offsetof(struct p, c));
    """,
    [11, 0x11, 3, 32, 5, 16, 9],
    before="struct p { u8 a; u64 b; u16 c; } __attribute__((packed));"
    " struct a { u8 a; u8 b __attribute__((aligned(16))); };",
)

test_designators = construct(
    "initialisers/designators",
    "Designators name members and elements, nested ones too, and later ones win.",
    """
    struct t x = { .in.b = 5, .list = { [2] = 7, 8, [0] = 1 }, .in.a = 4, .list[1] = 2 };
    OUT(0, x.in.a); OUT(1, x.in.b); OUT(2, x.list[0]); OUT(3, x.list[1]); OUT(4, x.list[2]);
    OUT(5, x.list[3]); OUT(6, x.tail);
    """,
    [4, 5, 1, 2, 7, 8, 0],
    before="struct t { struct { int a, b; } in; int list[4]; int tail; };",
)

test_ranges = construct(
    "initialisers/ranges",
    "A range designator fills all its elements, nested in arrays of arrays too.",
    """
    int a[8] = { [1 ... 3] = 4, [6 ... 7] = 9 }, b[3][3] = { [0 ... 1][2] = 7,
    [2] = { [0 ... 2] = 4 } };
    OUT(0, a[0]); OUT(1, a[1] + a[2] + a[3]); OUT(2, a[5]); OUT(3, a[7]);
    OUT(4, b[0][2] + b[1][2]); OUT(5, b[0][1]); OUT(6, b[2][1]);
    """,
    [0, 12, 0, 9, 14, 0, 4],
)

test_braces = construct(
    "initialisers/brace-elision",
    "Braces may be left out, what is not named is zero, and strings fill arrays.",
    """
    struct q x[2] = { 1, 2, 3, 4, 5 }; char s[8] = "ab", t[] = { 'x', 'y' }, u[2] = "zw";
    OUT(0, x[0].v[1]); OUT(1, x[1].n); OUT(2, x[1].v[0]); OUT(3, x[1].v[1]); OUT(4, s[1] + s[2]);
    OUT(5, sizeof(t)); OUT(6, u[1]); OUT(7, s[7]);
    """,
    [3, 4, 5, 0, 98, 2, 119, 0],
    before="struct q { int n; int v[2]; };",
)

test_runtime_values = construct(
    "initialisers/run-time-values",
    "Initialisers of locals may be computed, in the order they stand.",
    """
    volatile int base = 10; int calls = 0;
    struct r x = { .b = base + 1, .a = calls++, .list = { calls++, base, [3] = calls } };
    OUT(0, x.a); OUT(1, x.b); OUT(2, x.list[0]); OUT(3, x.list[1]); OUT(4, x.list[2]);
    OUT(5, x.list[3]);
    """,
    [0, 11, 1, 10, 0, 2],
    before="struct r { int a, b; int list[4]; };",
)

test_compound_literals = construct(
    "initialisers/compound-literals",
    "A compound literal is an object of its own, in functions and at file scope.",
    """
    struct v *p = &(struct v){ .b = 2, .a = 1 };
    p->a += 5;
    OUT(0, weigh(p)); OUT(1, weigh(&(struct v){ 3, 4 })); OUT(2, ((int[]){ 1, 2, 3 })[2]);
    OUT(3, ((struct v){ .b = 8 }).b); OUT(4, sizeof((char[]){ "abc" }));
    """,
    [62, 34, 3, 8, 4],
    before="struct v { int a, b; }; static int weigh(struct v *x) { return x->a * 10 + x->b; }",
)

test_static_tables = construct(
    "initialisers/static-tables",
    "Constant tables at file scope and static ones in functions are read with unknown indexes.",
    """
    static const u8 odd[4] = { 1, 3, 5, 7 }; volatile u32 i = 2;
    OUT(0, powers[i & 7]); OUT(1, odd[i & 3]); OUT(2, rows[i & 1][1]); OUT(3, points[1].y);
    OUT(4, words[i & 1][0]);
    """,
    [4, 5, 2, 4, 97],
    before="static const u16 powers[8] = { 1, 2, 4, 8, 16, 32, 64, 128 };"
    " static const int rows[2][2] = { { 1, 2 }, { 3, 4 } }; static const char words[2][4] ="
    ' { "abc", "def" };'
    " struct point { int x, y; }; static const struct point points[2] = { { 1, 2 }, { 3, 4 } };",
)
