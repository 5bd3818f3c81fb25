"""Which pointers are read by helper: a small program for each rule, with the accesses."""

from __future__ import annotations

import pytest

from bpfkit.compiler.diagnostics import Rejection
from bpfkit.compiler.provenance.analyse import readers
from tests.unit.compiler.bcc_chain import chain, target

TASK = "struct task_struct *t = (struct task_struct *)bpf_get_current_task();\n"


def kprobe(body: str, parameters: str = "", before: str = "") -> str:
    extra = f", {parameters}" if parameters else ""
    return f"{before}\nint kprobe__f(struct pt_regs *ctx{extra}) {{\n{body}\nreturn 0;\n}}\n"


def accesses(body: str, parameters: str = "", before: str = "") -> dict[str, str]:
    return chain(kprobe(body, parameters, before)).accesses("kprobe__f")


EXT, DIR, MIX, BTF = "external", "direct", "mixed", "btf"

CASES = [
    pytest.param(
        "u16 f = sk->__sk_common.skc_family;",
        "struct sock *sk",
        {"sk": EXT, "ctx": DIR},
        id="member of a parameter",
    ),
    pytest.param(
        "return file->f_path.dentry->d_inode->i_ino;",
        "struct kfile *file",
        {"file": EXT, "file->f_path.dentry": EXT, "file->f_path.dentry->d_inode": EXT, "ctx": DIR},
        id="one read per arrow",
    ),
    pytest.param(
        TASK + "return t->real_parent->tgid;",
        "",
        {"t": EXT, "t->real_parent": EXT},
        id="current task",
    ),
    pytest.param(
        "struct sock *s = (struct sock *)PT_REGS_PARM1(ctx); return s->sk_state;",
        "",
        {"ctx": DIR, "s": EXT},
        id="pointer out of the registers",
    ),
    pytest.param(
        "return ntohs(sk->__sk_common.skc_dport);",
        "struct sock *sk",
        {"sk": EXT, "ctx": DIR},
        id="macro argument",
    ),
    pytest.param(
        "struct tcphdr *h = (struct tcphdr *)(skb->head + skb->transport_header); return h->seq;",
        "struct sk_buff *skb",
        {"skb": EXT, "h": EXT, "ctx": DIR},
        id="arithmetic keeps it external",
    ),
    pytest.param(
        TASK + "u64 x = (u64)t; x += offsetof(struct task_struct, tgid); return *(int *)x;",
        "",
        {"x": EXT},
        id="integer round trip",
    ),
    pytest.param(
        TASK
        + """struct ev { int n; struct task_struct *t; };
        struct ev a[2] = { {.t = t}, {.t = t->real_parent} };
        return a[1].t->tgid;""",
        "",
        {"t": EXT, "a[1].t": EXT},
        id="initialiser list",
    ),
    pytest.param(
        TASK
        + """struct ev { int n; struct task_struct *t; } e = {.t = t}, f = e, *h = &f;
        return h->t->tgid;""",
        "",
        {"h": DIR, "h->t": EXT},
        id="record copy",
    ),
    pytest.param(
        TASK + "struct files_struct *f = t->files; int i = t->pid; return f->fdt->fd[i]->f_pos;",
        "",
        {
            "t": EXT,
            "f": EXT,
            "f->fdt": EXT,
            "(f->fdt->fd + i)": EXT,
            "*(f->fdt->fd + i)": EXT,
        },
        id="pointer to pointers",
    ),
    pytest.param(
        TASK + "int i = t->pid & 3; return t->thread_pid->numbers[i].nr;",
        "",
        {"t": EXT, "t->thread_pid": EXT},
        id="variable index of a member array",
    ),
    pytest.param(
        TASK + "int a[8] = {}; a[t->exit_signal & 7] = 9; int *q = &a[t->exit_signal & 7]; *q = 1;",
        "",
        {"t": EXT, "q": DIR},
        id="index is read, local array is not",
    ),
    pytest.param(
        TASK
        + """struct list_head l = {}; struct list_head *p = t->pid ? &l : &t->children;
        return p->next != 0;""",
        "",
        {"t": EXT, "p": MIX},
        id="stack or kernel",
    ),
    pytest.param(
        TASK + "char buf[16]; __builtin_memcpy(buf, t->comm, 16); return buf[0];",
        "",
        {"t": EXT},
        id="memcpy of a member array",
    ),
    pytest.param(
        TASK + "struct list_head *p = &t->children; return p->next != 0;",
        "",
        {"p": EXT},
        id="an address is no read",
    ),
    pytest.param(
        TASK + "pid_t x; bpf_probe_read_kernel(&x, sizeof(x), &t->real_parent->tgid); return x;",
        "",
        {"t": EXT},
        id="explicit read with an implicit one inside",
    ),
    pytest.param(
        TASK + "return container_of(t->children.next, struct task_struct, sibling)->pid;",
        "",
        {"t": EXT, "(children.next - 0)": EXT},
        id="container_of",
        marks=pytest.mark.skip(reason="see test_container_of_is_external"),
    ),
    pytest.param(
        TASK + "return t->in_execve;",
        "",
        {"t": EXT},
        id="bit-field",
    ),
    pytest.param(
        "const unsigned char *n = d->d_name.name; return n[0] + *n;",
        "struct dentry *d",
        {"d": EXT, "(n + 0)": EXT, "n": EXT, "ctx": DIR},
        id="characters",
    ),
    pytest.param(
        "struct sock **q = &sk; return (*q)->sk_state;",
        "struct sock *sk",
        {"q": DIR, "*q": EXT, "ctx": DIR},
        id="pointer to the pointer",
    ),
    pytest.param(
        "u64 x = 5; u64 *p = &x; *p = 6; (*p)++; *p += 2; return *p;",
        "",
        {"p": DIR},
        id="locals only",
    ),
    pytest.param(
        "int a[4] = {}, n = 0; int *p = a; for (int i = 0; i < 4; i++) n += *p++; return n;",
        "",
        {"p++": DIR},
        id="walking a local array",
    ),
]
CASES = [case for case in CASES if case.id != "container_of"]


