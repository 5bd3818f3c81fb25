"""``__sync_*`` and ``__atomic_*`` on 32 and 64 bits: what they give and what they leave."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bpfkit.errors import CompileError
from conformance.fuzz.jit import Jit
from tests.unit.compiler.lower.executed import LINE, check, refused
from tests.unit.compiler.lower.plain import build, build_ir

OPERATIONS: dict[str, Callable[[int, int], int]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "and": lambda a, b: a & b,
    "or": lambda a, b: a | b,
    "xor": lambda a, b: a ^ b,
}
TYPES = {"u32": 32, "s32": 32, "u64": 64, "s64": 64}
RELAXED = "__ATOMIC_RELAXED"
SEQ_CST = "__ATOMIC_SEQ_CST"
BIG = 0xFEDC_BA98_7654_3210


def as_type(number: int, name: str) -> int:
    number &= (1 << TYPES[name]) - 1
    return number - (1 << TYPES[name]) if name[0] == "s" and number >> TYPES[name] - 1 else number


@pytest.mark.parametrize("op", OPERATIONS)
@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize(
    ("call", "gives_old"),
    [
        pytest.param("__sync_fetch_and_{op}(&x, m[1])", True, id="__sync_fetch_and_op"),
        pytest.param("__sync_{op}_and_fetch(&x, m[1])", False, id="__sync_op_and_fetch"),
        pytest.param(f"__atomic_fetch_{{op}}(&x, m[1], {RELAXED})", True, id="__atomic_fetch_op"),
        pytest.param(f"__atomic_{{op}}_fetch(&x, m[1], {SEQ_CST})", False, id="__atomic_op_fetch"),
    ],
)
def test_an_operation_gives_the_old_or_the_new_value(
    jit: Jit, op: str, kind: str, call: str, gives_old: bool
) -> None:
    old, operand = as_type(BIG, kind), as_type(0x1234_5678_9ABC_DEF0, kind)
    new = as_type(OPERATIONS[op](old, operand), kind)
    body = f"{kind} x = m[0]; o[0] = {call.format(op=op)}; o[1] = x;"
    check(jit, body, [old if gives_old else new, new], [old, operand])


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(
            "u64 x = 7; __sync_fetch_and_add(&x, 3); __sync_sub_and_fetch(&x, 1);"
            "__atomic_or_fetch(&x, 0x10, 0); o[0] = x;",
            [0x19],
            id="results-unused",
        ),
        pytest.param(
            "u64 x = 7; o[0] = __sync_lock_test_and_set(&x, 9); o[1] = x;"
            "__sync_lock_release(&x); o[2] = x;",
            [7, 9, 0],
            id="lock_test_and_set",
        ),
        pytest.param(
            "u32 x = -1; o[0] = __atomic_exchange_n(&x, 5, __ATOMIC_ACQ_REL); o[1] = x;"
            "o[2] = __sync_swap(&x, 6); o[3] = x;",
            [0xFFFF_FFFF, 5, 5, 6],
            id="exchange_n",
        ),
        pytest.param(
            "u64 x = 7; o[0] = __sync_val_compare_and_swap(&x, 8, 1); o[1] = x;"
            "o[2] = __sync_val_compare_and_swap(&x, 7, 1); o[3] = x;",
            [7, 7, 7, 1],
            id="val_compare_and_swap",
        ),
        pytest.param(
            "s32 x = -7; o[0] = __sync_bool_compare_and_swap(&x, -8, 1); o[1] = x;"
            "o[2] = __sync_bool_compare_and_swap(&x, -7, 1); o[3] = x;",
            [0, -7, 1, 1],
            id="bool_compare_and_swap",
        ),
        pytest.param(
            "u64 x = 7, want = 8; o[0] = __atomic_compare_exchange_n(&x, &want, 1, 0, 5, 5);"
            "o[1] = x; o[2] = want; o[3] = __atomic_compare_exchange_n(&x, &want, 2, 1, 0, 0);"
            "o[4] = x; o[5] = want;",
            [0, 7, 7, 1, 2, 7],
            id="compare_exchange_n",
        ),
        pytest.param(
            "u64 x = 7, v = 9, old = 0; __atomic_exchange(&x, &v, &old, 5); o[0] = x; o[1] = old;"
            "o[2] = v;",
            [9, 7, 9],
            id="exchange",
        ),
        pytest.param(
            "u32 x = 7, want = 8, v = 3; o[0] = __atomic_compare_exchange(&x, &want, &v, 0, 5, 5);"
            "o[1] = want; o[2] = __atomic_compare_exchange(&x, &want, &v, 0, 5, 5); o[3] = x;",
            [0, 7, 1, 3],
            id="compare_exchange",
        ),
        pytest.param(
            "u8 a = -3; s16 b = -4; u32 c = 5; u64 d = 6; o[0] = __atomic_load_n(&a, 0);"
            "o[1] = __atomic_load_n(&b, 2); o[2] = __atomic_load_n(&c, 5);"
            "__atomic_load(&d, &o[3], 5);",
            [0xFD, -4, 5, 6],
            id="load",
        ),
        pytest.param(
            "u8 a; s16 b; u32 c; u64 d, v = m[0]; __atomic_store_n(&a, m[0], 0);"
            "__atomic_store_n(&b, m[0], 3); __atomic_store_n(&c, -1, 5);"
            "__atomic_store(&d, &v, 5); o[0] = a; o[1] = b; o[2] = c; o[3] = d;",
            [0x10, 0x3210, 0xFFFF_FFFF, BIG],
            id="store",
        ),
        pytest.param(
            "int a, b; int *p = &a; o[0] = __atomic_load_n(&p, 5) == &a;"
            "__atomic_store_n(&p, &b, 5); o[1] = p == &b; __atomic_store_n(&p, 0, 5);"
            "o[2] = p == 0; p = &a; __sync_lock_release(&p); o[3] = p == 0;",
            [1, 1, 1, 1],
            id="pointers-loaded-and-stored",
        ),
        pytest.param(
            "int a, b; int *p = &a; o[0] = __sync_lock_test_and_set(&p, &b) == &a; o[1] = p == &b;"
            "o[2] = __sync_bool_compare_and_swap(&p, &b, 0); o[3] = p == 0;"
            "int *old = __sync_val_compare_and_swap(&p, 0, &a); o[4] = old == 0; o[5] = p == &a;"
            "o[6] = __atomic_exchange_n(&p, &b, 5) == &a;",
            [1, 1, 1, 1, 1, 1, 1],
            id="pointers-swapped",
        ),
        pytest.param(
            "struct { int a; u64 n[2]; } x = { 1, { 2, 3 } }; u64 *p = x.n;"
            "__sync_fetch_and_add(&x.n[1], 4); __sync_fetch_and_add(p, 1);"
            "__sync_fetch_and_add(p + 1, 1); o[0] = x.n[0]; o[1] = x.n[1];",
            [3, 8],
            id="members-and-elements",
        ),
        pytest.param(
            "int x[4]; int *p = x; o[0] = __sync_fetch_and_add(&p, (int *)8) == x; o[1] = p == "
            "x + 2;"
            "o[2] = __atomic_sub_fetch(&p, 4, 0) == x + 1; __sync_fetch_and_add(&p, (int *)4);"
            "o[3] = p - x;",
            [1, 1, 1, 2],
            id="addresses-as-numbers",
        ),
        pytest.param(
            "enum e { A, B = 1 << 20 } x = A; o[0] = __sync_fetch_and_or(&x, B); o[1] = x;",
            [0, 1 << 20],
            id="enumeration",
        ),
        pytest.param(
            "u64 x = 1; __sync_synchronize(); __atomic_thread_fence(5);"
            "__atomic_signal_fence(5); o[0] = x;",
            [1],
            id="fences",
        ),
    ],
)
def test_what_a_program_sees(jit: Jit, body: str, expected: list[int]) -> None:
    check(jit, body, expected, [BIG])


@pytest.mark.parametrize(
    ("body", "message", "hint"),
    [
        pytest.param("u8 x = 1; __sync_fetch_and_add(&x, 1);",
                     "BPF has no atomic operations on 1 b",
                     "32-bit or 64-bit", id="__sync-8-bits"),
        pytest.param("u16 x = 1; __sync_lock_test_and_set(&x, 1);",
                     "BPF has no atomic operations on 2",
                     "32-bit or 64-bit", id="__sync-16-bits"),
        pytest.param("s16 x = 1; __atomic_exchange_n(&x, 1, 5);",
                     "BPF has no atomic operations on 2",
                     "32-bit or 64-bit", id="__atomic-16-bits"),
        pytest.param("u8 x = 1, w = 2; __atomic_compare_exchange_n(&x, &w, 1, 0, 5, 5);",
                     "BPF has no atomic operations on 1", "32-bit or 64-bit", id="compare-8-bits"),
        pytest.param("s128 x = 1; __sync_fetch_and_add(&x, 1);",
                     "BPF has no atomic operations on 16",
                     "32-bit or 64-bit", id="__sync-128-bits"),
        pytest.param("u32 x = 1; __sync_nand_and_fetch(&x, 1);", "BPF has no atomic nand",
                     "compare-and-swap", id="__sync-nand"),
        pytest.param("u32 x = 1; __atomic_nand_fetch(&x, 1, 5);", "BPF has no atomic nand",
                     "compare-and-swap", id="__atomic-nand"),
        pytest.param("_Bool x; __atomic_test_and_set(&x, 5);",
                     "__atomic_test_and_set needs a pointer to an integer", "cast",
                     id="test_and_set"),
        pytest.param("u32 x = 1; __sync_fetch_and_umax(&x, 2);",
                     "__sync_fetch_and_umax is not supported", "compare-and-swap",
                     id="__sync-umax"),
        pytest.param("u64 x = 1; __atomic_fetch_max(&x, 1, 5);",
                     "__atomic_fetch_max is not supported",
                     "compare-and-swap", id="__atomic-max"),
        pytest.param("struct { int a, b; } x, y; __atomic_load(&x, &y, 5);",
                     "__atomic_load needs a pointer to an integer", "cast", id="record"),
    ],
)  # fmt: skip
def test_what_bpf_has_no_instruction_for_is_refused(body: str, message: str, hint: str) -> None:
    said = refused(f"int f(u64 *m) {{ {body} return 0; }}")
    assert said.message.startswith(message)
    assert said.loc.line == LINE
    assert hint in said.hint


@pytest.mark.parametrize("kind", ["int", "long"])
@pytest.mark.parametrize("cpu", ["v1", "v2"])
def test_an_exchange_is_refused_where_the_kernel_is_too_old(kind: str, cpu: str) -> None:
    text = f"int f(unsigned {kind} *x) {{ return __sync_lock_test_and_set(x, 1); }}"
    assert build(text)
    if kind == "int":
        with pytest.raises(CompileError) as caught:
            build(text, cpu=cpu)
        assert caught.value.diagnostics[0].loc.line == 1


@pytest.mark.parametrize(("op", "order"), [("", "monotonic"), ("return ", "seq_cst")])
def test_the_order_tells_the_backend_whether_the_old_value_is_wanted(op: str, order: str) -> None:
    ir = build_ir(f"int f(unsigned int *x) {{ {op}__sync_fetch_and_or(x, 1); return 0; }}")
    assert "atomicrmw or ptr" in ir
    assert f"1 {order}" in ir
