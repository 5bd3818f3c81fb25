"""Builtins of the compiler and atomic operations."""

from __future__ import annotations

from conformance.construct import construct

FETCH = "5.12"  # BPF_ATOMIC with BPF_FETCH

test_byte_swaps = construct(
    "builtins/byte-swaps",
    "__builtin_bswap16, 32 and 64 reverse the bytes of variables and constants.",
    """
    volatile u16 a = 0x1234; volatile u32 b = 0x12345678; volatile u64 c = 0x0123456789abcdefULL;
    OUT(0, __builtin_bswap16(a)); OUT(1, __builtin_bswap32(b)); OUT(2, __builtin_bswap64(c) >> 8);
    OUT(3, __builtin_bswap16(0xff00));
    """,
    [0x3412, 0x78563412, 0xEFCDAB89674523, 0xFF],
)

test_counting = construct(
    "builtins/counting-bits",
    "clz, ctz, ffs, popcount and parity in their int, long and long long forms.",
    """
    volatile u32 a = 0x00f0; volatile u64 b = 1ULL << 40; volatile u32 zero = 0;
    OUT(0, __builtin_clz(a)); OUT(1, __builtin_clzll(b)); OUT(2, __builtin_ctz(a));
    OUT(3, __builtin_ctzl(b)); OUT(4, __builtin_ffs(a)); OUT(5, __builtin_ffsll(zero));
    OUT(6, __builtin_popcount(a)); OUT(7, __builtin_popcountll(b - 1));
    OUT(8, __builtin_parity(a + 1));
    """,
    [24, 23, 4, 40, 5, 0, 4, 40, 1],
)

test_overflow = construct(
    "builtins/overflow",
    "__builtin_add_overflow and its kin tell overflow and store the wrapped result.",
    """
    volatile u32 top = 0xffffffff; volatile s32 peak = 0x7fffffff; u32 r; s32 s; volatile u64 w = 5;
    u64 big;
    OUT(0, __builtin_add_overflow(top, 2u, &r)); OUT(1, r);
    OUT(2, __builtin_add_overflow(peak, 1, &s)); OUT(3, s);
    OUT(4, __builtin_sub_overflow(w, 6ULL, &big)); OUT(5, __builtin_sub_overflow(peak, -1, &s));
    OUT(6, __builtin_mul_overflow(top, 2u, &r)); OUT(7, r);
    OUT(8, __builtin_add_overflow(peak, -1, &s));
    """,
    [1, 1, 1, -0x80000000, 1, 1, 1, 0xFFFFFFFE, 0],
)

test_overflow_of_mixed_types = construct(
    "builtins/overflow-of-mixed-types",
    "The overflow builtins take operands and results of different types.",
    """
    volatile s32 minus = -1; volatile u64 wide = 5; u32 r; u8 tiny; s64 s;
    OUT(0, __builtin_add_overflow(minus, wide, &r)); OUT(1, r);
    OUT(2, __builtin_add_overflow(250, 10, &tiny)); OUT(3, tiny);
    OUT(4, __builtin_mul_overflow(3, 4, &r)); OUT(5, __builtin_sub_overflow(0u, wide, &s));
    OUT(6, s);
    """,
    [0, 4, 1, 4, 0, 0, -5],
)

test_overflow_of_products = construct(
    "builtins/overflow-of-wide-products",
    "Products of 64 bits are checked for overflow, of signed and unsigned factors.",
    """
    volatile u64 big = 1ULL << 40, zero = 0; volatile s64 minus = -(1LL << 40); u64 r; s64 s;
    OUT(0, __builtin_mul_overflow(big, big, &r)); OUT(1, r);
    OUT(2, __builtin_mul_overflow(big, 1ULL << 23, &r)); OUT(3, r >> 60);
    OUT(4, __builtin_mul_overflow(minus, 1LL << 23, &s)); OUT(5, s >> 62);
    OUT(6, __builtin_mul_overflow(minus, -(1LL << 23), &s));
    OUT(7, __builtin_mul_overflow(zero, big, &r)); OUT(8, __builtin_mul_overflow(minus, 1, &r));
    """,
    [1, 0, 0, 8, 0, -2, 1, 0, 1],
)

test_memory = construct(
    "builtins/memory",
    "memcpy, memmove, memset, memcmp and strlen of constant sizes.",
    """
    char a[40] = { 1, 2, 3 }, b[40];
    __builtin_memcpy(b, a, 40); OUT(0, __builtin_memcmp(a, b, 40)); b[39] = 1;
    OUT(1, __builtin_memcmp(a, b, 40) < 0); __builtin_memset(b, 7, 40); OUT(2, b[39]);
    __builtin_memcpy(b, a, 4); __builtin_memmove(b + 1, b, 3); OUT(3, b[3]);
    OUT(4, __builtin_strlen("abc")); OUT(5, b[0] + b[1]);
    """,
    [0, 1, 7, 3, 3, 2],
)

test_hints = construct(
    "builtins/hints",
    "expect, unreachable, assume, prefetch and constant_p change nothing that is computed.",
    """
    volatile int a = 3; int r = 0;
    if (__builtin_expect(a == 3, 1)) r = 1;
    switch (a) { case 3: r += 10; break; default: __builtin_unreachable(); }
    OUT(0, r); OUT(1, __builtin_constant_p(5)); OUT(2, __builtin_choose_expr(1, 4, "x"));
    OUT(3, __builtin_types_compatible_p(int, typeof(r))); OUT(4, __builtin_abs(-a));
    """,
    [11, 1, 4, 1, 3],
)

