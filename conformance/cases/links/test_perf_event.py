"""Programs on perf events."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bpfkit import BPF
from bpfkit.collection import load
from bpfkit.compat.bcc import PerfHWConfig, PerfSWConfig, PerfType
from bpfkit.errors import AttachError, SyscallError
from bpfkit.links.perf_event import attach_perf_event
from bpfkit.syscalls.requests import PerfEvent
from bpfkit.system import System
from bpfkit.uapi.bpf import ProgType
from bpfkit.uapi.perf_event import PerfHw, PerfSw
from bpfkit.uapi.perf_event import PerfType as OurPerfType
from conformance.case import case
from conformance.triggers import until
from tests.contracts.links import check_link

NEEDS = {"kernel": "4.9", "feature": "program_type/perf_event"}

COUNTING = """
#include <uapi/linux/ptrace.h>
#include <uapi/linux/bpf_perf_event.h>
BPF_HASH(calls, u32, u64);
int count(struct bpf_perf_event_data *ctx) {
    u32 pid = bpf_get_current_pid_tgid() >> 32;
    calls.increment(pid);
    return 0;
}
int period(struct bpf_perf_event_data *ctx) {
    u32 pid = 0;
    u64 period = ctx->sample_period;
    calls.update(&pid, &period);
    return 0;
}
"""


def calls_of(b: BPF, pid: int) -> int:
    """How often the program ran in a process."""
    calls: dict[int, int] = {k.value: v.value for k, v in b["calls"].items()}
    return calls.get(pid, 0)


def work(seconds: float = 0.02) -> None:
    """Use the processor."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


@case("links/perf-event/frequency", **NEEDS)
def test_a_clock_samples_what_runs() -> None:
    """attach_perf_event with a frequency samples every CPU, so also this process as it works."""
    with BPF(text=COUNTING) as b:
        b.attach_perf_event(
            ev_type=PerfType.SOFTWARE, ev_config=PerfSWConfig.CPU_CLOCK, fn_name="count",
            sample_freq=999,
        )  # fmt: skip
        assert until(lambda: calls_of(b, os.getpid()) >= 5, work)
        b.detach_perf_event(PerfType.SOFTWARE, PerfSWConfig.CPU_CLOCK)
        before = calls_of(b, os.getpid())
        work(0.1)
        assert calls_of(b, os.getpid()) == before
        with pytest.raises(Exception, match="not attached"):
            b.detach_perf_event(PerfType.SOFTWARE, PerfSWConfig.CPU_CLOCK)


@case("links/perf-event/period", **NEEDS)
def test_every_event_of_a_period_calls_the_program() -> None:
    """With period 1 each page fault of this process calls the program."""
    pages = 40
    with BPF(text=COUNTING) as b:
        b.attach_perf_event(
            ev_type=PerfType.SOFTWARE, ev_config=PerfSWConfig.PAGE_FAULTS_MIN, fn_name="count",
            sample_period=1, pid=os.getpid(),
        )  # fmt: skip
        touch(pages)
        assert calls_of(b, os.getpid()) >= pages
        assert [k.value for k, _ in b["calls"].items()] == [os.getpid()]


