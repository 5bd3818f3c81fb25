"""Map methods: the helper calls they become, with arguments in order."""

from __future__ import annotations

import pytest

from bpfkit.compiler.constants import fold
from bpfkit.compiler.ctype import Record
from bpfkit.compiler.diagnostics import Rejection
from bpfkit.compiler.dialect.walk import expressions
from bpfkit.compiler.tree import Builtin, Cast, Expr, HelperCall, MapAddress, Return, Stmt
from tests.unit.compiler.bcc_chain import Result, chain, show

MAPS = """
struct ev { u32 pid; char comm[16]; };
BPF_HASH(h, u32, u64); BPF_ARRAY(a, u64, 4); BPF_HISTOGRAM(hist); BPF_PERCPU_HASH(ph, u32, u64);
BPF_PERF_OUTPUT(po); BPF_RINGBUF_OUTPUT(rb, 8); BPF_STACK_TRACE(st, 64); BPF_PROG_ARRAY(pa, 4);
BPF_PERF_ARRAY(pe, 4); BPF_CGROUP_ARRAY(cg, 1); BPF_QUEUE(q, u64, 4); BPF_DEVMAP(dm, 4);
BPF_SOCKHASH(sh, u32, 4); BPF_SOCKMAP(sm, 4); BPF_TASK_STORAGE(ts, u64);
BPF_SK_STORAGE(ss, u64); BPF_INODE_STORAGE(is, u64); BPF_CGROUP_STORAGE(cs, u64);
BPF_HISTOGRAM(by_key, struct ev); BPF_CGRP_STORAGE(gs, u64); BPF_BLOOM_FILTER(bf, u64, 8);
BPF_USER_RINGBUF(ur, 1); BPF_TABLE("extern", u32, u64, ex, 1); BPF_TABLE("hash", u32, u64, any, 1);
"""


def program(body: str) -> Result:
    return chain(
        MAPS
        + "int f(struct pt_regs *ctx) { u32 k = 1; u64 v = 2; struct ev e = {};\n"
        + body
        + "\nreturn 0; }"
    )


def arguments(call: HelperCall) -> list[str]:
    return [text(arg) for arg in call.args]


def text(arg: Expr) -> str:
    while isinstance(arg, Cast):
        arg = arg.operand
    if isinstance(arg, MapAddress):
        return "map " + arg.map.name
    value = fold(arg)
    return show(arg) if value is None else str(value)


