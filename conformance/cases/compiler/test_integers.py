"""Integers: conversions, promotions, operators and their widths, as C has them."""

from __future__ import annotations

from conformance.construct import construct

test_narrowing = construct(
    "integers/narrowing",
    "A value stored in a narrower integer keeps its low bits, with that type's sign.",
    """
    volatile u64 wide = 0x1234567890abcdefULL;
    u8 a = wide; s8 b = wide; u16 c = wide; s16 d = wide; u32 e = wide; s32 f = wide;
    OUT(0, a); OUT(1, b); OUT(2, c); OUT(3, d); OUT(4, e); OUT(5, f);
    """,
    [0xEF, -17, 0xCDEF, -12817, 0x90ABCDEF, 0x90ABCDEF - (1 << 32)],
)

test_widening = construct(
    "integers/widening",
    "Signed integers widen with their sign, unsigned ones with zeros, also through unsigned types.",
    """
    volatile s8 small = -3; volatile u8 byte = 0xfd; volatile s32 word = -5;
    OUT(0, small); OUT(1, byte); OUT(2, (u64)word >> 60); OUT(3, (u32)small);
    OUT(4, (u64)(u32)word); OUT(5, (s64)(u16)small);
    """,
    [-3, 253, 15, 0xFFFFFFFD, 0xFFFFFFFB, 0xFFFD],
)

test_promotions = construct(
    "integers/promotions",
    "Narrow operands are promoted to int before they are computed with.",
    """
    volatile u8 a = 250, b = 10; volatile u16 h = 65535; volatile s8 n = -128;
    OUT(0, a + b); OUT(1, (u8)(a + b)); OUT(2, h * 2); OUT(3, -n); OUT(4, ~a); OUT(5, a - b * 30);
    OUT(6, sizeof(a + b)); OUT(7, a << 8);
    """,
    [260, 4, 131070, 128, -251, -50, 4, 64000],
)

test_usual_conversions = construct(
    "integers/usual-conversions",
    "Operands of different types meet in the type C names, so that -1 is greater than 1U.",
    """
    volatile s32 minus = -1; volatile u32 one = 1; volatile s64 wide = -1; volatile u8 tiny = 1;
    OUT(0, minus > one); OUT(1, wide > one); OUT(2, minus > tiny); OUT(3, minus + one);
    OUT(4, (minus + one) == 0); OUT(5, wide * one); OUT(6, minus / (s64)one); OUT(7, minus + 2u);
    """,
    [1, 0, 0, 0, 1, -1, -1, 1],
)

test_shifts = construct(
    "integers/shifts",
    "Shifts have the type of their left operand; signed ones keep the sign.",
    """
    volatile s32 minus = -256; volatile u32 high = 0x80000000; volatile u8 by = 4;
    volatile s64 wide = -1LL << 40; volatile u64 big = 1ULL << 63;
    OUT(0, minus >> by); OUT(1, high >> by); OUT(2, (s32)(high << 1)); OUT(3, wide >> 36);
    OUT(4, big >> 63); OUT(5, 1ULL << by << by); OUT(6, (u32)minus >> 28); OUT(7, (u8)high >> 1);
    """,
    [-16, 0x08000000, 0, -16, 1, 256, 15, 0],
)

