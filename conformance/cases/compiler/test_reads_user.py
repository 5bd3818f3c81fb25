"""Pointers of which the compiler knows that they lead to user memory."""

from __future__ import annotations

import ctypes
import os
import tempfile
from pathlib import Path

from bpfkit import BPF
from bpfkit.collection import load
from bpfkit.links.tracepoint import attach_tracepoint
from bpfkit.uapi.bpf import ProgType
from conformance.case import case
from conformance.memory import NODE, Ring
from conformance.triggers import getpgid_call
from conformance.values import in_task, stored

USER = "bpf_probe_read_user"
FIRST = "struct node *n = (struct node *)args->args[0];"


def ways(text: str, cflags: list[str]) -> dict[str, str]:
    """How each pointer of a text is read."""
    with load(text, cflags=cflags) as collection:
        assert collection.compiled is not None
        return {read.text: read.way for read in collection.compiled.reads}


@case("compiler/reads/user/system-call-arguments", kernel="5.5")
def test_arguments_of_system_calls_lead_to_user_memory() -> None:
    """What raw_syscalls:sys_enter has in ``args->args`` is followed with bpf_probe_read_user."""
    ring = Ring()
    body = (
        FIRST
        + """
    OUT(0, n->value); OUT(1, n->next->next->small); OUT(2, n->ways[1]->table[3]);
    struct node m = *n->next; OUT(3, m.next->value); OUT(4, n->name[5]); OUT(5, n->more);
    u64 x = args->args[0] + offsetof(struct node, port); OUT(6, *(u16 *)x);
    """
    )
    expected = [1000, -9, 13, 3000, ord("0"), -300, 0x1234]
    assert in_task(body, 7, NODE, argument=ring.address) == expected


@case("compiler/reads/user/helper", kernel="5.5")
def test_the_helper_for_user_memory_is_used() -> None:
    """Reads of user memory call bpf_probe_read_user, those of kernel memory do not."""
    text = (
        NODE
        + """
    #include <linux/sched.h>
    TRACEPOINT_PROBE(raw_syscalls, sys_enter) {
        struct task_struct *t = (struct task_struct *)bpf_get_current_task();
        struct node *n = (struct node *)args->args[1];
        return n->next->value + t->pid;
    }
    """
    )
    found = ways(text, [])
    assert found == {"n->next": USER, "n->next->value": USER, "t->pid": found["t->pid"]}
    assert found["t->pid"] != USER


@case("compiler/reads/user/tracepoint-fields", kernel="5.5")
def test_pointer_fields_of_system_call_events_are_user_memory() -> None:
    """``args->filename`` of syscalls:sys_enter_openat is read character by character."""
    text = """
    BPF_HASH(seen, u32, u64);
    TRACEPOINT_PROBE(syscalls, sys_enter_openat) {
        if ((bpf_get_current_pid_tgid() >> 32) != PID || args->filename[0] != '/')
            return 0;
        u32 last = args->filename[NAME_BYTES - 1], k = 0;
        u64 value = ((u64)*args->filename << 8) | last;
        if (args->filename[NAME_BYTES] == 0) seen.update(&k, &value);
        return 0;
    }
    """
    with tempfile.NamedTemporaryFile(suffix="-user-filename-x") as file:
        flags = [f"-DPID={os.getpid()}", f"-DNAME_BYTES={len(file.name)}"]
        with BPF(text=text, cflags=flags) as b:
            Path(file.name).read_bytes()
            (value,) = (v.value for v in b["seen"].values())
    assert value == ord("/") << 8 | ord("x")


@case("compiler/reads/user/tagged-casts", kernel="5.5")
def test_a_user_cast_says_that_memory_is_the_process_s() -> None:
    """A cast to a ``__user`` pointer makes reads those of user memory, through what it leads to."""
    ring = Ring()
    body = """
    struct node __user *n = (struct node __user *)ADDRESS; struct node __user *m = n->next;
    OUT(0, n->value); OUT(1, m->value); OUT(2, n->next->next->small);
    """
    assert in_task(body, 3, NODE, cflags=ring.cflags) == [1000, -2000, -9]
    text = (
        NODE
        + """
    int kprobe_free(struct pt_regs *ctx) {
        struct node __user *n = (struct node __user *)PT_REGS_PARM1(ctx);
        return n->next->value;
    }
    """
    )
    assert set(ways(text, []).values()) == {USER}


@case("compiler/reads/user/tagged-members", kernel="5.5")
def test_a_user_member_leads_to_user_memory() -> None:
    """A ``__user`` member of a record is a pointer into user memory, wherever the record is."""
    ring = Ring()
    before = NODE + "struct holder { int k; struct node __user *p; char __user *s; };"
    text = (
        before
        + """
    BPF_ARRAY(holders, struct holder, 1);
    int kprobe_free(struct pt_regs *ctx) {
        int zero = 0; struct holder *h = holders.lookup(&zero);
        return h ? h->p->value + *h->s : 0;
    }
    """
    )
    assert ways(text, []) == {"h->p->value": USER, "*h->s": USER}
    body = """
    struct holder h = { .p = (struct node *)ADDRESS }; h.s = h.p->name;
    OUT(0, h.p->value); OUT(1, h.s[0]);
    """
    assert in_task(body, 2, before, cflags=ring.cflags) == [1000, ord("n")]