test_add = construct(
    "atomics/add",
    "__sync_fetch_and_add without its result adds in one instruction, on every kernel.",
    "__sync_fetch_and_add(&g, 5); __sync_fetch_and_add(&h, -2); OUT(0, g); OUT(1, (s32)h);",
    [5, -2],
    before="static u64 g; static u32 h;",
    kernel="5.2",  # global data
)

test_fetch = construct(
    "atomics/fetch",
    "Atomic operations give the value before or after, in both widths.",
    """
    OUT(0, __sync_fetch_and_add(&g, 5)); OUT(1, __atomic_add_fetch(&g, 2, __ATOMIC_SEQ_CST));
    OUT(2, __sync_fetch_and_or(&h, 6)); OUT(3, __sync_and_and_fetch(&h, 3)); OUT(4, h);
    OUT(5, __atomic_fetch_xor(&g, 0xff, __ATOMIC_RELAXED)); OUT(6, g);
    OUT(7, __sync_sub_and_fetch(&g, 1));
    """,
    [0, 7, 0, 2, 2, 7, 0xF8, 0xF7],
    before="static u64 g; static u32 h;",
    kernel=FETCH,
)

test_exchange = construct(
    "atomics/exchange",
    "Exchange and compare-and-exchange, by their __sync and __atomic names.",
    """
    u64 expected = 3; g = 7;
    OUT(0, __sync_val_compare_and_swap(&g, 7, 9)); OUT(1, __sync_bool_compare_and_swap(&g, 7, 1));
    OUT(2, __atomic_exchange_n(&g, 8, __ATOMIC_SEQ_CST)); OUT(3, g);
    OUT(4, __atomic_compare_exchange_n(&g, &expected, 4, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
    OUT(5, expected); OUT(6, __sync_lock_test_and_set(&h, 2)); OUT(7, h);
    """,
    [7, 0, 9, 8, 0, 8, 0, 2],
    before="static u64 g; static u32 h;",
    kernel=FETCH,
)

test_load_store = construct(
    "atomics/load-and-store",
    "Relaxed atomic loads and stores are plain ones.",
    """
    __atomic_store_n(&g, 77, __ATOMIC_RELAXED); OUT(0, __atomic_load_n(&g, __ATOMIC_RELAXED));
    """,
    [77],
    before="static u64 g;",
    kernel="5.2",
)

test_globals = construct(
    "globals/read-and-write",
    "Globals with and without initialiser keep what programs store, structures too.",
    """
    counter++; zeroed += 2; box.n[1] = 'x'; list[2] = list[0] + 1;
    OUT(0, counter); OUT(1, zeroed); OUT(2, box.n[1]); OUT(3, box.x); OUT(4, fixed);
    OUT(5, list[2]);
    """,
    [4, 2, 120, 5, 9, 11],
    before="static int counter = 3; static u64 zeroed; static const volatile int fixed = 9;"
    ' static struct { int x; char n[4]; } box = { .x = 5, .n = "ab" };'
    " static int list[3] = { 10 };",
    kernel="5.2",
)

test_static_locals = construct(
    "globals/static-locals",
    "A static local keeps its value between calls of its function.",
    "OUT(0, tick()); OUT(1, tick()); OUT(2, tick());",
    [11, 12, 13],
    before="static int tick(void) { static int n = 10; return ++n; }",
    kernel="5.2",
)

test_outlined = construct(
    "functions/outlined",
    "A static noinline function is a BPF function of its own; loops may call it.",
    """
    volatile int v = 6; u64 sum = 0;
    for (int i = 0; i < 4; i++) sum += product(i, v);
    OUT(0, sum); OUT(1, deep(3));
    """,
    [40, 6],
    before="""
    static __attribute__((noinline)) u64 product(u32 a, u32 b) { return (u64)a * b + 1; }
    static __attribute__((noinline)) int one(int n) { return n + 1; }
    static __attribute__((noinline)) int deep(int n) { return one(n) + 2; }
    """,
    kernel="5.3",
)

test_pointer_arguments = construct(
    "functions/pointers-to-locals",
    "Functions write through pointers to their caller's locals, inlined or not.",
    """
    int a = 1, b = 2; swap(&a, &b); OUT(0, a * 10 + b); u64 s = 0; add(&s, 5); add(&s, 6);
    OUT(1, s);
    """,
    [21, 11],
    before="""
    static void swap(int *a, int *b) { int t = *a; *a = *b; *b = t; }
    static __attribute__((noinline)) int add(u64 *to, u64 n) { if (!to) return 0; *to += n;
    return 1; }
    """,
    kernel="5.0",
)

test_helper_pointers = construct(
    "functions/helper-pointers",
    "A function pointer with a helper's number calls the helper, from a variable too.",
    """
    u64 (*clock)(void) = (void *)5; u64 a = clock(), b = own_clock();
    OUT(0, a > 0); OUT(1, b >= a);
    """,
    [1, 1],
    before="static u64 (*own_clock)(void) = (void *)5;",
)

test_macros = construct(
    "preprocessor/macros",
    "Macros with arguments, pasting, strings, __VA_ARGS__ and conditions expand as in C.",
    """
    int JOIN(va, lue) = 4; OUT(0, value); OUT(1, sizeof(TEXT(a b))); OUT(2, SUM(1, 2, 3));
    OUT(3, CHOICE); OUT(4, __LINE__ > 1); OUT(5, TWICE(value + 1));
    """,
    [4, 4, 6, 2, 1, 5],
    before="""
    #define JOIN(a, b) a##b
    #define TEXT(x) #x
    #define SUM(a, ...) (a + ADD(__VA_ARGS__))
    #define ADD(a, b) (a + b)
    #define TWICE(x) x * 2 - 1
    #if defined(JOIN) && !defined(NOTHING)
    #define CHOICE 2
    #else
    #define CHOICE 3
    #endif
    """,
)
