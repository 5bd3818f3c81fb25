"""The listing of reads: which expression, which helper, and why."""

from __future__ import annotations

import pytest

from bpfkit.compiler.compiled import Read
from bpfkit.compiler.ctype import INT
from bpfkit.compiler.diagnostics import Loc
from bpfkit.compiler.provenance.written import written
from bpfkit.compiler.reads import list_reads
from bpfkit.compiler.tree import Comma, IntLit
from tests.unit.compiler.bcc_chain import chain

TASK = "struct task_struct *t = (struct task_struct *)bpf_get_current_task();"
BEFORE = """
struct val { u64 n; struct task_struct *t; };
BPF_HASH(m, u32, struct val);
static struct task_struct *kept;
static struct task_struct *parent(struct task_struct *c) { return c->real_parent; }
static int tgid(struct task_struct *c) { return c->tgid; }
"""


def reads(body: str, parameters: str = "", before: str = BEFORE) -> tuple[Read, ...]:
    extra = f", {parameters}" if parameters else ""
    text = f"{before}\nint kprobe__f(struct pt_regs *ctx{extra}) {{ {body} return 0; }}"
    return chain(text).plan.reads


def reason(body: str, parameters: str = "") -> str:
    """Why the last read of ``body`` was put in."""
    own = [r for r in reads(body, parameters) if r.function == "kprobe__f"]
    return own[-1].reason


REASONS = [
    pytest.param(TASK + "return t->pid;", "result of bpf_get_current_task()", id="helper"),
    pytest.param(
        TASK + "struct mm_struct *mm = t->mm; return mm->total_vm;",
        "loaded from struct task_struct (kernel memory)",
        id="variable",
    ),
    pytest.param("return parent((void *)ctx->di)->pid;", "result of parent()", id="call"),
    pytest.param(
        "struct task_struct *t; t = (void *)ctx->di; return t->pid;",
        "taken from the context (struct pt_regs)",
        id="registers",
    ),
    pytest.param("return *(int *)4096;", "a constant address", id="constant"),
    pytest.param(
        "u32 k = 0; struct val *v = m.lookup(&k); return v ? v->t->pid : 0;",
        "loaded from struct val, where the verifier forgets what it points to",
        id="map value",
    ),
    pytest.param(
        TASK + "struct list_head l = {}, *p = t->pid ? &l : &t->children; return p->next != 0;",
        "the pointer may lead to local memory or an address the verifier does not know",
        id="mixed",
    ),
    pytest.param(
        "struct list_head *p = 0; return p->next != 0;",
        "the pointer is NULL or never assigned",
        id="null",
    ),
    pytest.param(
        "int i = 0; i++; return *(int *)(u64)i;",
        "a number, so an address the verifier does not know",
        id="number",
    ),
    pytest.param(
        TASK + "struct val l = {.t = t}; return l.t->pid;",
        "a number, so an address the verifier does not know",
        id="member of a local",
    ),
    pytest.param("return kept->pid;", "a number, so an address the verifier does not know", id="g"),
]


@pytest.mark.parametrize(("body", "expected"), REASONS)
def test_reasons(body: str, expected: str) -> None:
    assert reason(body).startswith(expected)


def test_a_parameter_is_followed_to_the_call() -> None:
    found = {r.function: r.reason for r in reads(TASK + "return tgid(t->real_parent);")}
    assert found["tgid"] == "loaded from struct task_struct (kernel memory)"


def test_user_memory_is_named() -> None:
    text = "TRACEPOINT_PROBE(syscalls, sys_enter_openat) { return args->filename[0]; }"
    (read,) = chain(text).plan.reads
    assert read.reason == (
        "user memory; taken from the context (struct tracepoint__syscalls__sys_enter_openat)"
    )
    nested = "{ char **p = (char **)args->filename; return **p; }"
    *_, last = chain(text.partition("{")[0] + nested).plan.reads
    assert {last.reason, _[0].reason} >= {"user memory; loaded from a pointer (user memory)"}


def test_typed_objects_are_named() -> None:
    text = """KFUNC_PROBE(f, struct task_struct *task, int i) {
        struct rlimit r = task->signal->rlim[0];
        return task->comm[i & 15] + task->in_execve + r.rlim_cur; }"""
    told = {r.text: (r.way, r.reason) for r in chain(text).plan.reads}
    assert told["task->signal"] == (
        "direct",
        "the verifier knows it as struct task_struct; taken from the context",
    )
    assert told["task->signal->rlim[0]"][0] == told["task->in_execve"][0] == "bpf_probe_read"
    assert told["task->comm[i & 15]"][1].startswith("the address leaves the kernel object")


