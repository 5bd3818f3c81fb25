"""Pointers into the kernel: what the verifier knows the type of, and what it does not."""

from __future__ import annotations

import os
import platform
import resource
import socket
import struct
import sys
import tempfile
from pathlib import Path

import pytest

from bpfkit import BPF
from bpfkit.collection import Collection, load
from bpfkit.compat.bcc import DEBUG_PREPROCESSOR
from bpfkit.errors import CompileError, VerifierError
from bpfkit.links.tracing import attach_tracing
from bpfkit.uapi.bpf import ProgType
from conformance.case import case
from conformance.triggers import GETPGID, getpgid_call, spawn, until
from conformance.values import in_task, in_xdp, stored

TASK = "struct task_struct *t = (struct task_struct *)bpf_get_current_task();"
SEC = "#define SEC(x) __attribute__((section(x), used))\n"
OUT = """
BPF_ARRAY(out, s64, 8);
#define OUT(i, v) do { int _i = (i); s64 _v = (s64)(v); out.update(&_i, &_v); } while (0)
"""
MINE = f"-DMINE={os.getpid()}"
FENTRY = {"kernel": "5.5", "config": "KPROBES"}  # a kernel without tracing of functions has none


def ways(collection: Collection) -> dict[str, str]:
    """How each pointer of the text is read."""
    assert collection.compiled is not None
    return {read.text: read.way for read in collection.compiled.reads}


# ---------------------------------------------------------------- numbers to the verifier


@case("compiler/reads/kernel/task", kernel="4.7")
def test_the_current_task_is_followed() -> None:
    """Chains from bpf_get_current_task(): parents, names, records and limits of this process."""
    body = (
        TASK
        + """
    OUT(0, t->tgid); OUT(1, t->real_parent->tgid); OUT(2, t->comm[1]);
    int i = t->tgid ? 7 : 0; struct rlimit files = t->signal->rlim[i]; OUT(3, files.rlim_cur);
    OUT(4, t->signal->rlim[7].rlim_max); OUT(5, t->group_leader->group_leader == t->group_leader);
    struct task_struct *same = container_of(&t->pid, struct task_struct, pid); OUT(6, same->tgid);
    OUT(7, t->nsproxy->uts_ns->name.nodename[0]);
    """
    )
    before = (
        "#include <linux/utsname.h>\n#include <linux/nsproxy.h>\n#include <linux/sched/signal.h>"
    )
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    comm = Path("/proc/self/comm").read_bytes()
    me = os.getpid()
    expected = [me, os.getppid(), comm[1], soft, hard, 1, me, ord(platform.node()[0])]
    assert in_task(body, 8, before) == expected


@case("compiler/reads/kernel/sockets", kernel="4.7")
def test_a_socket_is_reached_through_the_file_table() -> None:
    """``files->fdt->fd[i]->private_data`` leads to a socket: ports, bit-fields, CO-RE reads."""
    before = """
    #include <net/sock.h>
    #include <linux/fdtable.h>
    #include <linux/net.h>
    """
    body = (
        TASK
        + """
    int i = FD; struct file *f = t->files->fdt->fd[i];
    struct socket *s = (struct socket *)f->private_data; struct sock *sk = s->sk;
    OUT(0, sk->__sk_common.skc_num); OUT(1, ntohs(sk->__sk_common.skc_dport));
    OUT(2, sk->__sk_common.skc_reuse); OUT(3, sk->__sk_common.skc_reuseport);
    OUT(4, ntohl(sk->__sk_common.skc_daddr)); OUT(5, sk->__sk_common.skc_family);
    u16 family = ((struct socket *)t->files->fdt->fd[FD]->private_data)->sk->__sk_common.skc_family;
    OUT(6, family); OUT(7, t->files->fdt->max_fds > FD);
    """
    )
    with socket.socket() as server, socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", 0))
        server.listen()
        client.connect(server.getsockname())
        mine, port = client.getsockname()[1], server.getsockname()[1]
        found = in_task(body, 8, before, cflags=[f"-DFD={client.fileno()}"])
    assert found == [mine, port, 1, 0, 0x7F000001, socket.AF_INET, socket.AF_INET, 1]


@case("compiler/reads/kernel/local-list", kernel="4.7")
def test_a_kernel_pointer_and_a_local_record_share_a_variable() -> None:
    """``c ? &local : &task->children`` is read right on both ways."""
    body = (
        TASK
        + """
    struct list_head l = { .next = (struct list_head *)5 };
    struct list_head *p = t->pid ? &l : &t->children, *q = t->pid ? &t->children : &l;
    OUT(0, (u64)p->next); OUT(1, (u64)q->next > 4096);
    """
    )
    assert in_task(body, 2, "#include <linux/list.h>") == [5, 1]


