"""What pointers become through callbacks, kernel functions, kptrs, arenas and odd statements."""

from __future__ import annotations

import pytest

from bpfkit.compiler.diagnostics import Rejection
from tests.unit.compiler.bcc_chain import chain

KERNEL = """
#define KSYM __attribute__((section(".ksyms")))
extern struct task_struct *bpf_task_acquire(struct task_struct *t) KSYM;
extern void *bpf_rdonly_cast(void *p, u32 id) KSYM;
extern void *bpf_obj_new_impl(u64 id, void *meta) KSYM;
extern struct own *bpf_refcount_acquire_impl(struct own *o, void *meta) KSYM;
extern int bpf_wq_set_callback_impl(void *wq, int (*cb)(void *, int *, void *), u32, void *) KSYM;
extern int bpf_do(int *p) KSYM;
extern const struct task_struct init_task KSYM;
extern const void start KSYM;
extern const int number KSYM;
struct own { u64 n; struct task_struct *t; };
"""
ARENA = "__attribute__((address_space(1)))"
KPTR = '__attribute__((btf_type_tag("kptr")))'


def accesses(body: str, before: str = "", name: str = "kprobe__f") -> dict[str, str]:
    text = f"{KERNEL}{before}\nint kprobe__f(struct pt_regs *ctx) {{ {body} return 0; }}"
    found = chain(text).accesses(name)
    found.pop("ctx", None)
    return found


TASK = "struct task_struct *t = bpf_get_current_task_btf();"

CASES = [
    pytest.param(TASK + "return bpf_task_acquire(t)->pid;", {"bpf_task_acquire()": "btf"}, id="kf"),
    pytest.param(
        "struct task_struct *t = bpf_rdonly_cast((void *)ctx->di, 3); return t->pid;",
        {"t": "btf"},
        id="bpf_rdonly_cast",
    ),
    pytest.param(
        "struct own *o = bpf_obj_new_impl(3, 0); if (o) { o->n = o->t->pid; }",
        {"o": "direct", "o->t": "external"},
        id="bpf_obj_new",
    ),
    pytest.param(
        "struct own *o = bpf_refcount_acquire_impl((void *)ctx->di, 0); o->n++;",
        {"o": "direct"},
        id="bpf_refcount_acquire",
    ),
    pytest.param("return init_task.pid + (&init_task)->tgid;", {"&init_task": "btf"}, id="ksym"),
    pytest.param("return *(int *)&start;", {"&start": "external"}, id="untyped ksym"),
    pytest.param("return *&number + number;", {"&number": "direct"}, id="ksym of a number"),
    pytest.param(
        "struct task_struct *t = bpf_this_cpu_ptr(&init_task); return t->pid;",
        {"t": "btf"},
        id="this CPU's record",
    ),
    pytest.param(
        "struct task_struct *t = bpf_per_cpu_ptr(&init_task, 1); return t ? t->pid : 0;",
        {"t": "btf"},
        id="another CPU's record",
    ),
    pytest.param(
        "int *p = bpf_this_cpu_ptr(&number); return *p;", {"p": "direct"}, id="cpu number"
    ),
    pytest.param(
        f"int {ARENA} *p = (int {ARENA} *)ctx->di; *p = *p + 1; int *q = (int *)p; *q = 2;",
        {"p": "direct", "q": "direct"},
        id="arena",
    ),
    pytest.param(
        "int n = 5; bpf_do(&n); int *p = &n; return *p;", {"p": "direct"}, id="kfunc fills"
    ),
    pytest.param(
        "u64 x = (u64)bpf_get_current_task(); x -= 8; x ^= 3; return *(int *)x;",
        {"x": "external"},
        id="integer operators",
    ),
    pytest.param(
        "u64 a = 0 + 0, b = 8 - (u64)bpf_get_current_task(); return *(int *)(a + b);",
        {"(a + b)": "external"},
        id="sums of numbers",
    ),
    pytest.param(
        "int v[4] = {}; u64 a = 4 + (u64)v, b = (u64)&v[1] - (u64)v; return *(int *)a + (int)b;",
        {"a": "direct"},
        id="integer into a local",
    ),
    pytest.param(
        "int v[4] = {}; u64 a = (u64)v, i = ctx->di; i = i - a; return *(int *)i;",
        {"i": "external"},
        id="number minus local",
    ),
    pytest.param(
        'struct task_struct *t = (void *)ctx->di; asm volatile("" : "+r"(t)); return t->pid;',
        {"t": "external"},
        id="asm keeps a pointer",
    ),
    pytest.param(
        'int n = 1, *p; asm volatile("" : "=r"(p) : "0"(&n)); return *p;',
        {"p": "direct"},
        id="asm moves a pointer",
    ),
    pytest.param(
        "int n = 3, *p = &n; switch (n) { case 3: *p = 4; default: break; }"
        "do { n--; } while (n > 2); again: if (n) { n = 0; goto again; } else n = 1; return *p;",
        {"p": "direct"},
        id="statements",
    ),
    pytest.param(
        "for (;;) { break; } int i; for (i = 0; i < 2; i++) ; int x = (i, *(int *)ctx->di) && i;",
        {"di": "external"},
        id="loops and comma",
    ),
    pytest.param(
        "u64 n = 1, *p = &n; __sync_fetch_and_add(p, 2); return *p;", {"p": "direct"}, id="atomic"
    ),
    pytest.param("struct task_struct *t = 0; return -!t;", {}, id="null"),
]