def test_a_typed_result_has_no_other_origin() -> None:
    text = "BPF_ITER(task) { struct task_struct *t = ctx->task; return (&t->pid)[0]; }"
    *_, last = chain(text).plan.reads
    assert "struct task_struct" in last.reason


def test_each_copy_of_a_function_tells_its_own() -> None:
    body = TASK + "struct task_struct l = {}; return tgid(&l) + tgid(t);"
    assert [r.function for r in reads(body) if r.text == "c->tgid"] == ["tgid.1"]


def test_reads_come_in_the_order_of_the_text() -> None:
    found = reads(TASK + "int a = tgid(t); return t->pid + t->real_parent->pid;")
    places = [(r.loc.line, r.loc.column) for r in found]
    assert places == sorted(places)


def test_stores_and_addresses_are_no_reads() -> None:
    assert reads("struct list_head l = {}, *p = &l; p->next = 0; (void)&p->prev;") == ()
    assert not [
        r for r in reads(TASK + "void *a = &t->real_parent; return a != 0;") if "t->" in r.text
    ]


def test_the_listing() -> None:
    text = "line one\n  return t->mm->total_vm;\n"
    told = [
        Read(Loc("a.c", 2, 13), "t->mm", "bpf_probe_read", "because", "f"),
        Read(Loc("a.c", 2, 17), "t->mm->total_vm", "direct", "it may", "f.1"),
        Read(Loc("b.h", 1, 1), "*p", "bpf_probe_read_user", "user memory", "g"),
    ]
    expected = """a.c:2: return t->mm->total_vm;
    t->mm: bpf_probe_read in f(): because
    t->mm->total_vm: direct in f.1(): it may
b.h:1
    *p: bpf_probe_read_user in g(): user memory
"""
    assert list_reads(told, text, "a.c") == expected
    assert "b.h:1: line one" in list_reads(told, text)
    assert (
        list_reads([Read(Loc("a.c", 9, 1), "x", "y", "z", "f")], text)
        == "a.c:9\n    x: y in f(): z\n"
    )
    assert list_reads((), text) == ""


WRITTEN = [
    ("*p", "*p"),
    ("p[2]", "p[2]"),
    ("p[-1]", "p[-1]"),
    ("*(p - 1)", "p[-1]"),
    ("*(p - i)", "p[-i]"),
    ("**pp", "**pp"),
    ("(*pp)[1]", "(*pp)[1]"),
    ("s->next->v[i + 1]", "s->next->v[i + 1]"),
    ("(*&s)->v[0]", "(*&s)->v[0]"),
    ("s[1].v[0]", "s[1].v[0]"),
    ("s->inner.x", "s->inner.x"),
    ("s->flat", "s->flat"),
    ("*p++", "*p++"),
    ("*++p", "*++p"),
    ("*(i ? p : s->v)", "*(i ? p : s->v)"),
    ("*(p ?: s->v)", "*(p ?: s->v)"),
    ("s->v[-i]", "s->v[-i]"),
    ("s->v[~(i + 1)]", "s->v[~(i + 1)]"),
    ("*again(p)", "*again(…)"),
    ("*(int *)bpf_get_current_task()", "*bpf_get_current_task(…)"),
    ("s->v[__builtin_expect(i, 1)]", "s->v[__builtin_expect(…)]"),
    ("s->v[(i, 1)]", "s->v[…]"),
    ("*(&s->inner.x + i)", "(&s->inner.x)[i]"),
    ("*&((struct s *)p)->v[1]", "*&p->v[1]"),
]


@pytest.mark.parametrize(("text", "expected"), WRITTEN)
def test_expressions_are_told_as_c_writes_them(text: str, expected: str) -> None:
    before = """
    struct s { struct s *next; int v[4]; struct { int x; } inner; union { int flat; int other; }; };
    static int *again(int *q) { return q; }
    """
    body = f"""
    int *p = (int *)ctx->di, **pp = (int **)ctx->si, i = ctx->dx; struct s *s = (struct s *)ctx->cx;
    struct s local = {{}}; p = i ? p : &local.v[0]; s = i ? s : &local;
    return {text};"""
    texts = {r.text for r in reads(body, before=before)}
    assert expected in texts


def test_what_has_no_short_form_is_left_out() -> None:
    one = IntLit(INT, Loc(), 1)
    assert written(Comma(INT, Loc(), one, one)) == "…"