# ---------------------------------------------------------------- typed by the verifier


@case("compiler/reads/kernel/current-task-btf", kernel="5.11")
def test_a_typed_task_is_read_directly() -> None:
    """bpf_get_current_task_btf() gives an object that plain loads read, and helpers take."""
    text = (
        SEC
        + OUT
        + """
    #include <linux/sched.h>
    SEC("tp_btf/sys_enter") int on_enter(u64 *ctx) {
        if ((bpf_get_current_pid_tgid() >> 32) != MINE || ctx[1] != NUMBER) return 0;
        struct task_struct *t = bpf_get_current_task_btf(); int i = ctx[1] & 1;
        OUT(0, t->tgid); OUT(1, t->real_parent->tgid); OUT(2, t->comm[1]); OUT(3, t->comm[i]);
        struct task_struct *same = container_of(&t->pid, struct task_struct, pid);
        OUT(4, same->tgid); return 0;
    }
    """
    )
    number = GETPGID[platform.machine()]
    with load(text, cflags=[MINE, f"-DNUMBER={number}"]) as collection:
        with attach_tracing(collection.system, collection.load_program("on_enter")):
            getpgid_call(0)
        found = stored(collection)
        how = ways(collection)
    comm = Path("/proc/self/comm").read_bytes()
    me = os.getpid()
    assert found[:5] == [me, os.getppid(), comm[1], comm[number & 1], me]
    assert [how[k] for k in ("t->tgid", "t->real_parent->tgid", "t->comm[1]")] == ["direct"] * 3
    assert how["t->comm[i]"] != "direct"


NEW_TASK = (
    SEC
    + OUT
    + """
#include <linux/sched.h>
struct mine_task { char bytes[64]; };
SEC("tp_btf/task_newtask") int on_new(u64 *ctx) {
    struct task_struct *t = (struct task_struct *)ctx[0];
    if ((bpf_get_current_pid_tgid() >> 32) != MINE) return 0;
    BODY
    return 0;
}
"""
)


def on_new_task(body: str) -> tuple[list[int], dict[str, str]]:
    """Run statements in a tracepoint with typed arguments: ``t`` is the task that is born."""
    with load(NEW_TASK.replace("BODY", body), cflags=[MINE]) as collection:
        with attach_tracing(collection.system, collection.load_program("on_new")):
            spawn()
        return stored(collection), ways(collection)


@case("compiler/reads/kernel/bound-arguments", kernel="5.5")
def test_arguments_of_typed_tracepoints_have_the_kernels_types() -> None:
    """An argument that is cast to its own type is read directly, any other cast by helper."""
    found, how = on_new_task("""
    struct task_struct *parent = t->real_parent;
    OUT(0, parent->tgid); OUT(1, t->real_parent->real_parent->tgid);
    struct mine_task *other = (struct mine_task *)ctx[0]; u64 same = *(u64 *)&other->bytes[56];
    OUT(2, *(u64 *)((u64)t + 56) == same); OUT(3, t->tgid != MINE);
    """)
    assert found[:4] == [os.getpid(), os.getppid(), 1, 1]
    assert how["t->real_parent"] == how["parent->tgid"] == "direct"
    assert all(way != "direct" for text, way in how.items() if "bytes" in text)


@case("compiler/reads/kernel/typed-records", kernel="5.5")
def test_records_and_bit_fields_of_typed_objects_are_read() -> None:
    """Whole records, bit-fields and pointers to pointers behind a typed object go by helper."""
    found, how = on_new_task("""
    struct list_head l = t->real_parent->children; OUT(0, l.next == t->real_parent->children.next);
    OUT(1, (u64)l.next > 4096); char c[16]; __builtin_memcpy(c, t->comm, 16);
    OUT(2, c[0] == t->comm[0]); OUT(3, t->real_parent->files->fdt->fd[0] == 0 ? 2 : 1);
    OUT(4, t->sched_reset_on_fork);
    """)
    assert found[:5] == [1, 1, 1, 1, 0]
    assert how["t->real_parent->children"] != "direct"
    assert how["t->real_parent->files->fdt->fd[0]"] != "direct"
    assert how["t->sched_reset_on_fork"] != "direct"


@case("compiler/reads/kernel/typed-writes", kernel="5.5")
def test_writing_to_a_typed_object_is_a_located_error() -> None:
    """A store to a kernel object is refused at its place, before the verifier sees it."""
    with pytest.raises(
        CompileError, match=r"(?s)cannot write to a kernel object.*t->pid = 1"
    ) as no:
        load(NEW_TASK.replace("BODY", "t->pid = 1;"), cflags=[MINE])
    (said,) = no.value.diagnostics
    assert said.source_line.strip() == "t->pid = 1;"
    assert said.hint