@case("compiler/reads/user/read-explicitly", kernel="5.5")
def test_pointers_read_from_user_memory_lead_there() -> None:
    """A pointer that bpf_probe_read_user() brought is followed in user memory."""
    ring = Ring()
    body = """
    struct node m, *p; bpf_probe_read_user(&m, sizeof(m), (void *)args->args[0]);
    bpf_probe_read_user(&p, sizeof(p), &((struct node *)args->args[0])->next);
    OUT(0, m.next->value); OUT(1, p->next->value); OUT(2, m.value);
    """
    assert in_task(body, 3, NODE, argument=ring.address) == [-2000, 3000, 1000]


@case("compiler/reads/user/mixed", kernel="5.5", arch="x86_64")
def test_user_and_local_memory_in_one_variable() -> None:
    """A pointer to user memory or to a local is read right on both ways."""
    ring = Ring()
    body = (
        FIRST
        + """
    struct node l = { .value = 7 };
    struct node *p = n->port == 0x1234 ? &l : n, *q = n->port == 1 ? &l : n;
    OUT(0, p->value); OUT(1, q->value);
    """
    )
    assert in_task(body, 2, NODE, argument=ring.address) == [7, 1000]


@case("compiler/reads/user/faults", kernel="5.5")
def test_user_addresses_are_no_kernel_addresses() -> None:
    """A kernel address where user memory is expected reads as zero: no kernel memory leaks in."""
    body = """
    struct node *n = (struct node *)(args->args[0] | 0xffff000000000000ULL); OUT(0, n->value);
    struct node *z = (struct node *)args->args[0]; OUT(1, z->next->value); OUT(2, 1);
    """
    assert in_task(body, 3, NODE, argument=8) == [0, 0, 1]


@case("compiler/reads/user/words", kernel="5.5")
def test_arrays_of_strings_of_a_process_are_read() -> None:
    """``argv[i][k]`` of an array of strings reads pointer and character from user memory."""
    words = (ctypes.c_char_p * 3)(b"first", b"second", None)
    body = """
    char **argv = (char **)args->args[0]; int i = argv[0][0] == 'f';
    OUT(0, argv[0][1]); OUT(1, argv[i][2]); OUT(2, argv[2] == 0); OUT(3, *argv[1]);
    """
    expected = [ord("i"), ord("c"), 1, ord("s")]
    assert in_task(body, 4, argument=ctypes.addressof(words)) == expected


@case("compiler/reads/user/system-call-kprobe", kernel="5.5", config="KPROBES")
def test_parameters_of_system_call_probes_lead_to_user_memory() -> None:
    """A pointer parameter of ``syscall__openat`` is read from user memory."""
    text = """
    #include <uapi/linux/ptrace.h>
    BPF_HASH(seen, u32, u64);
    int syscall__openat(struct pt_regs *ctx, int dfd, const char *filename, int flags) {
        u32 k = 0; u64 value = filename[NAME_BYTES - 1];
        if ((bpf_get_current_pid_tgid() >> 32) == PID && filename[NAME_BYTES] == 0)
            seen.update(&k, &value);
        return 0;
    }
    """
    with tempfile.NamedTemporaryFile(suffix="-openat-y") as file:
        flags = [f"-DPID={os.getpid()}", f"-DNAME_BYTES={len(file.name)}"]
        read = ways(text, flags)
        size = len(file.name)
        assert {read[f"filename[{size} - 1]"], read[f"filename[{size}]"]} == {USER}
        with BPF(text=text, cflags=flags) as b:
            b.attach_kprobe(event=b.get_syscall_fnname("openat"), fn_name="syscall__openat")
            Path(file.name).read_bytes()
            (value,) = (v.value for v in b["seen"].values())
    assert value == ord("y")


@case("compiler/reads/user/attach", kernel="5.5")
def test_the_same_text_reads_user_memory_in_a_section() -> None:
    """A program in the section of a system call's event has its arguments in user memory, too."""
    ring = Ring()
    text = (
        NODE
        + """
    BPF_ARRAY(out, s64, 1);
    struct enter { u64 common; long id; unsigned long args[6]; };
    __attribute__((section("tracepoint/raw_syscalls/sys_enter"), used))
    int on_enter(struct enter *args) {
        int zero = 0; s64 value;
        if ((bpf_get_current_pid_tgid() >> 32) != PID || args->args[0] != ADDRESS)
            return 0;
        value = ((struct node *)args->args[0])->next->value;
        out.update(&zero, &value);
        return 0;
    }
    """
    )
    with load(text, cflags=[*ring.cflags, f"-DPID={os.getpid()}"]) as collection:
        assert collection.compiled is not None
        assert {read.way for read in collection.compiled.reads} == {USER}
        program = collection.load_program("on_enter", ProgType.TRACEPOINT)
        with attach_tracepoint(collection.system, program, "raw_syscalls", "sys_enter"):
            getpgid_call(ring.address)
        assert stored(collection) == [-2000]