# call, helper number, arguments
ONE_TO_ONE = [
    ("h.lookup(&k);", 1, ["map h", "&k"]),
    ("h.update(&k, &v);", 2, ["map h", "&k", "&v", "0"]),
    ("h.insert(&k, &v);", 2, ["map h", "&k", "&v", "1"]),
    ("h.delete(&k);", 3, ["map h", "&k"]),
    ("pa.call(ctx, 3);", 12, ["ctx", "map pa", "3"]),
    ("pe.perf_read(CUR_CPU_IDENTIFIER);", 22, ["map pe", "4294967295"]),
    ("po.perf_submit(ctx, &e, sizeof(e));", 25, ["ctx", "map po", "4294967295", "&e", "20"]),
    ("po.perf_submit_skb(ctx, 64, &e, 20);", 25, ["ctx", "map po", "279172874239", "&e", "20"]),
    ("st.get_stackid(ctx, BPF_F_USER_STACK);", 27, ["ctx", "map st", "256"]),
    ("cg.check_current_task(0);", 37, ["map cg", "0"]),
    ("dm.redirect_map(1, 2);", 51, ["map dm", "1", "2"]),
    ("sm.sock_map_update(ctx, &k, 0);", 53, ["ctx", "map sm", "&k", "0"]),
    ("pe.perf_counter_value(0, &e, 20);", 55, ["map pe", "0", "&e", "20"]),
    ("sh.sock_hash_update(ctx, &k, 1);", 70, ["ctx", "map sh", "&k", "1"]),
    ("sh.msg_redirect_hash(ctx, &k, 1);", 71, ["ctx", "map sh", "&k", "1"]),
    ("sh.sk_redirect_hash(ctx, &k, 1);", 72, ["ctx", "map sh", "&k", "1"]),
    ("cs.get_local_storage(0);", 81, ["map cs", "0"]),
    ("q.push(&v, 2);", 87, ["map q", "&v", "2"]),
    ("q.pop(&v);", 88, ["map q", "&v"]),
    ("q.peek(&v);", 89, ["map q", "&v"]),
    ("ss.sk_storage_get(ctx, 0, 1);", 107, ["map ss", "ctx", "0", "1"]),
    ("ss.sk_storage_delete(ctx);", 108, ["map ss", "ctx"]),
    ("rb.ringbuf_output(&e, 20, 1);", 130, ["map rb", "&e", "20", "1"]),
    ("rb.ringbuf_reserve(20);", 131, ["map rb", "20", "0"]),
    ("rb.ringbuf_submit(&e, 2);", 132, ["&e", "2"]),
    ("rb.ringbuf_discard(&e, 2);", 133, ["&e", "2"]),
    ("rb.ringbuf_query(1);", 134, ["map rb", "1"]),
    ("is.inode_storage_get(ctx, &v, 1);", 145, ["map is", "ctx", "&v", "1"]),
    ("is.inode_storage_delete(ctx);", 146, ["map is", "ctx"]),
    ("ts.task_storage_get(ctx, 0, 1);", 156, ["map ts", "ctx", "0", "1"]),
    ("ts.task_storage_delete(ctx);", 157, ["map ts", "ctx"]),
    ("gs.cgrp_storage_get(ctx, 0, 1);", 210, ["map gs", "ctx", "0", "1"]),
    ("gs.cgrp_storage_delete(ctx);", 211, ["map gs", "ctx"]),
    ("bf.push(&v, 0);", 87, ["map bf", "&v", "0"]),
    ("bf.peek(&v);", 89, ["map bf", "&v"]),
    ("ur.drain(ctx, &v, 0);", 209, ["map ur", "ctx", "&v", "0"]),
    ("sm.msg_redirect_map(ctx, k, 1);", 60, ["ctx", "map sm", "k", "1"]),
    ("sm.sk_redirect_map(ctx, k, 0);", 52, ["ctx", "map sm", "k", "0"]),
    ("ex.sk_storage_delete(ctx);", 108, ["map ex", "ctx"]),
    ("bpf_map_lookup_elem(&h, &k);", 1, ["map h", "&k"]),
]


@pytest.mark.parametrize(
    ("body", "number", "expected"), ONE_TO_ONE, ids=[row[0] for row in ONE_TO_ONE]
)
def test_a_method_is_one_helper_call(body: str, number: int, expected: list[str]) -> None:
    (call,) = program(body).helpers("f")
    assert call.number == number
    assert arguments(call) == expected


def test_the_result_of_lookup_points_to_the_leaf() -> None:
    result = program("u64 *p = h.lookup(&k); if (p) *p += 1;")
    (call,) = result.helpers("f")
    assert show(call) == "bpf_map_lookup_elem()"


def test_lookup_or_try_init_inserts_and_looks_again() -> None:
    result = program("u64 *p = h.lookup_or_try_init(&k, &v); if (p) *p += 1;")
    assert [c.number for c in result.helpers("f")] == [1, 2, 1]
    assert text(result.helpers("f")[1].args[3]) == "1"
    assert len(_returns(result)) == 1


def test_lookup_or_init_may_leave_the_function() -> None:
    result = program("u64 *p = h.lookup_or_init(&k, &v); *p += 1;")
    assert [c.number for c in result.helpers("f")] == [1, 2, 1]
    hidden, _ = _returns(result)
    assert hidden.value is not None
    assert fold(hidden.value) == 0


def test_lookup_or_init_leaves_a_void_function_without_a_value() -> None:
    result = chain(
        MAPS
        + """static void g(u32 k) { u64 v = 0; u64 *p = h.lookup_or_init(&k, &v); *p += 1; }
        int f(void *ctx) { g(1); return 0; }"""
    )
    (hidden,) = _returns(result, "g")
    assert hidden.value is None


@pytest.mark.parametrize(
    ("map_", "numbers"),
    [
        ("h.increment(k)", [1, 2]),
        ("a.increment(k)", [1]),
        ("hist.increment(k)", [1]),
        ("ph.increment(k)", [1]),
        ("ex.increment(k)", [1, 2]),
        ("by_key.increment(e)", [1, 2]),
        ("h.atomic_increment(k, 7)", [1, 2]),
    ],
)
def test_only_a_plain_hash_gets_missing_elements(map_: str, numbers: list[int]) -> None:
    assert sorted(c.number for c in program(map_ + ";").helpers("f")) == numbers