test_unsigned_division = construct(
    "integers/unsigned-division",
    "Unsigned division and remainder, by variables and by constants, of 32 and 64 bits.",
    """
    volatile u32 a = 0xfffffff0, b = 7; volatile u64 c = 0xfffffffffffffff0ULL, d = 1000;
    OUT(0, a / b); OUT(1, a % b); OUT(2, c / d); OUT(3, c % d); OUT(4, a / 10); OUT(5, c % 1024);
    """,
    [0xFFFFFFF0 // 7, 0xFFFFFFF0 % 7, (2**64 - 16) // 1000, (2**64 - 16) % 1000, 429496728, 1008],
)

test_signed_division = construct(
    "integers/signed-division",
    "Signed division rounds towards zero on every kernel, also where the instruction set has none.",
    """
    volatile s32 a = -7, b = 2; volatile s64 c = -1000000000007LL, d = 10;
    OUT(0, a / b); OUT(1, a % b); OUT(2, c / d); OUT(3, c % d); OUT(4, a / 4); OUT(5, a % 4);
    OUT(6, 7 / (s32)-b); OUT(7, c / -d);
    """,
    [-3, -1, -100000000000, -7, -1, -3, -3, 100000000000],
)

test_wrap = construct(
    "integers/wrap-around",
    "Signed arithmetic wraps around as two's complement, as the kernel compiles its own C.",
    """
    volatile s32 top = 0x7fffffff; volatile s64 peak = 0x7fffffffffffffffLL; volatile s8 edge = 127;
    edge++;
    OUT(0, top + 1); OUT(1, peak + 1 < 0); OUT(2, edge); OUT(3, (top + 1) > top);
    OUT(4, -(s32)0x80000000);
    """,
    [-0x80000000, 1, -128, 0, -0x80000000],
)

test_bool = construct(
    "integers/bool",
    "A _Bool is 0 or 1 whatever is stored in it.",
    """
    volatile u64 big = 1ULL << 40; bool a = big, b = !big, c = &big != 0; _Bool d = 0; d += 5; d--;
    OUT(0, a); OUT(1, b); OUT(2, c); OUT(3, d); OUT(4, sizeof(a)); OUT(5, (bool)0x100);
    OUT(6, (u8)0x100);
    """,
    [1, 0, 1, 0, 1, 1, 0],
)

test_enums = construct(
    "integers/enums",
    "Enumerations have the type their values need, one byte when packed, and count on.",
    """
    enum sign v = A; enum tiny w = Y; enum wide x = BIG;
    OUT(0, v); OUT(1, w); OUT(2, sizeof(w)); OUT(3, C); OUT(4, x >> 32); OUT(5, sizeof(x));
    OUT(6, v < 0);
    """,
    [-1, 200, 1, 8, 1, 8, 1],
    before="enum sign { A = -1, B = 7, C }; enum __attribute__((packed)) tiny { X, Y = 200 };"
    " enum wide { BIG = 0x1ffffffffULL };",
)

test_comparisons = construct(
    "integers/comparisons",
    "Comparisons give int 0 or 1, signed or unsigned as their operands are.",
    """
    volatile s64 a = -1; volatile u64 b = 1; volatile s32 c = -1; volatile u32 d = 1;
    OUT(0, a < 0); OUT(1, (u64)a > b); OUT(2, c <= 0); OUT(3, (u32)c >= d); OUT(4, a == c);
    OUT(5, a != c); OUT(6, sizeof(a < 0)); OUT(7, !a); OUT(8, !!b);
    """,
    [1, 1, 1, 1, 1, 0, 4, 0, 1],
)

test_characters = construct(
    "integers/characters",
    "Character constants, plain char's sign, and escapes are as on every Linux.",
    r"""
    volatile char c = '\377'; const char s[] = "a\0b\x41\n";
    OUT(0, c); OUT(1, 'A'); OUT(2, '\n'); OUT(3, sizeof('a')); OUT(4, sizeof(s)); OUT(5, s[3]);
    OUT(6, s[2]); OUT(7, L'x'); OUT(8, sizeof(u8"abc"));
    """,
    [-1, 65, 10, 4, 6, 65, 98, 120, 4],
)

test_literals = construct(
    "integers/literals",
    "Integer literals have the type their base, suffix and size give.",
    """
    OUT(0, 0xffffffff); OUT(1, sizeof(0xffffffff)); OUT(2, sizeof(4294967295)); OUT(3, 010);
    OUT(4, 0b1011); OUT(5, sizeof(1ULL)); OUT(6, -1 < 0u); OUT(7, 0x7fffffffffffffffLL);
    """,
    [0xFFFFFFFF, 4, 8, 8, 11, 8, 0, 2**63 - 1],
)

test_bit_operators = construct(
    "integers/bit-operators",
    "And, or, exclusive or and complement work on the promoted widths.",
    """
    volatile u32 a = 0xf0f0f0f0, b = 0x0ff00ff0; volatile u64 c = 0xff00ff00ff00ff00ULL;
    OUT(0, a & b); OUT(1, a | b); OUT(2, a ^ b); OUT(3, ~a); OUT(4, (s64)~c); OUT(5, c & ~a);
    """,
    [0x00F000F0, 0xFFF0FFF0, 0xFF00FF00, 0x0F0F0F0F, 0x00FF00FF00FF00FF, 0x0F000F00],
)

test_compound_assignment = construct(
    "integers/compound-assignment",
    "Compound assignment computes in the common type and converts back to the left operand's.",
    """
    u8 a = 200; s8 b = -100; u16 c = 3; s64 d = -9; u32 e = 5;
    a += 100; b -= 100; c <<= 15; d /= 2; e *= -1; a ^= 0xff; d >>= 1; e |= 1ULL << 40; c -= 1u;
    OUT(0, a); OUT(1, b); OUT(2, c); OUT(3, d); OUT(4, e);
    """,
    [211, 56, 0x7FFF, -2, 0xFFFFFFFB],
)

test_increments = construct(
    "integers/increments",
    "Prefix and postfix ++ and -- give the new and the old value, on integers and pointers.",
    """
    u8 a = 255; s32 b = -1; int list[3] = {4, 5, 6}, *p = list;
    OUT(0, a++); OUT(1, a); OUT(2, ++b); OUT(3, b--); OUT(4, b); OUT(5, *p++); OUT(6, *++p);
    OUT(7, p - list);
    """,
    [255, 0, 0, 0, -1, 4, 6, 2],
)

test_int128 = construct(
    "integers/int128",
    "128-bit integers are added, shifted, compared and converted.",
    """
    unsigned __int128 a = (unsigned __int128)1 << 70, b; __int128 n = -5;
    a += 3; b = a >> 69; n += (__int128)1 << 64;
    OUT(0, (s64)b); OUT(1, (s64)a); OUT(2, (s64)(a >> 64)); OUT(3, n > 0); OUT(4, (s64)(n >> 63));
    OUT(5, (a ^ a) == 0); OUT(6, (s64)((a - 4) >> 64)); OUT(7, sizeof(a));
    """,
    [2, 3, 64, 1, 1, 1, 63, 16],
)
