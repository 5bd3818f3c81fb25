"""kprobes and kretprobes."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from bpfkit import BPF
from bpfkit.errors import AttachError
from conformance.case import case
from conformance.triggers import getpid_calls, nap, spawn, until

NEEDS = {"kernel": "4.1", "config": "KPROBES"}


@case("links/kprobe/prefix", **NEEDS)
def test_a_function_named_kprobe_attaches_by_itself() -> None:
    """``kprobe__vfs_read`` is called for each vfs_read of this process."""
    text = """
    #include <uapi/linux/ptrace.h>
    BPF_HASH(calls, u32);
    int kprobe__vfs_read(struct pt_regs *ctx) {
        u32 pid = bpf_get_current_pid_tgid() >> 32;
        calls.increment(pid);
        return 0;
    }
    """
    with BPF(text=text) as b, Path("/proc/self/stat").open("rb", buffering=0) as file:
        assert b.num_open_kprobes() == 1
        calls = b["calls"]
        before = calls[calls.Key(os.getpid())].value if calls.Key(os.getpid()) in calls else 0
        for _ in range(5):
            os.pread(file.fileno(), 16, 0)
        assert calls[calls.Key(os.getpid())].value - before == 5


@case("links/kprobe/arguments", **NEEDS)
def test_typed_parameters_are_the_probed_functions_arguments() -> None:
    """Parameters after ctx are the function's own arguments: vfs_read's count."""
    text = """
    #include <uapi/linux/ptrace.h>
    #include <linux/fs.h>
    BPF_HASH(sizes, u32, u64);
    int kprobe__vfs_read(struct pt_regs *ctx, struct file *file, char *buf, size_t count) {
        u32 pid = bpf_get_current_pid_tgid() >> 32;
        u64 size = count;
        sizes.update(&pid, &size);
        return 0;
    }
    """
    with BPF(text=text) as b, Path("/proc/self/stat").open("rb", buffering=0) as file:
        os.pread(file.fileno(), 1234, 0)
        sizes = {k.value: v.value for k, v in b["sizes"].items()}
    assert sizes[os.getpid()] == 1234


@case("links/kprobe/by-hand", **NEEDS)
def test_attach_and_detach_by_hand() -> None:
    """attach_kprobe starts the calls of a free function and detach_kprobe ends them."""
    text = """
    BPF_ARRAY(calls, u64, 1);
    int count(struct pt_regs *ctx) {
        if ((bpf_get_current_pid_tgid() >> 32) == PID) { int zero = 0; calls.increment(zero); }
        return 0;
    }
    """
    with BPF(text=text, cflags=[f"-DPID={os.getpid()}"]) as b:
        event = b.get_syscall_fnname("getpgid")
        getpid_calls(2)
        assert b["calls"][0].value == 0
        b.attach_kprobe(event=event, fn_name="count")
        getpid_calls(4)
        assert b["calls"][0].value == 4
        b.detach_kprobe(event)
        getpid_calls(2)
        assert b["calls"][0].value == 4


@case("links/kprobe/syscall-arguments", **NEEDS)
def test_syscall_functions_get_the_callers_arguments() -> None:
    """``syscall__NAME`` unwraps the system call's own arguments, the second one of kill here."""
    text = """
    #include <uapi/linux/ptrace.h>
    BPF_HASH(signals, u32, int);
    int syscall__kill(struct pt_regs *ctx, int pid, int sig) {
        u32 me = bpf_get_current_pid_tgid() >> 32;
        signals.update(&me, &sig);
        return 0;
    }
    """
    with BPF(text=text) as b:
        b.attach_kprobe(event=b.get_syscall_fnname("kill"), fn_name="syscall__kill")
        os.kill(os.getpid(), 0)
        signals = b["signals"]
        assert signals[signals.Key(os.getpid())].value == 0
        with pytest.raises(ProcessLookupError):
            os.kill(2**22 - 3, 28)
        assert signals[signals.Key(os.getpid())].value == 28


@case("links/kprobe/unknown", **NEEDS)
def test_an_unknown_function_is_a_typed_error() -> None:
    """A function that is not in this kernel gives AttachError naming it and its nearest names."""
    with (
        BPF(text="int f(struct pt_regs *ctx) { return 0; }") as b,
        pytest.raises(AttachError, match=r"vfs_raed.*vfs_read"),
    ):
        b.attach_kprobe(event="vfs_raed", fn_name="f")