@pytest.mark.parametrize(("body", "expected"), CASES)
def test_accesses(body: str, expected: dict[str, str]) -> None:
    found = accesses(body)
    if "di" in expected:
        assert set(found.values()) == {"external"}
    else:
        assert {k: found[k] for k in expected} == expected
        assert set(found) - set(expected) <= {"p", "t"}


def test_a_kptr_keeps_its_type_in_a_map_value() -> None:
    before = f"""
    struct held {{ struct task_struct {KPTR} *t; struct own {KPTR} *o;
                   struct task_struct *plain; }};
    BPF_ARRAY(m, struct held, 1);"""
    body = """
    int k = 0; struct held *h = m.lookup(&k); if (!h) return 0;
    struct task_struct *old = bpf_kptr_xchg(&h->t, 0); struct own *mine = bpf_kptr_xchg(&h->o, 0);
    if (mine) mine->n = 1;
    return h->t->pid + old->tgid + h->plain->pid + h->o->n;"""
    found = accesses(body, before)
    assert (found["h->t"], found["old"], found["h->plain"]) == ("btf", "btf", "external")
    assert (found["mine"], found["h->o"]) == ("direct", "direct")
    with pytest.raises(Rejection, match="cannot write to a kernel object"):
        accesses("int k = 0; struct held *h = m.lookup(&k); if (h) h->t->pid = 1;", before)


CALLBACKS = [
    pytest.param(
        "static int cb(struct task_struct *task, struct vm_area_struct *v, u64 *sum) {"
        " *sum = v->vm_start + task->pid; return 0; }",
        "u64 sum = 0; bpf_find_vma(bpf_get_current_task_btf(), 0, cb, &sum, 0);",
        {"sum": "direct", "v": "btf", "task": "btf"},
        id="bpf_find_vma",
    ),
    pytest.param(
        "struct el { u64 n; struct task_struct *t; }; BPF_HASH(m, u32, struct el);"
        "static long cb(void *map, u32 *key, struct el *e, u64 *sum) {"
        " e->n = *key; *sum += e->t->pid; return 0; }",
        "u64 sum = 0; bpf_for_each_map_elem(&m, cb, &sum, 0);",
        {"e": "direct", "key": "direct", "sum": "direct", "e->t": "external"},
        id="bpf_for_each_map_elem",
    ),
    pytest.param(
        "struct el { struct bpf_timer { u64 x[2]; } timer; u64 n; }; BPF_HASH(m, u32, struct el);"
        "static int cb(void *map, u32 *key, struct el *e) { e->n = *key; return 0; }",
        "u32 k = 0; struct el *e = m.lookup(&k);"
        "if (e) bpf_timer_set_callback((void *)&e->timer, cb);",
        {"e": "direct", "key": "direct"},
        id="bpf_timer_set_callback",
    ),
    pytest.param(
        "static long cb(void *dynptr, u64 *sum) { *sum += 1; return 0; }",
        "u64 sum = 0; bpf_user_ringbuf_drain((void *)ctx->di, cb, &sum, 0);",
        {"sum": "direct"},
        id="bpf_user_ringbuf_drain",
    ),
    pytest.param(
        "static int cb(void *map, int *key, void *value) { *(u64 *)value = *key; return 0; }",
        "u64 w; bpf_wq_set_callback_impl(&w, cb, 0, 0);",
        {"value": "direct", "key": "direct"},
        id="bpf_wq_set_callback",
    ),
]


@pytest.mark.parametrize(("before", "body", "expected"), CALLBACKS)
def test_callbacks(before: str, body: str, expected: dict[str, str]) -> None:
    assert accesses(body, before, "cb") == expected


def test_a_subprogram_has_one_body_for_each_set_of_decisions() -> None:
    before = """
    static __attribute__((noinline)) int get(struct task_struct *t) { return t->pid; }
    static __attribute__((noinline)) int two(struct task_struct *t) {
        return get(t) + get(t->real_parent); }
    """
    body = """struct task_struct l = {}; struct task_struct *t = (void *)ctx->di;
    return get(&l) + get(t) + two(t);"""
    result = chain(f"{before} int kprobe__f(struct pt_regs *ctx) {{ {body} }}")
    assert [i.symbol for i in result.instances("get")] == ["get", "get.1"]
    assert len(result.instances("two")) == 1


def test_structs_by_value_carry_their_pointers() -> None:
    before = """
    struct box { int k; struct task_struct *t; };
    static struct box wrap(struct task_struct *t) { struct box b = { 1, t }; return b; }
    static int pid(struct box b) { return b.t->pid; }"""
    body = "struct task_struct l = {}; return pid(wrap(&l)) + pid(wrap((void *)ctx->di));"
    result = chain(f"{before} int kprobe__f(struct pt_regs *ctx) {{ {body} }}")
    assert [result.accesses("pid", n) for n in range(len(result.instances("pid")))] == [
        {"b.t": "direct"},
        {"b.t": "external"},
    ]


def test_the_context_and_another_pointer_need_two_variables() -> None:
    text = """int p(struct __sk_buff *skb) {
        struct __sk_buff l = {}, *s = skb->len ? skb : &l; return s->mark; }"""
    with pytest.raises(Rejection, match="program context or an external address") as refused:
        chain(text)
    assert refused.value.hint


def test_calls_may_be_nested_only_so_deep() -> None:
    functions = "static int f0(int x) { return x; }\n" + "".join(
        f"static int f{n}(int x) {{ return f{n - 1}(x); }}\n" for n in range(1, 30)
    )
    with pytest.raises(Rejection, match="nested too deeply") as refused:
        chain(f"{functions} int kprobe__f(struct pt_regs *ctx) {{ return f29(1); }}")
    assert "24 levels" in refused.value.hint
