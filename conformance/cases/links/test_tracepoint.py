"""Tracepoints and raw tracepoints."""

from __future__ import annotations

import os

import pytest

from bpfkit import BPF
from bpfkit.errors import BpfkitError
from conformance.case import case
from conformance.triggers import getpid_calls, only_mine, spawn


@case("links/tracepoint/macro", kernel="4.7")
def test_tracepoint_probe_sees_the_fields() -> None:
    """TRACEPOINT_PROBE attaches by itself and ``args`` has the event's fields."""
    text = """
    BPF_HASH(children, u32, u32);
    TRACEPOINT_PROBE(sched, sched_process_fork) {
        u32 parent = args->parent_pid, child = args->child_pid;
        children.update(&child, &parent);
        return 0;
    }
    """
    with BPF(text=text) as b:
        pid = spawn()
        children = {k.value: v.value for k, v in b["children"].items()}
    assert children[pid] == os.getpid()


@case("links/tracepoint/by-hand", kernel="4.7")
def test_attach_and_detach_by_hand() -> None:
    """attach_tracepoint starts the calls of a free function and detach_tracepoint ends them."""
    text = """
    BPF_ARRAY(calls, u64, 1);
    int count(struct tracepoint__raw_syscalls__sys_enter *args) {
        if (NOT_MINE)
            return 0;
        int zero = 0;
        calls.increment(zero);
        return 0;
    }
    """
    with BPF(text=text, cflags=only_mine()) as b:
        getpid_calls(3)
        assert b["calls"][0].value == 0
        b.attach_tracepoint(tp="raw_syscalls:sys_enter", fn_name="count")
        getpid_calls(3)
        assert b["calls"][0].value == 3
        b.detach_tracepoint(tp="raw_syscalls:sys_enter")
        getpid_calls(3)
        assert b["calls"][0].value == 3


@case("links/tracepoint/unknown", kernel="4.7")
def test_an_unknown_tracepoint_is_a_typed_error() -> None:
    """Attaching to a tracepoint that does not exist names it and what is near."""
    with (
        BPF(text="int f(void *ctx) { return 0; }") as b,
        pytest.raises(BpfkitError, match=r"sched:sched_process_forg.*sched_process_fork"),
    ):
        b.attach_tracepoint(tp="sched:sched_process_forg", fn_name="f")


@case("links/tracepoint/data-loc", kernel="4.7")
def test_a_dynamic_string_field_is_read() -> None:
    """TP_DATA_LOC_READ_STR copies a ``__data_loc`` field, here the file name of an exec."""
    text = """
    struct name_t { char file[64]; };
    BPF_HASH(names, u32, struct name_t);
    TRACEPOINT_PROBE(sched, sched_process_exec) {
        u32 pid = bpf_get_current_pid_tgid() >> 32;
        struct name_t name = {};
        TP_DATA_LOC_READ_STR(name.file, filename, sizeof(name.file));
        names.update(&pid, &name);
        return 0;
    }
    """
    with BPF(text=text) as b:
        pid = spawn(["/bin/true"])
        names = {k.value: v.file for k, v in b["names"].items()}
    assert names[pid] == b"/bin/true"


@case("links/raw-tracepoint/macro", kernel="4.17", feature="program_type/raw_tracepoint")
def test_raw_tracepoint_probe_reads_its_arguments() -> None:
    """RAW_TRACEPOINT_PROBE gets the raw arguments, and reads kernel memory through them."""
    text = """
    #include <linux/sched.h>
    BPF_HASH(children, u32, u32);
    RAW_TRACEPOINT_PROBE(sched_process_fork) {
        struct task_struct *parent = (struct task_struct *)ctx->args[0];
        struct task_struct *child = (struct task_struct *)ctx->args[1];
        u32 pid = child->pid, ppid = parent->tgid;
        children.update(&pid, &ppid);
        return 0;
    }
    """
    with BPF(text=text) as b:
        pid = spawn()
        children = {k.value: v.value for k, v in b["children"].items()}
    assert children[pid] == os.getpid()