@case("links/kprobe/implicit-reads", **NEEDS)
def test_pointers_of_the_kernel_are_read_implicitly() -> None:
    """``task->real_parent->tgid`` in a kprobe becomes probe reads with this kernel's offsets."""
    text = """
    #include <uapi/linux/ptrace.h>
    #include <linux/sched.h>
    BPF_HASH(parents, u32, u32);
    int on_exit(struct pt_regs *ctx) {
        struct task_struct *task = (struct task_struct *)bpf_get_current_task();
        u32 pid = task->tgid;
        u32 ppid = task->real_parent->tgid;
        parents.update(&pid, &ppid);
        return 0;
    }
    """
    with BPF(text=text) as b:
        b.attach_kprobe(event="do_exit", fn_name="on_exit")
        pid = spawn()
        parents = {k.value: v.value for k, v in b["parents"].items()}
    assert parents[pid] == os.getpid()


@case("links/kprobe/chain-of-arguments", **NEEDS)
def test_a_chain_from_an_argument_is_followed() -> None:
    """``file->f_path.dentry->d_name.name`` leads to the name of the file being read."""
    text = """
    #include <uapi/linux/ptrace.h>
    #include <linux/fs.h>
    struct name_t { char name[32]; };
    BPF_HASH(names, u32, struct name_t);
    int kprobe__vfs_read(struct pt_regs *ctx, struct file *file) {
        u32 pid = bpf_get_current_pid_tgid() >> 32;
        if (pid != PID)
            return 0;
        struct name_t name = {};
        bpf_probe_read_kernel_str(&name.name, sizeof(name.name), file->f_path.dentry->d_name.name);
        names.update(&pid, &name);
        return 0;
    }
    """
    with tempfile.NamedTemporaryFile(prefix="named-", suffix=".txt") as file:
        file.write(b"x")
        file.flush()
        with BPF(text=text, cflags=[f"-DPID={os.getpid()}"]) as b:
            os.pread(file.fileno(), 1, 0)
            names = b["names"]
            found = names[names.Key(os.getpid())].name
    assert found.decode() == Path(file.name).name


@case("links/kretprobe/return-value", **NEEDS)
def test_kretprobe_sees_the_return_value() -> None:
    """PT_REGS_RC in a kretprobe is what the function returned."""
    text = """
    #include <uapi/linux/ptrace.h>
    BPF_HASH(results, u32, long);
    int kretprobe__vfs_read(struct pt_regs *ctx) {
        u32 pid = bpf_get_current_pid_tgid() >> 32;
        long rc = PT_REGS_RC(ctx);
        results.update(&pid, &rc);
        return 0;
    }
    """
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"seventeen bytes !")
        file.flush()
        with BPF(text=text) as b:
            os.pread(file.fileno(), 4096, 0)
            results = b["results"]
            assert results[results.Key(os.getpid())].value == 17


@case("links/kretprobe/latency", **NEEDS)
def test_entry_and_return_measure_a_latency() -> None:
    """A start stored at entry and looked up at return measures a sleep within its bounds.

    A signal ends the call early, and another one sleeps the rest: only whole sleeps count.
    """
    text = """
    #include <uapi/linux/ptrace.h>
    BPF_HASH(start, u32);
    BPF_HASH(took, u32);
    int enter(struct pt_regs *ctx) {
        u32 tid = bpf_get_current_pid_tgid();
        u64 now = bpf_ktime_get_ns();
        start.update(&tid, &now);
        return 0;
    }
    int leave(struct pt_regs *ctx) {
        u32 tid = bpf_get_current_pid_tgid();
        u64 *begin = start.lookup(&tid);
        if (begin == 0)
            return 0;
        u64 delta = bpf_ktime_get_ns() - *begin;
        start.delete(&tid);
        if (PT_REGS_RC(ctx) == 0)
            took.update(&tid, &delta);
        return 0;
    }
    """
    with BPF(text=text) as b:
        event = b.get_syscall_fnname("clock_nanosleep")
        b.attach_kprobe(event=event, fn_name="enter")
        b.attach_kretprobe(event=event, fn_name="leave")
        took = b["took"]
        key = took.Key(os.getpid())
        assert until(lambda: key in took, lambda: nap(0.05))
        value = took[key].value
        left = len(b["start"])
    assert 50_000_000 <= value < 20_000_000_000
    assert left == 0
