"""Builtins about integers and hints, and blocks of memory: what they compute."""

from __future__ import annotations

import re

import pytest

from conformance.fuzz.jit import Jit
from tests.unit.compiler.lower.executed import LINE, check, refused
from tests.unit.compiler.lower.plain import build_ir

A, B = 0x0123_4567_89AB_CDEF, 0xFEDC_BA98_0000_0000


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(
            "o[0] = __builtin_bswap16(m[0]); o[1] = __builtin_bswap32(m[0]);"
            "o[2] = __builtin_bswap64(m[0]); o[3] = __builtin_bswap64((u8)m[0]);",
            [0xEFCD, 0xEFCD_AB89, 0xEFCD_AB89_6745_2301, 0xEF << 56],
            id="bswap",
        ),
        pytest.param(
            "o[0] = __builtin_clz(m[0]); o[1] = __builtin_clzl(m[0]); o[2] = __builtin_clzll(m[0]);"
            "o[3] = __builtin_clz((u8)m[0]);",
            [0, 7, 7, 24],
            id="clz",
        ),
        pytest.param(
            "o[0] = __builtin_ctz(m[0]); o[1] = __builtin_ctzl(m[1]);"
            "o[2] = __builtin_ctzll(m[1] << 4);",
            [0, 35, 39],
            id="ctz",
        ),
        pytest.param(
            "o[0] = __builtin_popcount(m[0]); o[1] = __builtin_popcountl(m[0]);"
            "o[2] = __builtin_popcountll(m[1]); o[3] = __builtin_popcount((s8)m[0]);",
            [20, 32, 20, 31],
            id="popcount",
        ),
        pytest.param(
            "o[0] = __builtin_ffs(m[1]); o[1] = __builtin_ffsl(m[1]); o[2] = __builtin_ffsll(m[0]);"
            "o[3] = __builtin_ffs(8);",
            [0, 36, 1, 4],
            id="ffs",
        ),
        pytest.param(
            "o[0] = __builtin_parity(m[0]); o[1] = __builtin_parityl(m[1] | 1);"
            "o[2] = __builtin_parityll(m[0] | 1); o[3] = __builtin_parity(7);",
            [0, 1, 0, 1],
            id="parity",
        ),
        pytest.param(
            "o[0] = __builtin_abs((int)m[0]); o[1] = __builtin_labs(-(long)m[0]);"
            "o[2] = __builtin_llabs(m[1]); o[3] = __builtin_abs(5);",
            [0x7654_3211, A, 0x0123_4568_0000_0000, 5],
            id="abs",
        ),
        pytest.param(
            "if (__builtin_expect(m[0] == 3, 0)) o[0] = 1; else o[0] = 2;"
            "o[1] = __builtin_expect((u8)m[0], m[1]);"
            "o[2] = __builtin_expect_with_probability(m[1], 7, 0.9);",
            [2, 0xEF, B],
            id="expect",
        ),
        pytest.param(
            "int *p = 0; o[0] = __builtin_constant_p(7 * 6); o[1] = __builtin_constant_p(m[0]);"
            'o[2] = __builtin_constant_p(p); o[3] = __builtin_constant_p("text");',
            [1, 0, 0, 1],
            id="constant_p",
        ),
        pytest.param(
            'o[0] = __builtin_choose_expr(sizeof(long) == 8, m[0], "other");'
            "o[1] = __builtin_types_compatible_p(u64, unsigned long long);"
            "o[2] = __builtin_types_compatible_p(u64, unsigned long);"
            "o[3] = __builtin_types_compatible_p(typeof(m[0]) *, typeof(m));",
            [A, 1, 0, 1],
            id="choose_expr-and-types_compatible_p",
        ),
        pytest.param(
            "char b[12]; o[0] = __builtin_object_size(b, 0); o[1] = __builtin_object_size(m, 0);"
            "o[2] = __builtin_object_size(m, 2); o[3] = __builtin_dynamic_object_size(m, 3);",
            [12, -1, 0, 0],
            id="object_size",
        ),
        pytest.param(
            "__builtin_prefetch(m); __builtin_assume(m[0] != 0); o[0] = 1;"
            "if (!m[0]) __builtin_unreachable(); o[1] = 2;",
            [1, 2],
            id="prefetch-assume-unreachable",
        ),
        pytest.param(
            "struct s { char c; long l; }; o[0] = __builtin_offsetof(struct s, l);"
            "o[1] = sizeof(struct s); o[2] = _Alignof(struct s);"
            "o[3] = _Generic(m[0], int: 1, u64: 2, default: 3);",
            [8, 16, 8, 2],
            id="offsetof-sizeof-generic",
        ),
    ],
)
def test_a_builtin_about_numbers(jit: Jit, body: str, expected: list[int]) -> None:
    check(jit, body, expected, [A, B])


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(
            "__builtin_memcpy(o, m, 16); u8 b[5]; __builtin_memcpy(b, (u8 *)m + 1, 5);"
            "o[2] = b[0] | b[4] << 8; o[3] = *(u64 *)__builtin_memcpy(&o[4], &m[1], sizeof(u64));",
            [A, B, 0x45CD, B, B],
            id="memcpy",
        ),
        pytest.param(
            "u64 n = m[2]; __builtin_memcpy(o, m, n); __builtin_memset(o + 2, 0xab, n);"
            "__builtin_memmove(o + 1, o, n);",
            [A, A, 0xABAB_ABAB_ABAB_ABAB],
            id="variable-size",
        ),
        pytest.param(
            "struct big { u8 c[2500]; } x = { { [2499] = 3 } }, y; __builtin_memcpy(&y, &x, 2500);"
            "o[0] = y.c[2499]; __builtin_memset(&y, 7, 2500); o[1] = y.c[0] + y.c[2499];"
            "__builtin_bzero(&y, sizeof(y)); o[2] = y.c[2499];",
            [3, 14, 0],
            id="more-than-one-piece",
        ),
        pytest.param(
            "u32 a[4] = { 1, 2, 3, 4 }; __builtin_memmove(a + 1, a, 12); o[0] = a[1] * 100 + a[3];"
            "void *p = a; __builtin_memmove(p, p + 4, 12); o[1] = a[0] * 100 + a[2];",
            [103, 103],
            id="memmove-overlapping",
        ),
        pytest.param(
            "o[0] = *(u64 *)__builtin_memset(o + 1, 0x1ff, 4); __builtin_bzero(m, 8); o[2] = m[0];"
            "o[3] = 7; __builtin_memset_inline(&o[3], 0, 8);"
            "__builtin_memcpy_inline(&o[4], &m[1], 8);",
            [0xFFFF_FFFF, 0xFFFF_FFFF, 0, 0, B],
            id="memset-bzero-inline",
        ),
        pytest.param(
            "o[0] = __builtin_memcmp(m, m + 1, 8) > 0; o[1] = __builtin_memcmp(m + 1, m, 8) < 0;"
            "o[2] = __builtin_memcmp(m, m, 16); o[3] = __builtin_bcmp(m, m + 1, 1) != 0;"
            'o[4] = __builtin_memcmp("abcd", "abce", 4) < 0; o[5] = __builtin_memcmp(m, m, 0);',
            [1, 1, 0, 1, 1, 0],
            id="memcmp",
        ),
        pytest.param(
            "u16 a[4] = { 0x0100, 0xff00, 5, 6 }, b[4] = { 0x0100, 0x01ff, 5, 6 };"
            "o[0] = __builtin_memcmp(a, b, 2); o[1] = __builtin_memcmp(a, b, 8) < 0;"
            "o[2] = __builtin_memcmp(a + 2, b + 2, 4); o[3] = __builtin_memcmp(a, b, 3) < 0;"
            "o[4] = __builtin_memcmp((u8 *)a + 3, (u8 *)b + 3, 5) > 0;",
            [0, 1, 0, 1, 1],
            id="memcmp-of-odd-sizes",
        ),
        pytest.param(
            'o[0] = __builtin_strlen("four"); o[1] = __builtin_strlen("a\\0b");'
            'o[2] = __builtin_strlen("");',
            [4, 1, 0],
            id="strlen",
        ),
    ],
)
def test_a_block_of_memory(jit: Jit, body: str, expected: list[int]) -> None:
    check(jit, body, expected, [A, B, 8])