@pytest.mark.parametrize(("body", "parameters", "expected"), CASES)
def test_kprobe(body: str, parameters: str, expected: dict[str, str]) -> None:
    assert accesses(body, parameters) == expected


def test_container_of_is_external() -> None:
    found = accesses(
        TASK
        + "struct task_struct *k = container_of(t->children.next, struct task_struct, sibling);"
        + "return k->pid;"
    )
    assert found == {"t": EXT, "k": EXT}


def test_a_map_value_is_direct_and_what_it_points_to_is_read() -> None:
    found = accesses(
        TASK
        + """u32 k = 1; struct val init = {.t = t}; m.update(&k, &init);
        struct val *v = m.lookup(&k);
        if (v) { v->n++; return v->t->tgid; }""",
        before="struct val { u64 n; struct task_struct *t; }; BPF_HASH(m, u32, struct val);",
    )
    assert found == {"v": DIR, "v->t": EXT}


def test_a_map_value_or_a_default_is_direct() -> None:
    found = accesses(
        "u32 k = 1; u64 zero = 0; u64 *v = m.lookup(&k); if (!v) v = &zero; *v += 1; return *v;",
        before="BPF_HASH(m, u32, u64);",
    )
    assert found == {"v": DIR}


def test_a_stored_pointer_to_a_socket_is_read() -> None:
    found = accesses(
        """u64 id = bpf_get_current_pid_tgid(); m.update(&id, &sk);
        struct sock **pp = m.lookup(&id);
        if (pp) { struct sock *s = *pp; return s->sk_state + (*pp)->sk_state; }""",
        "struct sock *sk",
        "BPF_HASH(m, u64, struct sock *);",
    )
    assert found == {"ctx": DIR, "pp": DIR, "s": EXT, "*pp": EXT}


HELPER = "static int state(struct sock *s) { return s->sk_state; }"


