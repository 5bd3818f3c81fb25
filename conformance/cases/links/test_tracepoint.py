"""Tracepoints and raw tracepoints."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bpfkit import BPF
from bpfkit.collection import load
from bpfkit.errors import AttachError, BpfkitError
from bpfkit.links.raw_tracepoint import attach_raw_tracepoint
from bpfkit.links.tracepoint import attach_tracepoint
from bpfkit.uapi.bpf import ProgType
from conformance.case import case
from conformance.libbpf import HEAD, stored
from conformance.triggers import getpid_calls, nap, only_mine, spawn, until
from tests.contracts.links import check_link


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


@case("links/tracepoint/pattern", kernel="4.7")
def test_every_tracepoint_that_a_pattern_matches_is_attached() -> None:
    """tp_re attaches at each ``category:event`` that begins as it says, and counts them."""
    text = """
    BPF_HASH(calls, u32, u64);
    int count(void *ctx) {
        u32 pid = bpf_get_current_pid_tgid() >> 32;
        calls.increment(pid);
        return 0;
    }
    """
    assert set(BPF.get_tracepoints("sched:sched_process_(fork|exec)$")) == {
        b"sched:sched_process_fork",
        b"sched:sched_process_exec",
    }
    with BPF(text=text) as b:
        b.attach_tracepoint(tp_re="sched:sched_process_(fork|exec)$", fn_name="count")
        assert b.num_open_tracepoints() == 2
        pid = spawn()
        calls = {k.value: v.value for k, v in b["calls"].items()}
        assert calls[pid] == 1
        assert calls[os.getpid()] >= 1


@case("links/tracepoint/section", kernel="4.7")
def test_a_section_names_the_tracepoint() -> None:
    """``SEC("tp/CATEGORY/EVENT")`` attaches with program.attach(); the link ends it."""
    text = f"""
    {HEAD.format(results=2)}
    SEC("tp/sched/sched_process_exec") int program(void *ctx) {{
        out[0] = bpf_get_current_pid_tgid() >> 32;
        out[1]++;
        return 0;
    }}
    """
    with load(text, name="case.bpf.c") as collection:
        with collection.load_program("program").attach():
            pid = spawn()
            assert until(lambda: stored(collection)[1] > 0, spawn)
        ours = stored(collection)
        spawn()
        assert stored(collection) == ours
        assert pid > 0


@case("links/tracepoint/contract", kernel="4.7")
def test_a_tracepoint_link_keeps_the_contract() -> None:
    """Links of tracepoints close, close twice, and are detached when they are dropped."""
    with load("int f(void *ctx) { return 0; }") as collection:
        program = collection.load_program("f", ProgType.TRACEPOINT)
        check_link(
            lambda: attach_tracepoint(collection.system, program, "sched", "sched_process_exec")
        )


@case("links/tracepoint/cookie", kernel="5.15", feature="helper/bpf_get_attach_cookie")
def test_a_tracepoint_has_a_cookie() -> None:
    """cookie= is what bpf_get_attach_cookie() returns, and link.info() names the program."""
    text = f"""
    {HEAD.format(results=1)}
    SEC("tp") int program(void *ctx) {{
        out[0] = bpf_get_attach_cookie(ctx);
        return 0;
    }}
    """
    with load(text, name="case.bpf.c") as collection:
        program = collection.load_program("program")
        link = program.attach_tracepoint("sched", "sched_process_exec", cookie=815)
        spawn()
        assert stored(collection)[0] == 815
        assert link.info().prog_id == program.info().id


def open_descriptors() -> int:
    """How many descriptors this process has."""
    return len(list(Path("/proc/self/fd").iterdir()))


@case("links/tracepoint/ten-at-once", kernel="5.15", feature="link/perf_event")
def test_many_links_are_closed_together() -> None:
    """Closing a collection detaches all its links: nothing is called, no descriptor is left."""
    text = "BPF_ARRAY(calls, u64, 1); int f(void *ctx) { int z = 0; calls.increment(z); return 0; }"
    descriptors = open_descriptors()
    with load(text) as collection:
        program = collection.load_program("f", ProgType.TRACEPOINT)
        links = program.attach_tracepoints("sched:sched_(process_|wak|switch)")
        assert len(links) >= 5
    assert all(link.closed for link in links)
    # The perf events under the links are let go in the background.
    assert until(lambda: open_descriptors() <= descriptors, lambda: nap(0.01))


@case("links/raw-tracepoint/contract", kernel="4.17", feature="program_type/raw_tracepoint")
def test_a_raw_tracepoint_link_keeps_the_contract() -> None:
    """Links of raw tracepoints close, close twice, and are detached when they are dropped."""
    with load("int f(struct bpf_raw_tracepoint_args *ctx) { return 0; }") as collection:
        program = collection.load_program("f", ProgType.RAW_TRACEPOINT)
        check_link(lambda: attach_raw_tracepoint(collection.system, program, "sched_process_exec"))


@case("links/raw-tracepoint/writable", kernel="5.2", feature="program_type/raw_tracepoint_writable")
def test_a_writable_program_is_kept_off_other_tracepoints() -> None:
    """``SEC("raw_tp.w")`` attaches where something may be written, and is explained elsewhere."""
    text = f"""
    {HEAD.format(results=1)}
    SEC("raw_tp.w/bpf_test_finish") int program(struct bpf_raw_tracepoint_args *ctx) {{
        int *error = (int *)ctx->args[0];
        out[0]++;
        *error = -7;
        return 0;
    }}
    SEC("xdp") int packet(struct xdp_md *ctx) {{ return 2; }}
    """
    with load(text, name="case.bpf.c") as collection:
        program = collection.load_program("program")
        with pytest.raises(AttachError, match="nothing be written"):
            program.attach_raw_tracepoint("sched_process_exec")
        with program.attach(), pytest.raises(OSError, match=r"\[Errno 7\]|E2BIG") as caught:
            collection.load_program("packet").test_run(bytes(64))
        assert caught.value.errno == 7
        assert stored(collection)[0] == 1
