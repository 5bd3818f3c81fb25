"""Statements and the operators that decide, as C has them."""

from __future__ import annotations

from conformance.construct import construct

LOOPS = "5.3"  # bounded loops

test_if = construct(
    "statements/if",
    "if and else belong to the nearest, and conditions of any scalar type count.",
    """
    volatile int a = 1, b = 0; int *p = 0; u64 big = 1ULL << 40; int r = 0;
    if (a) if (b) r = 1; else r = 2;
    OUT(0, r); if (p) r = 3; OUT(1, r); if (big) r = 4; OUT(2, r); if (!p && a) r = 5; OUT(3, r);
    """,
    [2, 2, 4, 5],
)

test_switch = construct(
    "statements/switch",
    "switch jumps to its label, falls through, and takes default wherever it stands.",
    "OUT(0, f(0)); OUT(1, f(1)); OUT(2, f(2)); OUT(3, f(9)); OUT(4, f(-1));",
    [10, 21, 1, 99, 7],
    before="""
    static int f(int n) {
        int r = 0;
        switch (n) {
        case 0: return 10;
        default: r = 98; case 2: r++; break;
        case 1: r = 20; r++; break;
        case -1: r = 7;
        }
        return r;
    }
    """,
)

test_switch_ranges = construct(
    "statements/switch-ranges",
    "case ranges include both ends, wide ones and 64-bit ones too.",
    """
    OUT(0, f(0)); OUT(1, f(1)); OUT(2, f(5)); OUT(3, f(6)); OUT(4, f(1000000)); OUT(5, f(-3));
    OUT(6, g(0x123456789ULL)); OUT(7, g(0x200000000ULL));
    """,
    [0, 1, 1, 0, 2, 3, 1, 0],
    before="""
    static int f(int n) {
        switch (n) {
        case 1 ... 5: return 1; case 100 ... 2000000: return 2;
        case -5 ... -1: return 3; }
        return 0;
    }
    static int g(u64 n) {
        switch (n) { case 0x100000000ULL ... 0x1ffffffffULL: return 1; default: return 0; }
    }
    """,
)

test_switch_nested = construct(
    "statements/switch-nested",
    "Labels may stand inside blocks and loops of a switch, and switches in switches.",
    "OUT(0, f(1, 0)); OUT(1, f(2, 1)); OUT(2, f(2, 5)); OUT(3, f(3, 0)); OUT(4, f(4, 0));",
    [11, 21, 29, 33, 40],
    before="""
    static int f(int a, int b) {
        int r = 0;
        switch (a) {
        case 1: r = 10;
            if (b) { case 3: r += 32; }
            r++; break;
        case 2:
            switch (b) { case 1: return 21; default: r = 29; }
            break;
        case 4: { int t = 40; r = t; }
        }
        return r;
    }
    """,
)

test_for = construct(
    "statements/for",
    "for with each part present or missing, with break and continue.",
    """
    int sum = 0, i;
    for (i = 0; i < 10; i++) { if (i == 3) continue; if (i == 8) break; sum += i; }
    OUT(0, sum); OUT(1, i);
    for (;;) { if (--i < 4) break; }
    OUT(2, i);
    for (int j = 0, k = 9; j < k; j++, k--) sum += k - j;
    OUT(3, sum);
    """,
    [25, 8, 3, 50],
    kernel=LOOPS,
)

test_while = construct(
    "statements/while",
    "while tests before, do … while after its body; continue goes to the test.",
    """
    int n = 5, turns = 0;
    while (n > 2) { n--; if (n == 3) continue; turns += 10; }
    OUT(0, n); OUT(1, turns);
    do { n--; turns++; if (n == 1) continue; turns++; } while (n > 0);
    OUT(2, n); OUT(3, turns);
    do { turns = 77; } while (0);
    OUT(4, turns);
    """,
    [2, 20, 0, 23, 77],
    kernel=LOOPS,
)

