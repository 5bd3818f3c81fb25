"""Functions that stay functions: BPF-to-BPF calls, global functions, callbacks and tail calls."""

from __future__ import annotations

import pytest

from bpfkit.errors import VerifierError
from conformance.case import case
from conformance.libbpf import RAW_TP_RUN, in_tracepoint, load_text, run, stored, trigger


@case("compiler/subprograms/static", kernel=RAW_TP_RUN)
def test_static_functions_that_are_not_inlined_are_called() -> None:
    """Functions that are not inlined take up to five arguments of any width and call others."""
    before = """
    static __noinline int inner(s8 a, u16 b) { return a * b; }
    static __noinline s64 five(u8 a, s16 b, u32 c, s64 d, char *e) {
        return a + b + c + d + (e ? e[0] : 0) + inner(a, b); }
    static __noinline void store(s64 *at, s64 value) { if (at) *at = value; }
    """
    body = """
    char text[2] = "A"; s64 kept = 0;
    OUT(0, five(255, -300, 1u << 31, 1LL << 40, text)); OUT(1, inner(-3, 65535));
    store(&kept, 77); OUT(2, kept);
    """
    first = 255 - 300 + (1 << 31) + (1 << 40) + 65 + (-1 * (65536 - 300))
    assert in_tracepoint(body, 3, before) == [first, -3 * 65535, 77]


def verified_alone(functions: str, calls: str, numbers: list[int]) -> None:
    """Global functions give what they should to a program, and the verifier took them alone."""
    text = (
        functions
        + f"""
    SEC("tc") int program(struct __sk_buff *skb) {{ {calls} return 0; }}
    """
    )
    with load_text(text, len(numbers)) as collection:
        program = collection.load_program("program", log_level=2)
        trigger(collection)
        assert stored(collection) == numbers
        assert program.log.count("is safe for any args") >= 1


@case("compiler/subprograms/global", kernel=RAW_TP_RUN)
def test_global_functions_are_verified_alone() -> None:
    """A global function is verified for any arguments; it takes scalars and the context."""
    functions = """
    __noinline int length(struct __sk_buff *skb, int more) { return skb->len + more; }
    __noinline u64 wide(u32 low, u64 high) { return high << 32 | low; }
    """
    calls = "OUT(0, length(skb, 100)); OUT(1, wide(5, 6));"
    verified_alone(functions, calls, [164, (6 << 32) + 5])


@case("compiler/subprograms/global-memory", kernel="5.13")
def test_global_functions_take_memory() -> None:
    """A global function may take a pointer to memory, which may be NULL."""
    functions = """
    struct pair { int a; int b; };
    __noinline int sum(struct pair *p) { return p ? p->a + p->b : -1; }
    """
    calls = "struct pair p = { 3, 4 }; OUT(0, sum(&p)); OUT(1, sum(0));"
    verified_alone(functions, calls, [7, -1])


@case("compiler/subprograms/weak-and-hidden", kernel=RAW_TP_RUN)
def test_weak_and_hidden_functions_are_called() -> None:
    """``__weak`` functions stay global; ``__hidden`` ones are checked with their callers."""
    before = """
    __weak int twice(int a) { return 2 * a; }
    __hidden __noinline int through(int *p) { return *p + 1; }
    """
    # A global function may not take the pointer unchecked; a hidden one sees its caller's.
    assert in_tracepoint("int a = 4; OUT(0, twice(21)); OUT(1, through(&a));", 2, before) == [42, 5]


@case("compiler/subprograms/loop-callback", kernel="5.17")
def test_bpf_loop_calls_back() -> None:
    """bpf_loop calls a static function with its context until it returns 1."""
    before = """
    struct state { int sum; int stop; };
    static long add(u32 i, struct state *s) { s->sum += i; return i == s->stop; }
    static int nested(u32 i, void *ctx) {
        struct state *s = ctx; bpf_loop(2, add, s, 0); return 0; }
    """
    body = """
    struct state s = { 0, 5 };
    OUT(0, bpf_loop(100, add, &s, 0)); OUT(1, s.sum);
    s.stop = 50; OUT(2, bpf_loop(4, nested, &s, 0)); OUT(3, s.sum);
    """
    assert in_tracepoint(body, 4, before) == [6, 15, 4, 19]