def touch(pages: int) -> None:
    """Write to fresh pages, each a fault."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    private_anonymous, read_write, no_huge_pages = 0x22, 3, 15
    size = pages * 4096
    at = libc.mmap(None, size, read_write, private_anonymous, -1, 0)
    libc.madvise(ctypes.c_void_p(at), ctypes.c_size_t(size), no_huge_pages)
    for page in range(pages):
        ctypes.memset(at + page * 4096, 1, 1)
    libc.munmap(at, size)


@case("links/perf-event/context", **{**NEEDS, "kernel": "4.9"})
def test_the_context_tells_the_period() -> None:
    """ctx->sample_period is the period that was asked for."""
    with BPF(text=COUNTING) as b:
        b.attach_perf_event(
            ev_type=PerfType.SOFTWARE, ev_config=PerfSWConfig.CPU_CLOCK, fn_name="period",
            sample_period=1_000_000, cpu=0,
        )  # fmt: skip
        os.sched_setaffinity(0, {0})
        try:
            assert until(lambda: calls_of(b, 0) > 0, work)
        finally:
            os.sched_setaffinity(0, set(System.live().facts.online_cpu_list))
        assert calls_of(b, 0) >= 1_000_000


@case("links/perf-event/group", **NEEDS)
def test_an_event_joins_a_group() -> None:
    """group_fd= puts the event under another one: it counts when that one is enabled."""
    system = System.live()
    leader = PerfEvent(type=OurPerfType.SOFTWARE, config=PerfSw.TASK_CLOCK, disabled=True)
    with (
        system.syscalls.perf_event_open(leader, os.getpid(), 0) as fd,
        BPF(text=COUNTING) as b,
    ):
        b.attach_perf_event(
            ev_type=PerfType.SOFTWARE, ev_config=PerfSWConfig.PAGE_FAULTS, fn_name="count",
            sample_period=1, pid=os.getpid(), cpu=0, group_fd=fd.fileno(),
        )  # fmt: skip
        os.sched_setaffinity(0, {0})
        try:
            touch(10)
            assert calls_of(b, os.getpid()) == 0
            system.syscalls.perf_event_enable(fd.fileno())
            touch(10)
        finally:
            os.sched_setaffinity(0, set(system.facts.online_cpu_list))
        assert calls_of(b, os.getpid()) >= 10


@case("links/perf-event/inherit", **NEEDS)
def test_processes_started_later_are_seen_with_inherit() -> None:
    """inherit= counts in what the process starts; without it only in the process."""
    code = "import sys; sys.stdin.read(1); x = [bytearray(4096) for _ in range(500)]"
    for inherit in (True, False):
        with BPF(text=COUNTING) as b:
            b.attach_perf_event(
                PerfType.SOFTWARE, PerfSWConfig.PAGE_FAULTS, "count", sample_period=1,
                pid=os.getpid(), inherit=inherit,
            )  # fmt: skip
            child = subprocess.Popen([sys.executable, "-S", "-c", code], stdin=subprocess.PIPE)
            child.communicate(b".")
            assert (calls_of(b, child.pid) > 0) is inherit


@case("links/perf-event/hardware", **NEEDS)
def test_hardware_counts_or_says_that_it_is_not_there() -> None:
    """A hardware event calls the program where there are counters, else AttachError says so."""
    with BPF(text=COUNTING) as b:
        if has_hardware():
            b.attach_perf_event(PerfType.HARDWARE, PerfHWConfig.CPU_CYCLES, "count", 100_000)
            assert until(lambda: calls_of(b, os.getpid()) > 0, work)
            return
        with pytest.raises(AttachError, match=r"CPU_CYCLES.*does not have.*CPU_CLOCK"):
            b.attach_perf_event(PerfType.HARDWARE, PerfHWConfig.CPU_CYCLES, "count", 100_000)


def has_hardware() -> bool:
    """Whether this machine counts cycles."""
    system = System.live()
    event = PerfEvent(
        type=OurPerfType.HARDWARE, config=PerfHw.CPU_CYCLES, sample_period=100_000, disabled=True
    )
    try:
        system.syscalls.perf_event_open(event, -1, 0).close()
    except SyscallError:
        return False
    return True


@case("links/perf-event/raw", **NEEDS)
def test_an_event_is_described_by_the_kernels_structure() -> None:
    """attach_perf_event_raw takes any structure with the members of perf_event_attr."""

    class Attr(ctypes.Structure):
        _fields_ = (
            ("type", ctypes.c_uint32), ("config", ctypes.c_uint64),
            ("sample_period", ctypes.c_uint64), ("freq", ctypes.c_uint64, 1),
        )  # fmt: skip

    attr = Attr(type=PerfType.SOFTWARE, config=PerfSWConfig.PAGE_FAULTS, sample_period=1)
    with BPF(text=COUNTING) as b:
        b.attach_perf_event_raw(attr, fn_name="count", pid=os.getpid())
        touch(10)
        assert calls_of(b, os.getpid()) >= 10


@case("links/perf-event/contract", **NEEDS)
def test_a_perf_event_link_keeps_the_contract() -> None:
    """Links of perf events close, close twice, and are detached when they are dropped."""
    with load(COUNTING, name="contract.c") as collection:
        program = collection.load_program("count", ProgType.PERF_EVENT)
        check_link(
            lambda: attach_perf_event(
                collection.system, program, OurPerfType.SOFTWARE, PerfSw.CPU_CLOCK, frequency=10
            )
        )


@case("links/perf-event/errors", **NEEDS)
def test_what_cannot_be_attached_is_explained() -> None:
    """No period, an event that does not exist, a process that has ended: each is told."""
    limit = int(Path("/proc/sys/kernel/perf_event_max_sample_rate").read_text())
    with load(COUNTING, name="errors.c") as collection:
        program = collection.load_program("count", ProgType.PERF_EVENT)
        software, clock = OurPerfType.SOFTWARE, PerfSw.CPU_CLOCK
        with pytest.raises(AttachError, match="a period or a frequency"):
            program.attach_perf_event(software, clock)
        with pytest.raises(AttachError, match="does not have the event"):
            program.attach_perf_event(software, 4711, period=1)
        with pytest.raises(AttachError, match="no process 4194000"):
            program.attach_perf_event(software, clock, period=1, pid=4194000)
        with pytest.raises(AttachError, match=f"at most {limit} times"):
            program.attach_perf_event(software, clock, frequency=limit + 1)


@case("links/perf-event/bcc-errors", **NEEDS)
def test_bccs_method_takes_what_bccs_takes() -> None:
    """attach_perf_event refuses what is for other methods, and a period beside a frequency."""
    with BPF(text=COUNTING) as b:
        for ev_type, ev_config in ((PerfType.TRACEPOINT, 1), (PerfType.BREAKPOINT, 0), (1, 10)):
            with pytest.raises(Exception, match="Failed to attach BPF to perf event"):
                b.attach_perf_event(ev_type, ev_config, "count", sample_period=1)
        for period, frequency in ((0, 0), (1, 1)):
            with pytest.raises(Exception, match="exactly one"):
                b.attach_perf_event(PerfType.SOFTWARE, 0, "count", period, frequency)