@case("compiler/reads/kernel/fentry", **FENTRY)
def test_arguments_of_fentry_programs_are_typed() -> None:
    """KFUNC_PROBE reads what the traced function's parameters lead to with plain loads."""
    text = (
        OUT
        + """
    #include <linux/fs.h>
    #include <linux/dcache.h>
    struct other { char bytes[256]; };
    KFUNC_PROBE(vfs_read, struct file *file, char *buf, size_t count) {
        if ((bpf_get_current_pid_tgid() >> 32) != MINE || count != 4321) return 0;
        struct inode *inode = file->f_path.dentry->d_inode;
        struct other *o = (struct other *)file; u64 same = *(u64 *)&o->bytes[8];
        OUT(0, inode->i_ino); OUT(1, count); OUT(2, file->f_path.dentry->d_name.name[0]);
        OUT(3, same == *(u64 *)((u64)file + 8)); OUT(4, *buf);
        return 0;
    }
    """
    )
    with tempfile.NamedTemporaryFile(prefix="zebra-") as file, load(text, cflags=[MINE]) as made:
        file.write(b"contents")
        file.flush()
        program = made.load_program("kfunc__vmlinux__vfs_read")
        with attach_tracing(made.system, program):
            os.pread(file.fileno(), 4321, 0)
        found = stored(made)
        how = ways(made)
        inode = os.fstat(file.fileno()).st_ino
    assert found[:4] == [inode, 4321, ord("z"), 1]
    assert how["inode->i_ino"] == how["file->f_path.dentry"] == "direct"
    assert how["file->f_path.dentry->d_name.name[0]"] != "direct"
    assert how["*&o->bytes[8]"] != "direct"


@case("compiler/reads/kernel/fexit", **FENTRY)
def test_the_result_of_a_traced_function_is_a_number() -> None:
    """KRETFUNC_PROBE has the result behind the arguments."""
    text = (
        OUT
        + """
    #include <linux/fs.h>
    KRETFUNC_PROBE(vfs_read, struct file *file, char *buf, size_t count, loff_t *pos, ssize_t ret) {
        if ((bpf_get_current_pid_tgid() >> 32) != MINE || count != 4321) return 0;
        OUT(0, ret); OUT(1, file->f_path.dentry->d_inode->i_size);
        return 0;
    }
    """
    )
    with tempfile.NamedTemporaryFile() as file, load(text, cflags=[MINE]) as made:
        file.write(b"seventeen bytes !")
        file.flush()
        program = made.load_program("kretfunc__vmlinux__vfs_read")
        with attach_tracing(made.system, program):
            os.pread(file.fileno(), 4321, 0)
        assert stored(made)[:2] == [17, 17]


# ---------------------------------------------------------------- variables of the kernel


# Linux 5.10 has the helpers, but its BTF describes no variables unless pahole 1.18 made it.
@case("compiler/reads/kernel/per-cpu-variables", kernel="5.11", config="KALLSYMS_ALL")
def test_variables_of_each_cpu_are_typed() -> None:
    """bpf_per_cpu_ptr() and bpf_this_cpu_ptr() of a kernel variable give objects of its type."""
    text = (
        SEC
        + OUT
        + """
    #include <linux/sched.h>
    extern const struct rq runqueues SEC(".ksyms");
    SEC("tp_btf/sys_enter") int on_enter(u64 *ctx) {
        if ((bpf_get_current_pid_tgid() >> 32) != MINE) return 0;
        struct rq *here = bpf_this_cpu_ptr(&runqueues), *first = bpf_per_cpu_ptr(&runqueues, 0);
        OUT(0, here->cpu == bpf_get_smp_processor_id());
        if (first) { OUT(1, first->cpu); OUT(2, first->curr->comm[0] != 0); }
        return 0;
    }
    """
    )
    with load(text, cflags=[MINE]) as collection:
        with attach_tracing(collection.system, collection.load_program("on_enter")):
            getpgid_call(0)
        assert stored(collection)[:3] == [1, 0, 1]
        assert ways(collection)["here->cpu"] == "direct"