@case("compiler/subprograms/map-callback", kernel="5.13")
def test_for_each_element_calls_back() -> None:
    """bpf_for_each_map_elem hands every element of a map to a static function."""
    before = """
    struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 4); __type(key, u32);
             __type(value, u64); } numbers SEC(".maps");
    static long add(struct bpf_map *map, u32 *key, u64 *value, u64 *sum) {
        *sum += *key * *value; return 0; }
    """
    body = """
    u64 sum = 0;
    for (u32 i = 0; i < 4; i++) {
        u32 key = i; u64 v = i + 1;
        bpf_map_update_elem(&numbers, &key, &v, BPF_ANY);
    }
    OUT(0, bpf_for_each_map_elem(&numbers, add, &sum, 0)); OUT(1, sum);
    """
    assert in_tracepoint(body, 2, before) == [4, 0 * 1 + 1 * 2 + 2 * 3 + 3 * 4]


@case("compiler/subprograms/timer-callback", kernel="5.15")
def test_a_timer_calls_back() -> None:
    """bpf_timer_start runs a static function later, with the map, the key and the value."""
    import time

    text = """
    struct element { struct bpf_timer timer; int seen; };
    struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, int);
             __type(value, struct element); } timers SEC(".maps");
    static int fired(void *map, int *key, struct element *e) {
        e->seen++; OUT(1, e->seen); return 0; }
    SEC("tc") int program(struct __sk_buff *skb) {
        int key = 0;
        struct element *e = bpf_map_lookup_elem(&timers, &key);
        if (!e) return 1;
        OUT(0, bpf_timer_init(&e->timer, &timers, 1) | bpf_timer_set_callback(&e->timer, fired)
               | bpf_timer_start(&e->timer, 1000, 0));
        return 0;
    }
    """
    with load_text(text, 2) as collection:
        assert trigger(collection) == 0
        deadline = time.monotonic() + 20
        while stored(collection)[1] == 0 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert stored(collection) == [0, 1]


@case("compiler/subprograms/tail-calls", kernel=RAW_TP_RUN)
def test_tail_calls_go_to_what_the_array_holds() -> None:
    """A program array initialised in the text holds its programs; bpf_tail_call_static jumps."""
    text = """
    int first(struct __sk_buff *skb); int second(struct __sk_buff *skb);
    struct {
        __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
        __uint(max_entries, 4);
        __uint(key_size, sizeof(u32));
        __array(values, int (void *));
    } jumps SEC(".maps") = { .values = { [1] = (void *)&first, [3] = (void *)&second } };
    SEC("tc") int first(struct __sk_buff *skb) {
        OUT(0, 1); bpf_tail_call_static(skb, &jumps, 3); return 1; }
    SEC("tc") int second(struct __sk_buff *skb) {
        OUT(1, 2); bpf_tail_call(skb, &jumps, 0); return 22; }
    SEC("tc") int program(struct __sk_buff *skb) {
        bpf_tail_call_static(skb, &jumps, 1); return 2; }
    """
    with load_text(text, 2) as collection:
        assert trigger(collection) == 22
        assert stored(collection) == [1, 2]


@case("compiler/subprograms/lines", kernel=RAW_TP_RUN)
def test_the_verifiers_log_shows_the_lines_of_the_text() -> None:
    """func_info and line_info are right in every function: the log quotes the user's lines."""
    text = """
    static __noinline int helper_of_mine(int *p) {
        int here = *p + 40;
        return here;
    }
    SEC("tc") int program(struct __sk_buff *skb) {
        int value = skb->len;
        return helper_of_mine(&value);
    }
    """
    with load_text(text) as collection:
        log = collection.load_program("program", log_level=2).log
    assert "; int here = *p + 40;" in log
    assert "; int value = skb->len;" in log
    wrong = """
    static __noinline int faulty(struct __sk_buff *skb) {
        *(int *)(long)(skb->len + 8) = 1;
        return 0;
    }
    SEC("tc") int program(struct __sk_buff *skb) { return faulty(skb); }
    """
    with load_text(wrong) as collection:
        with pytest.raises(VerifierError) as refused:
            collection.load_program("program")
        assert "; *(int *)(long)(skb->len + 8) = 1;" in refused.value.log


@case("compiler/subprograms/names", kernel=RAW_TP_RUN)
def test_functions_are_named_in_the_kernel() -> None:
    """Each function of a program is known to the kernel by its name, through func_info."""
    text = """
    static __noinline int one_of_mine(int a) { return a + 1; }
    SEC("tc") int program(struct __sk_buff *skb) { OUT(0, one_of_mine(skb->len)); return 0; }
    """
    assert run(text) == [65]
    with load_text(text) as collection:
        info = collection.load_program("program").info()
        assert info.btf_id