@pytest.mark.parametrize(
    ("body", "message", "hint"),
    [
        pytest.param("__builtin_trap();", "__builtin_trap is not available", "return instead",
                     id="trap"),
        pytest.param("return (long)__builtin_return_address(0);",
                     "__builtin_return_address is not available", "bpf_get_func_ip",
                     id="return_address"),
        pytest.param("return (long)__builtin_frame_address(0);",
                     "__builtin_frame_address is not available", "no frame", id="frame_address"),
        pytest.param("char *p = __builtin_alloca(8); return *p;",
                     "__builtin_alloca is not available", "declare an array", id="alloca"),
        pytest.param("return __builtin_bitreverse32(*m);",
                     "__builtin_bitreverse32 is not supported",
                     "", id="unknown"),
        pytest.param("u8 b[5000]; __builtin_memset(b, 0, sizeof(b)); return b[0];",
                     "__builtin_memset of 5000 bytes", "loop", id="memset-too-large"),
        pytest.param("struct { u8 c[4000]; } *p = (void *)m; __builtin_memmove(m, p + 1, 1025);",
                     "memmove of 1025 bytes; at most 1024", "smaller pieces",
                     id="memmove-too-large"),
        pytest.param("return __builtin_memcmp(m, m + 1, *m);",
                     "__builtin_memcmp needs a constant size of at most 256", "bpf_strncmp",
                     id="memcmp-variable"),
        pytest.param("return __builtin_memcmp(m, m + 1, 257);",
                     "__builtin_memcmp needs a constant size of at most 256", "bpf_strncmp",
                     id="memcmp-too-large"),
        pytest.param("return __builtin_strlen((char *)m);",
                     "strlen() of a string that is not a literal", "bpf_probe_read_str",
                     id="strlen-variable"),
    ],
)  # fmt: skip
def test_what_cannot_be_had_is_refused_with_a_hint(body: str, message: str, hint: str) -> None:
    said = refused(f"int f(u64 *m) {{ {body} return 0; }}")
    assert said.message.startswith(message)
    assert said.loc.line == LINE
    assert hint in said.hint


KPROBE = """
struct pt_regs { unsigned long di; };
struct task { int pid; char comm[16]; struct task *parent; };
int kprobe__f(struct pt_regs *ctx, struct task *t) { char b[16]; %s return b[0]; }
"""


@pytest.mark.parametrize(
    ("body", "call"),
    [
        pytest.param("__builtin_memcpy(b, t->comm, 16);", r"i32 16, ptr", id="memcpy"),
        pytest.param("__builtin_memcpy(b, t->parent, t->pid & 15);", r"i32 %t\d+, ptr",
                     id="variable"),
        pytest.param("__builtin_memmove(b, t, 8);", r"i32 8, ptr", id="memmove"),
        pytest.param("b[0] = __builtin_memcmp(t->comm, \"abc\", 3);", r"i32 3, ptr", id="memcmp"),
    ],
)  # fmt: skip
def test_kernel_memory_is_read_by_helper(body: str, call: str) -> None:
    ir = build_ir(KPROBE % body)
    assert re.search(rf"call i64 inttoptr \(i64 4 to ptr\)\(ptr %\w+, {call} %", ir)