@case("compiler/reads/kernel/kptr", kernel="6.2")
def test_a_kptr_in_a_map_value_keeps_its_type() -> None:
    """A kernel object kept in a map value with ``__kptr`` is read directly when it comes out."""
    text = (
        SEC
        + OUT
        + """
    #include <linux/sched.h>
    struct held { struct task_struct __attribute__((btf_type_tag("kptr"))) *t; };
    BPF_ARRAY(tasks, struct held, 1);
    extern struct task_struct *bpf_task_acquire(struct task_struct *p) SEC(".ksyms");
    extern void bpf_task_release(struct task_struct *p) SEC(".ksyms");
    SEC("tp_btf/sys_enter") int on_enter(u64 *ctx) {
        if ((bpf_get_current_pid_tgid() >> 32) != MINE) return 0;
        int zero = 0; struct held *h = tasks.lookup(&zero);
        if (!h) return 0;
        struct task_struct *t = bpf_task_acquire(bpf_get_current_task_btf()), *old, *kept;
        if (!t) return 0;
        old = bpf_kptr_xchg(&h->t, t);
        if (old) { OUT(0, old->tgid); bpf_task_release(old); }
        kept = h->t;
        if (kept) OUT(1, kept->tgid);
        return 0;
    }
    """
    )
    with load(text, cflags=[MINE]) as collection:
        with attach_tracing(collection.system, collection.load_program("on_enter")):
            getpgid_call(0)
        assert stored(collection)[:2] == [os.getpid(), os.getpid()]
        assert {ways(collection)[k] for k in ("old->tgid", "kept->tgid")} == {"direct"}


# ---------------------------------------------------------------- callbacks


@case("compiler/reads/callbacks/loop", kernel="5.17")
def test_the_callback_of_bpf_loop_reads() -> None:
    """A bpf_loop() callback follows pointers in its context, which is a local record."""
    before = """
    #include <linux/sched.h>
    struct walk { struct task_struct *t; s64 sum; int steps; };
    static long step(u32 i, struct walk *w) {
        w->sum += w->t->tgid; w->t = w->t->real_parent; w->steps = i + 1;
        return i == 2;
    }
    """
    body = (
        TASK
        + """
    struct walk w = { .t = t }; bpf_loop(8, step, &w, 0);
    OUT(0, w.steps); OUT(1, w.sum > t->tgid);
    OUT(2, w.t == t->real_parent->real_parent->real_parent);
    """
    )
    assert in_task(body, 3, before) == [3, 1, 1]


@case("compiler/reads/callbacks/map-elements", kernel="5.13")
def test_the_callback_of_every_map_element_reads() -> None:
    """A bpf_for_each_map_elem() callback has the value directly, and reads what that points to."""
    before = """
    #include <linux/sched.h>
    struct entry { struct task_struct *t; u64 hits; };
    BPF_ARRAY(entries, struct entry, 4);
    static long each(void *map, u32 *key, struct entry *e, s64 *sum) {
        e->hits++; if (*key < 2) *sum += e->t->tgid; return 0;
    }
    """
    body = (
        TASK
        + """
    s64 sum = 0; int zero = 0, one = 1; struct entry a = { .t = t }, b = { .t = t->real_parent };
    entries.update(&zero, &a); entries.update(&one, &b);
    bpf_for_each_map_elem(&entries, each, &sum, 0);
    struct entry *e = entries.lookup(&one); OUT(0, sum); OUT(1, e ? e->hits : 0);
    """
    )
    assert in_task(body, 2, before) == [os.getpid() + os.getppid(), 1]


@case("compiler/reads/callbacks/find-vma", kernel="5.17")
def test_the_callback_of_find_vma_gets_typed_objects() -> None:
    """A bpf_find_vma() callback reads task and memory area directly."""
    before = """
    #include <linux/sched.h>
    #include <linux/mm_types.h>
    struct area { u64 start, end; int pid; };
    static long look(struct task_struct *task, struct vm_area_struct *vma, struct area *a) {
        a->start = vma->vm_start; a->end = vma->vm_end; a->pid = task->tgid; return 0;
    }
    """
    body = """
    struct area a = {}; struct task_struct *t = bpf_get_current_task_btf();
    OUT(0, bpf_find_vma(t, args->args[0], look, &a, 0)); OUT(1, a.start); OUT(2, a.end);
    OUT(3, a.pid);
    """
    lines = Path("/proc/self/maps").read_text().splitlines()
    start, end = (int(part, 16) for part in lines[0].split()[0].split("-"))
    assert in_task(body, 4, before, argument=start + 8) == [0, start, end, os.getpid()]