def test_a_helper_called_two_ways_is_emitted_twice() -> None:
    result = chain(
        kprobe(
            "struct sock l = {}; return state(&l) + state(sk) + state(sk);",
            "struct sock *sk",
            HELPER,
        )
    )
    copies = result.instances("state")
    assert sorted(i.symbol for i in copies) == ["state", "state.1"]
    assert [result.accesses("state", n) for n in range(2)] == [{"s": DIR}, {"s": EXT}]
    (entry,) = result.plan.entries
    assert len(entry.calls) == 3
    assert set(entry.calls.values()) == set(copies)


def test_the_result_of_a_helper_is_followed() -> None:
    found = accesses(
        TASK + "struct task_struct *p = parent(t); return p->tgid;",
        before="static struct task_struct *parent(struct task_struct *c) {return c->real_parent;}",
    )
    assert found == {"p": EXT}


def test_the_context_is_known_in_helpers() -> None:
    result = chain(
        kprobe(
            "return state(ctx);",
            before="""static int state(struct pt_regs *regs) {
                struct sock *s = (struct sock *)PT_REGS_PARM1(regs); return s->sk_state; }""",
        )
    )
    assert result.accesses("state") == {"regs": DIR, "s": EXT}


def test_tracepoint_fields_are_context_loads() -> None:
    result = chain(
        """TRACEPOINT_PROBE(syscalls, sys_enter_openat) {
        char c = *args->filename; return args->dfd + c; }"""
    )
    found = result.accesses("tracepoint__syscalls__sys_enter_openat")
    assert found == {"args": DIR, "args->filename": EXT}


def test_packets_are_direct() -> None:
    result = chain(
        """int x(struct xdp_md *ctx) {
        void *data = (void *)(long)ctx->data; void *end = (void *)(long)ctx->data_end;
        struct ethhdr *eth = data;
        if ((void *)(eth + 1) > end) return XDP_DROP;
        eth->h_dest[0] = 1;
        return eth->h_proto; }"""
    )
    assert result.accesses("x") == {"ctx": DIR, "eth": DIR}


def test_a_ring_buffer_record_is_direct() -> None:
    result = chain(
        """struct e { u32 pid; struct task_struct *t; };
        BPF_RINGBUF_OUTPUT(ring, 8);
        RAW_TRACEPOINT_PROBE(sched_switch) {
        struct e *e = ring.ringbuf_reserve(sizeof(struct e));
        if (!e) return 0;
        e->t = (struct task_struct *)ctx->args[1];
        e->pid = e->t->pid;
        ring.ringbuf_submit(e, 0); return 0; }"""
    )
    assert result.accesses("raw_tracepoint__sched_switch") == {"ctx": DIR, "e": DIR, "e->t": EXT}


def test_arguments_of_fentry_are_typed() -> None:
    result = chain(
        """KFUNC_PROBE(do_exit, struct task_struct *task, long code) {
        int i = task->pid & 15;
        return task->real_parent->tgid + task->comm[3] + code; }"""
    )
    found = result.accesses("kfunc__vmlinux__do_exit")
    assert found == {"(ctx + 0)": DIR, "(ctx + 1)": DIR, "task": BTF, "task->real_parent": BTF}


def test_a_variable_index_in_a_kernel_object_goes_through_the_helper() -> None:
    result = chain("KFUNC_PROBE(f, struct task_struct *task, int i) { return task->comm[i & 15]; }")
    assert result.accesses("kfunc__vmlinux__f")["task"] == EXT


def test_leaving_a_kernel_object_loses_its_type() -> None:
    result = chain(
        """KFUNC_PROBE(f, struct task_struct *task) {
        struct task_struct *k = container_of(task->children.next, struct task_struct, sibling);
        return k->pid; }"""
    )
    found = result.accesses("kfunc__vmlinux__f")
    assert (found["task"], found["k"]) == (BTF, EXT)