test_unknown_bounds = construct(
    "statements/loop-of-unknown-length",
    "A loop whose bound is read at run time runs when a constant also bounds it.",
    """
    volatile u32 n = 40; u64 sum = 0;
    for (u32 i = 0; i < 64 && i < n; i++) sum += i;
    OUT(0, sum);
    """,
    [780],
    kernel=LOOPS,
)

test_unroll = construct(
    "statements/unroll",
    "#pragma unroll, with a number and without, and clang's loop pragmas keep the meaning.",
    """
    int a = 0, b = 0, c = 0, d = 0;
    #pragma unroll
    for (int i = 0; i < 20; i++) a += i;
    #pragma unroll 4
    for (int i = 0; i < 12; i++) b += i;
    #pragma clang loop unroll(full)
    for (int i = 0; i < 30; i++) c += i;
    #pragma nounroll
    for (int i = 0; i < 5; i++) d += i;
    OUT(0, a); OUT(1, b); OUT(2, c); OUT(3, d);
    """,
    [190, 66, 435, 10],
    kernel=LOOPS,
)

test_unrolled_on_old_kernels = construct(
    "statements/unroll-full",
    "#pragma unroll removes a loop entirely, so that kernels without loops take it.",
    """
    u64 sum = 0;
    #pragma unroll
    for (int i = 0; i < 40; i++) { if (i % 3) continue; sum = sum * 2 + i; }
    OUT(0, sum > 0);
    """,
    [1],
)

test_goto = construct(
    "statements/goto",
    "goto jumps forward out of blocks and backward to earlier labels.",
    """
    int i = 0, s = 0;
    again: s += i;
    if (++i < 5) goto again;
    OUT(0, s);
    { if (i == 5) goto out; s = 99; }
    s = 98;
    out: OUT(1, s);
    """,
    [10, 10],
    kernel=LOOPS,
)

test_logic = construct(
    "operators/short-circuit",
    "&& and || evaluate their right side only when it matters.",
    """
    int calls = 0, zero = 0, one = 1;
    (void)(zero && ++calls); (void)(one || ++calls); OUT(0, calls);
    (void)(one && ++calls); (void)(zero || ++calls); OUT(1, calls);
    OUT(2, 5 && 3); OUT(3, !calls || zero); OUT(4, sizeof(one && zero));
    """,
    [0, 2, 1, 0, 4],
)

test_conditional = construct(
    "operators/conditional",
    "?: evaluates one arm; a ?: b takes a, evaluated once, unless it is zero.",
    """
    volatile int a = 4; int n = 0, *p = 0; struct two { int x, y; } s = { 1, 2 }, t = { 3, 4 };
    OUT(0, a ? 10 : n++); OUT(1, n); OUT(2, a > 9 ? 1 : a > 3 ? 2 : 3); OUT(3, a ?: 9);
    OUT(4, (a - 4) ?: 9); OUT(5, n++ ?: 50); OUT(6, n); OUT(7, (a ? s : t).y); OUT(8, p ? *p : -1);
    """,
    [10, 0, 2, 4, 9, 50, 1, 2, -1],
)

test_comma = construct(
    "operators/comma",
    "The comma operator evaluates both sides and has the value of the last.",
    """
    int a = 1, b; b = (a++, a *= 5, a + 1);
    OUT(0, a); OUT(1, b); OUT(2, (1, 2, 3)); OUT(3, (a = 4, a) + a);
    """,
    [10, 11, 3, 8],
)

test_assignment = construct(
    "operators/assignment-values",
    "An assignment has the value that was stored, so chains work from the right.",
    """
    int a, b, c; u8 narrow;
    a = b = c = 4; a += b -= c *= 2;
    OUT(0, a); OUT(1, b); OUT(2, c); OUT(3, narrow = 300); OUT(4, a = narrow = 513);
    OUT(5, -(b = 6));
    """,
    [0, -4, 8, 44, 1, -6],
)