def test_atomic_increment_adds_atomically() -> None:
    result = program("h.atomic_increment(k, 7);")
    adds = [e for e in expressions(result.function("f")) if isinstance(e, Builtin)]
    assert [(b.name, fold(b.args[1])) for b in adds] == [("__sync_fetch_and_add", 7)]


def test_an_amount_with_effects_is_evaluated_once() -> None:
    result = program("h.increment(k, bpf_ktime_get_ns());")
    assert [c.number for c in result.helpers("f")].count(5) == 1


def test_methods_nest() -> None:
    result = program("hist.increment(bpf_log2l(*(u64 *)h.lookup(&k)));")
    assert sorted(c.number for c in result.helpers("f")) == [1, 1]


@pytest.mark.parametrize(
    "send",
    [
        "po.perf_submit(ctx, &e, sizeof(e));",
        "po.perf_submit(ctx, (void *)&e, sizeof(e));",
        "struct ev *p = &e; po.perf_submit(ctx, p, sizeof(e));",
        "struct ev many[2] = {}; po.perf_submit(ctx, many, sizeof(e));",
    ],
)
def test_what_is_sent_is_remembered(send: str) -> None:
    event = program(send).map("po").event
    assert isinstance(event, Record)
    assert event.name == "ev"


def test_a_buffer_that_carries_bytes_has_no_event() -> None:
    assert program("po.perf_submit(ctx, &v, sizeof(v));").map("po").event is None


def test_ring_buffers_remember_too() -> None:
    result = program(
        "struct ev *p = rb.ringbuf_reserve(sizeof(*p)); if (p) rb.ringbuf_submit(p, 0);"
    )
    event = result.map("rb").event
    assert event is not None
    assert event.name == "ev"


@pytest.mark.parametrize(("map_", "count"), [("a", 1), ("h", 0)])
def test_inserting_into_an_array_is_warned_of(map_: str, count: int) -> None:
    result = program(f"{map_}.insert(&k, &v);")
    assert len(result.warnings) == count
    assert all("insert() will have no effect" in w.message for w in result.warnings)


def test_settings_of_a_map_are_constants() -> None:
    result = program("return a.max_entries;")
    first, _ = _returns(result)
    assert first.value is not None
    assert fold(first.value) == 4


REFUSED = [
    ("h.get_stackid(ctx, 0);", "get_stackid only available on stacktrace maps"),
    ("h.call(ctx, 0);", "call only available on program arrays"),
    ("h.increment(k, 1, 2);", "takes a key and an amount"),
    (
        "struct h_table_t *p = 0; p = (void *)(p + (h.key == 3));",
        "only be used through its methods",
    ),
]


@pytest.mark.parametrize(("body", "message"), REFUSED, ids=[row[0] for row in REFUSED])
def test_a_wrong_call_is_refused(body: str, message: str) -> None:
    with pytest.raises(Rejection) as caught:
        program(body)
    assert message in caught.value.message
    assert caught.value.loc.line == MAPS.count("\n") + 2


def _returns(result: Result, name: str = "f") -> list[Return]:
    found: list[Return] = []
    function = result.function(name)
    assert function.body is not None
    bodies: list[Stmt] = [function.body]
    bodies += [e.body for e in expressions(function) if hasattr(e, "body")]
    while bodies:
        node = bodies.pop()
        if isinstance(node, Return):
            found.append(node)
        for attribute in ("body", "then", "otherwise"):
            inner = getattr(node, attribute, None)
            if isinstance(inner, list):
                bodies += inner
            elif isinstance(inner, Stmt):
                bodies.append(inner)
    return sorted(found, key=lambda r: (r.loc.line, r.loc.column))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("any.call(ctx, 1)", "call only available on program arrays"),
        ("any.get_stackid(ctx, 0)", "get_stackid only available on stacktrace maps"),
        ("any.sk_storage_get(ctx, 0, 0)", "sk_storage_get only available on sk_storage maps"),
        ("any.task_storage_delete(ctx)", "task_storage_delete only available on task_storage"),
        ("any.cgrp_storage_get(ctx, 0, 0)", "cgrp_storage_get only available on cgrp_storage"),
    ],
)
def test_a_method_of_another_kind_of_map_is_refused(call: str, message: str) -> None:
    with pytest.raises(Rejection, match=message) as refused:
        program(call + ";")
    assert refused.value.hint == "map 'any' is of kind 'hash'"
    assert refused.value.loc.file == "prog.c"