@case("compiler/reads/callbacks/timer", kernel="5.15")
def test_the_callback_of_a_timer_has_its_value() -> None:
    """A timer's callback has map, key and value as memory it can read and write."""
    text = (
        OUT
        + """
    struct alarm { struct bpf_timer timer; u64 rung; u32 key; };
    BPF_ARRAY(alarms, struct alarm, 4);
    static int ring(void *map, u32 *key, struct alarm *a) { a->rung++; a->key = *key; return 0; }
    int program(struct xdp_md *ctx) {
        int two = 2; struct alarm *a = alarms.lookup(&two);
        if (!a) return XDP_DROP;
        bpf_timer_init(&a->timer, &alarms, 1); bpf_timer_set_callback(&a->timer, ring);
        bpf_timer_start(&a->timer, 1000, 0);
        return XDP_PASS;
    }
    """
    )
    with load(text) as collection:
        collection.load_program("program", ProgType.XDP).test_run(bytes(64))
        alarms = collection.maps["alarms"].raw
        key = (2).to_bytes(4, sys.byteorder)

        def rung() -> bool:
            return struct.unpack_from("=QI", alarms.lookup(key) or b"", 16) == (1, 2)

        assert until(rung, os.sched_yield)


# ---------------------------------------------------------------- the safety net

OVERWRITTEN = """
struct list_head l = {}; l.next = &l;
volatile union pun u = {}; u64 copy;
u.p = &l;
bpf_probe_read_kernel(&copy, 8, (void *)&u.p);
u.half[1] = copy >> 32;
"""
PUN = "#include <linux/list.h>\nunion pun { struct list_head *p; u32 half[2]; };"


@case("compiler/reads/safety-net", kernel="5.8")
def test_a_refused_load_is_read_by_helper() -> None:
    """A load of what the verifier lost the type of is read by helper when the program loads."""
    body = OVERWRITTEN + "OUT(0, u.p->next == &l); OUT(1, u.p->prev == 0);"
    assert in_xdp(body, 2, PUN) == [1, 1]


@case("compiler/reads/safety-net/tracing", kernel="5.5")
def test_several_refused_loads_are_read_by_helper() -> None:
    """Several refused loads, on lines of their own and in a function, are read one by one."""
    before = (
        PUN + "static int is(struct list_head *p, struct list_head *q) { return p->next == q; }"
    )
    body = (
        OVERWRITTEN
        + """
    OUT(0, u.p->next == &l);
    OUT(1, u.p->prev == 0);
    OUT(2, is(u.p, &l));
    """
    )
    assert in_task(body, 3, before) == [1, 1, 1]


@case("compiler/reads/safety-net/others", kernel="4.7")
def test_other_refusals_are_reported() -> None:
    """A program that is refused for another reason raises the verifier's error, with its log."""
    text = """
    BPF_HASH(m, u32, u64);
    int program(struct xdp_md *ctx) { u32 k = 0; u64 *v = m.lookup(&k); return *v; }
    """
    with load(text) as collection, pytest.raises(VerifierError, match="check the pointer for NULL"):
        collection.load_program("program", ProgType.XDP)


@case("compiler/reads/explain", kernel="4.7")
def test_a_compilation_tells_its_reads() -> None:
    """Each implicit read is told with place, expression, helper and reason."""
    text = """
    #include <linux/sched.h>
    int kprobe_free(struct pt_regs *ctx) {
        struct task_struct *t = (struct task_struct *)bpf_get_current_task();
        return t->real_parent->tgid;
    }
    """
    with load(text) as collection:
        assert collection.compiled is not None
        told = [(r.loc.line, r.text, r.reason) for r in collection.compiled.reads]
    assert told == [
        (5, "t->real_parent", "result of bpf_get_current_task()"),
        (5, "t->real_parent->tgid", "loaded from struct task_struct (kernel memory)"),
    ]


@case("compiler/reads/explain-listing", kernel="4.7")
def test_a_program_lists_its_reads(capfd: pytest.CaptureFixture[str]) -> None:
    """``explain()`` lists each line that reads, and why; DEBUG_PREPROCESSOR prints it."""
    text = (
        "#include <linux/sched.h>\n"
        "int probe_free(struct pt_regs *ctx) {\n"
        "    struct task_struct *t = (struct task_struct *)bpf_get_current_task();\n"
        "    return t->real_parent->tgid;\n"
        "}\n"
    )
    wanted = (
        "program.c:4: return t->real_parent->tgid;\n"
        "    t->real_parent: bpf_probe_read in probe_free(): result of bpf_get_current_task()\n"
        "    t->real_parent->tgid: bpf_probe_read in probe_free(): "
        "loaded from struct task_struct (kernel memory)\n"
    )
    with BPF(text=text, debug=DEBUG_PREPROCESSOR) as b:
        assert b.explain() == wanted
    said = capfd.readouterr().err
    assert text in said
    assert said.endswith(b.explain())