test_pointers = construct(
    "operators/pointer-arithmetic",
    "Pointers move by the size of what they point to; differences count elements.",
    """
    u32 list[6] = { 1, 2, 3, 4, 5, 6 }, *p = list + 1, *q = &list[5], **pp = &p; void *v = list;
    OUT(0, q - p); OUT(1, *(p + 2)); OUT(2, p[-1]); OUT(3, 2[p]); OUT(4, *(u32 *)(v + 8));
    OUT(5, p < q); OUT(6, (char *)q - (char *)p); **pp = 20; OUT(7, list[1]); *pp += 2;
    OUT(8, *p);
    """,
    [4, 4, 1, 4, 3, 1, 16, 20, 4],
)

test_statement_expressions = construct(
    "operators/statement-expressions",
    "({ … }) has the value of its last expression and scopes of its own.",
    """
    int x = ({ int y = 4; y * 2; }), y = 1;
    OUT(0, x); OUT(1, ({ int y = 7; y; }) + y); OUT(2, MAXIMUM(x++, 3)); OUT(3, x);
    OUT(4, ({ struct { int a; } s = { 9 }; s; }).a);
    """,
    [8, 8, 8, 9, 9],
    before="#define MAXIMUM(a, b) ({ typeof(a) _a = (a); typeof(b) _b = (b); _a > _b ? _a : _b; })",
)

test_types = construct(
    "operators/typeof-and-sizeof",
    "typeof, __auto_type, sizeof, offsetof, _Alignof and _Static_assert know their types.",
    """
    int a = 3; typeof(a) b = 4; __auto_type c = b + 1ULL; typeof(int *) p = &a; typeof(*p) d = *p;
    _Static_assert(sizeof(c) == 8, "wide");
    OUT(0, c); OUT(1, sizeof(c)); OUT(2, d); OUT(3, _Alignof(u64)); OUT(4, sizeof(a++)); OUT(5, a);
    OUT(6, sizeof(int[7])); OUT(7, offsetof(struct lay, c[2]));
    """,
    [5, 8, 3, 8, 4, 3, 28, 24],
    before="struct lay { u8 a; u64 b; u32 c[3]; };",
)

test_generic = construct(
    "operators/generic",
    "_Generic picks by type, typedefs at file and in function scope are seen through.",
    """
    typedef u64 mine; int a = 1; mine z = 0; char *s = "x";
    OUT(0, _Generic(a, int: 5, default: 6)); OUT(1, _Generic(z, unsigned long long: 8, default: 9));
    OUT(2, _Generic(s, char *: 1, int: 2)); OUT(3, _Generic((u8)1, int: 1, u8: 2));
    OUT(4, _Generic(z, mine: 3, default: 4));
    """,
    [5, 8, 1, 2, 3],
)

test_function_pointers = construct(
    "operators/function-pointers",
    "Pointers to functions that are known at compile time are called directly.",
    """
    int (*f)(int) = twice; int (*table[2])(int) = { twice, thrice };
    OUT(0, f(4)); OUT(1, table[1](4)); OUT(2, apply(thrice, 5)); OUT(3, (*f)(1));
    OUT(4, (&twice)(6));
    """,
    [8, 12, 15, 2, 12],
    before="""
    static int twice(int x) { return x * 2; }
    static int thrice(int x) { return x * 3; }
    static int apply(int (*f)(int), int x) { return f(x); }
    """,
)

test_volatile = construct(
    "operators/volatile",
    "Each access of a volatile object happens, and barriers keep values.",
    """
    volatile int a = 5; u64 x = 7;
    a; a = a + a; asm volatile("" ::: "memory"); asm volatile("" : "+r"(x)); x++;
    OUT(0, a); OUT(1, x);
    """,
    [10, 8],
)

test_scopes = construct(
    "statements/scopes",
    "Inner names hide outer ones, and statics of different blocks are different objects.",
    """
    int n = 1; { int n = 2; { static int n = 3; n++; OUT(0, n); } OUT(1, n); } OUT(2, n);
    for (int n = 9; n < 10; n++) OUT(3, n);
    """,
    [4, 2, 1, 9],
)