def test_a_pointer_to_a_pointer_in_a_kernel_object_is_read() -> None:
    result = chain(
        "KFUNC_PROBE(f, struct task_struct *task) { return task->name[0] + task->files->fdt->fd[1]"
        "->f_pos; }"
    )
    found = result.accesses("kfunc__vmlinux__f")
    assert found["(task->name + 0)"] == EXT
    assert found["(task->files->fdt->fd + 1)"] == EXT
    assert found["*(task->files->fdt->fd + 1)"] == EXT


def test_iterators_give_typed_objects() -> None:
    result = chain("BPF_ITER(task) { return ctx->task->tgid + ctx->meta->seq_num; }")
    found = result.accesses("bpf_iter__task")
    assert found == {"ctx": DIR, "ctx->task": BTF, "ctx->meta": BTF}


def test_callbacks_get_what_the_helper_gives_them() -> None:
    result = chain(
        """struct arg { u64 sum; struct task_struct *t; };
        static long step(u32 i, struct arg *a) { a->sum += a->t->pid; return 0; }
        int f(struct pt_regs *ctx) {
        struct arg a = {.t = (void *)bpf_get_current_task()};
        bpf_loop(4, step, &a, 0);
        return a.sum; }"""
    )
    assert result.accesses("step") == {"a": DIR, "a->t": EXT}
    (entry,) = result.plan.entries
    assert [f.name for f in entry.callbacks] == ["step"]


def test_memory_filled_by_a_helper_holds_no_pointer() -> None:
    found = accesses(
        TASK
        + """struct list_head l = {}; l.next = &l;
        bpf_probe_read_kernel(&l, sizeof(l), &t->children);
        return l.next->next != 0;"""
    )
    assert found == {"l.next": MIX}


def test_a_null_argument_may_be_tested_and_written_through() -> None:
    result = chain(
        kprobe(
            "int error = 0; return get(0) + get(&error);",
            before="static int get(int *error) { if (error) *error = 1; return 0; }",
        )
    )
    assert [result.accesses("get", n) for n in range(2)] == [{"error": MIX}, {"error": DIR}]


REFUSED = [
    pytest.param("sk->sk_state = 1;", "kernel or user memory", id="assignment"),
    pytest.param("sk->sk_state++;", "kernel or user memory", id="increment"),
    pytest.param("__builtin_memset(sk, 0, 4);", "kernel or user memory", id="memset"),
    pytest.param("lock_xadd(&sk->sk_state, 1);", "kernel or user memory", id="atomic"),
]


@pytest.mark.parametrize(("body", "message"), REFUSED)
def test_writing_to_the_kernel_is_refused(body: str, message: str) -> None:
    with pytest.raises(Rejection, match=message) as caught:
        chain(kprobe(body, "struct sock *sk"))
    assert caught.value.loc.line == 3
    assert caught.value.hint


def test_writing_to_a_typed_object_is_refused() -> None:
    with pytest.raises(Rejection, match="cannot write to a kernel object"):
        chain("KFUNC_PROBE(f, struct task_struct *task) { task->pid = 1; return 0; }")


def test_recursion_is_refused() -> None:
    with pytest.raises(Rejection, match="'again' calls itself"):
        chain(kprobe("return again(3);", before="static int again(int n) {return again(n - 1);}"))


@pytest.mark.parametrize(
    ("dialect", "arch", "version", "number"),
    [
        ("bcc", "x86_64", (6, 1, 0), 4),
        ("bcc", "s390x", (6, 1, 0), 113),
        ("libbpf", "x86_64", (6, 1, 0), 113),
        ("libbpf", "x86_64", (5, 4, 0), 4),
    ],
)
def test_the_helper_that_reads(
    dialect: str, arch: str, version: tuple[int, int, int], number: int
) -> None:
    assert readers(target(dialect, arch, version=version)).unknown == number


@pytest.mark.parametrize(
    "table",
    [
        'static const char *const names[] = {"a", "b"};',
        'static struct { int k; const char *n; } names[] = {{1, "a"}, {2, "b"}};',
    ],
)
def test_literals_of_a_static_table_are_read_directly(table: str) -> None:
    name = "names[1].n" if "struct" in table else "names[1]"
    assert accesses(f"return *{name};", before=table) == {name: DIR}
