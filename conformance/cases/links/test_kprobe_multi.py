"""kprobes by pattern, many at once, and our own links of kprobes."""

from __future__ import annotations

import contextlib
import os
import re

import pytest

from bpfkit import BPF
from bpfkit.collection import load
from bpfkit.errors import AttachError
from bpfkit.features.probe import Features, Support
from bpfkit.links.base import Method
from bpfkit.links.kernel_functions import kernel_functions
from bpfkit.links.kprobe import attach_kprobe
from bpfkit.links.kprobe_multi import attach_kprobe_multi
from bpfkit.links.ksyscall import syscall_function
from bpfkit.system import System
from bpfkit.uapi.bpf import ProgType
from conformance.case import case
from conformance.libbpf import HEAD, stored
from conformance.triggers import getpid_calls
from tests.contracts.links import check_link

NEEDS = {"kernel": "4.1", "config": "KPROBES"}
MULTI = {"kernel": "5.18", "feature": "link/kprobe_multi", "config": "FPROBE"}

COUNT_MINE = """
#include <uapi/linux/ptrace.h>
BPF_HASH(calls, u64, u64);
int count(struct pt_regs *ctx) {
    if ((bpf_get_current_pid_tgid() >> 32) != PID)
        return 0;
    u64 one = 1;
    calls.increment(one);
    return 0;
}
"""


def mine() -> list[str]:
    """Compiler flags that tell a program this process."""
    return [f"-DPID={os.getpid()}"]


def called(b: BPF) -> int:
    """How often the program ran."""
    calls: dict[int, int] = {k.value: v.value for k, v in b["calls"].items()}
    return calls.get(1, 0)


# Three system calls that nothing else calls in the kernel, and that change nothing.
FIRST, SECOND, THIRD = "getpgid", "getsid", "getpriority"


def functions(*names: str) -> list[str]:
    """The kernel's functions of system calls."""
    return [syscall_function(System.live(), name) for name in names]


def any_of(*names: str) -> str:
    """A pattern for the kernel's functions of system calls."""
    return "|".join(functions(*names))


def call(*names: str) -> None:
    """Make system calls."""
    calls = {
        FIRST: lambda: os.getpgid(0),
        SECOND: lambda: os.getsid(0),
        THIRD: lambda: os.getpriority(os.PRIO_PROCESS, 0),
    }
    for name in names:
        calls[name]()


@case("links/kprobe/pattern", **NEEDS)
def test_every_function_that_a_pattern_matches_is_probed() -> None:
    """event_re probes each function whose whole name matches; they are counted and detached one by
    one.
    """
    first, second, third = functions(FIRST, SECOND, THIRD)
    pattern = f"{first}|{second}|{third}|nothing"
    assert BPF.get_kprobe_functions(pattern) == {f.encode() for f in (first, second, third)}
    with BPF(text=COUNT_MINE, cflags=mine()) as b:
        b.attach_kprobe(event_re=pattern, fn_name="count")
        assert b.num_open_kprobes() == 3
        call(FIRST, SECOND, SECOND, THIRD)
        assert called(b) == 4
        b.detach_kprobe(second)
        call(FIRST, SECOND, THIRD)
        assert called(b) == 6
        b.detach_kprobe(first)
        b.detach_kprobe(third)
        call(FIRST, SECOND, THIRD)
        assert called(b) == 6


@case("links/kretprobe/pattern", **NEEDS)
def test_returns_of_a_pattern_are_probed() -> None:
    """attach_kretprobe takes a pattern, too, and sees what functions return."""
    text = COUNT_MINE.replace("u64 one = 1;", "u64 one = PT_REGS_RC(ctx) == PGID ? 1 : 2;")
    flags = [*mine(), f"-DPGID={os.getpgid(0)}"]
    with BPF(text=text, cflags=flags) as b:
        b.attach_kretprobe(event_re=any_of(FIRST, THIRD), fn_name="count")
        call(FIRST, THIRD, FIRST)
        assert called(b) == 2


@case("links/kprobe/pattern-of-nothing", **NEEDS)
def test_a_pattern_that_matches_nothing_is_an_error() -> None:
    """event_re that matches no function raises, and says how to list candidates."""
    with BPF(text=COUNT_MINE, cflags=mine()) as b, pytest.raises(AttachError, match="matches"):
        b.attach_kprobe(event_re="no_such_function_.*", fn_name="count")


@case("links/kprobe/quota", **NEEDS)
def test_the_quota_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """BCC_PROBE_LIMIT bounds how many probes an object has."""
    monkeypatch.setenv("BCC_PROBE_LIMIT", "2")
    with BPF(text=COUNT_MINE, cflags=mine()) as b:
        with pytest.raises(Exception, match="quota"):
            b.attach_kprobe(event_re=any_of(FIRST, SECOND, THIRD), fn_name="count")
        first, second, third = functions(FIRST, SECOND, THIRD)
        b.attach_kprobe(event=first, fn_name="count")
        b.attach_kprobe(event=second, fn_name="count")
        with pytest.raises(Exception, match="quota"):
            b.attach_kprobe(event=third, fn_name="count")


@case("links/kprobe/stack-by-pattern", **{**NEEDS, "kernel": "4.18"})
def test_stacks_are_whole_in_probes_by_pattern() -> None:
    """bpf_get_stack in a program attached by pattern gives the path that led to the function."""
    text = """
    #include <uapi/linux/ptrace.h>
    struct stack_t { u64 ip[6]; };
    BPF_HASH(stacks, u32, struct stack_t);
    int on_call(struct pt_regs *ctx) {
        u32 pid = bpf_get_current_pid_tgid() >> 32;
        struct stack_t stack = {};
        bpf_get_stack(ctx, &stack, sizeof(stack), 0);
        stacks.update(&pid, &stack);
        return 0;
    }
    """
    with BPF(text=text) as b:
        b.attach_kprobe(event_re=any_of(FIRST, SECOND), fn_name="on_call")
        call(FIRST)
        stacks = {k.value: list(v.ip) for k, v in b["stacks"].items()}
        names = [b.ksym(address).decode() for address in stacks[os.getpid()] if address]
    assert names[0] == functions(FIRST)[0]
    assert len(names) >= 3
    assert any("syscall" in name for name in names[1:])


@case("links/kprobe/offset", **NEEDS)
def test_an_instruction_inside_a_function_is_probed() -> None:
    """event_off counts bytes into the function; where no instruction begins, that is told."""
    (function,) = functions(FIRST)
    with BPF(text=COUNT_MINE, cflags=mine()) as b:
        with pytest.raises(AttachError, match="0x100000 bytes into the function"):
            b.attach_kprobe(event=function, event_off=0x100000, fn_name="count")
        # Where instructions begin depends on the kernel: one of the first bytes is such a place.
        for offset in range(1, 16):
            with contextlib.suppress(AttachError):
                b.attach_kprobe(event=function, event_off=offset, fn_name="count")
                break
        call(FIRST)
        assert called(b) == 1


@case("links/kretprobe/maxactive", **NEEDS)
def test_maxactive_leaves_no_entry_behind() -> None:
    """maxactive= goes through tracefs, and its entry is gone after the detach."""
    entries = System.live().facts.tracefs.path / "kprobe_events"
    before = entries.read_text()
    (function,) = functions(FIRST)
    with BPF(text=COUNT_MINE, cflags=mine()) as b:
        b.attach_kretprobe(event=function, fn_name="count", maxactive=7)
        assert "r7:kprobes/" in entries.read_text()
        call(FIRST)
        assert called(b) == 1
        b.detach_kretprobe(function)
        assert entries.read_text() == before


@case("links/kprobe/contract", **NEEDS)
def test_a_kprobe_link_keeps_the_contract() -> None:
    """Links of kprobes close, close twice, and are detached when they are dropped."""
    with load(COUNT_MINE, cflags=mine()) as collection:
        program = collection.load_program("count", ProgType.KPROBE)
        check_link(lambda: attach_kprobe(collection.system, program, "vfs_mkdir"))
        check_link(
            lambda: attach_kprobe(
                collection.system, program, "vfs_mkdir", retprobe=True, maxactive=3
            )
        )


# ---------------------------------------------------------------- our own links


def libbpf_text(section: str, body: str = "") -> str:
    """A program of libbpf's dialect that counts the calls of this process."""
    return f"""
    {HEAD.format(results=8)}
    SEC("{section}") int program(struct pt_regs *ctx) {{
        if ((bpf_get_current_pid_tgid() >> 32) != {os.getpid()})
            return 0;
        out[0]++;
        {body}
        return 0;
    }}
    """


@case("links/ksyscall/section", **NEEDS)
def test_a_system_call_is_probed_by_its_name() -> None:
    """``SEC("ksyscall/NAME")`` and kretsyscall find the function behind a system call."""
    for section in ("ksyscall/getpgid", "kretsyscall/getpgid"):
        with load(libbpf_text(section), name="case.bpf.c") as collection:
            with collection.load_program("program").attach():
                getpid_calls(3)
            getpid_calls(2)
            assert stored(collection)[0] == 3


@case("links/kprobe/link", kernel="5.15", feature="link/perf_event", config="KPROBES")
def test_a_kprobe_link_is_the_kernels() -> None:
    """A kprobe's link has information, a cookie, a name in a BPF file system, and that outlives
    what made it.
    """
    text = libbpf_text("kprobe", "out[1] = bpf_get_attach_cookie(ctx);")
    with load(text, name="case.bpf.c") as collection:
        program = collection.load_program("program")
        function = syscall_function(collection.system, "getpgid")
        link = program.attach_kprobe(function, cookie=99)
        getpid_calls(2)
        assert link.info().prog_id == program.info().id
        assert stored(collection)[:2] == [2, 99]


@case("links/kprobe-multi/functions", **MULTI)
def test_many_functions_are_probed_by_one_link() -> None:
    """kprobe.multi attaches to functions by name or by address, each with a cookie."""
    text = libbpf_text("kprobe.multi", "out[bpf_get_attach_cookie(ctx) & 7]++;")
    names = functions(FIRST, SECOND)
    with load(text, name="case.bpf.c") as collection:
        program = collection.load_program("program")
        with program.attach_kprobe_multi(names, cookies=[3, 4]) as link:
            assert link.info().prog_id == program.info().id
            call(FIRST, SECOND, FIRST)
            assert stored(collection)[:5] == [3, 0, 0, 2, 1]
        (address,) = collection.system.facts.kallsyms.addresses(names[1])
        with program.attach_kprobe_multi([address], cookies=[5]):
            call(FIRST, SECOND)
        assert stored(collection)[:6] == [4, 0, 0, 2, 1, 1]
        pattern = any_of(FIRST, SECOND)
        check_link(lambda: attach_kprobe_multi(collection.system, program, pattern=pattern))


@case("links/kprobe-multi/hundred", **MULTI)
def test_a_hundred_functions_are_one_system_call() -> None:
    """A pattern of a hundred functions is attached by one link, and closed by one."""
    text = libbpf_text("kprobe.multi")
    with load(text, name="case.bpf.c") as collection:
        program = collection.load_program("program")
        wanted = kernel_functions(collection.system, re.compile(rb"(vfs|tcp|ip|udp)_.*"))
        names = sorted({f.name for f in wanted})[:150]
        assert len(names) >= 100
        pattern = "|".join([*functions(FIRST), *names])
        with program.attach_kprobe_multi(pattern=pattern) as link:
            assert link.method is Method.LINK
            call(FIRST)
            assert stored(collection)[0] >= 1


@case("links/kprobe-multi/section", **MULTI)
def test_a_section_has_a_pattern() -> None:
    """``SEC("kretprobe.multi/PATTERN")`` attaches to what the pattern matches, at its return."""
    (function,) = functions(FIRST)
    text = libbpf_text(f"kretprobe.multi/{function[:-3]}*", "out[1] = PT_REGS_RC(ctx);")
    with load(text, name="case.bpf.c") as collection:
        with collection.load_program("program").attach():
            call(FIRST, FIRST)
        call(FIRST)
        assert stored(collection)[:2] == [2, os.getpgid(0)]


@case("links/kprobe-multi/errors", **MULTI)
def test_a_function_that_cannot_be_probed_is_named() -> None:
    """One wrong name among many gives AttachError that names it, and what is near."""
    with load(libbpf_text("kprobe.multi"), name="case.bpf.c") as collection:
        program = collection.load_program("program")
        with pytest.raises(AttachError, match=r"'vfs_mkdri'.*vfs_mkdir"):
            program.attach_kprobe_multi(["vfs_read", "vfs_mkdri"])
        with pytest.raises(AttachError, match="matches"):
            program.attach_kprobe_multi(pattern="no_such_.*")
    with load(libbpf_text("kprobe"), name="other.bpf.c") as collection:
        program = collection.load_program("program")
        with pytest.raises(AttachError, match="must be loaded for it"):
            program.attach_kprobe_multi(["vfs_read"])


@case("links/kprobe-multi/fallback", **NEEDS)
def test_many_functions_are_probed_without_kprobe_multi() -> None:
    """Where there is no kprobe.multi, attach_kprobe_multi makes a probe for each function."""
    live = System.live()
    old = System(live.syscalls, live.facts, Features({"link/kprobe_multi": lambda: Support.NO}))
    with load(libbpf_text("kprobe"), name="case.bpf.c") as collection:
        program = collection.load_program("program")
        with attach_kprobe_multi(old, program, pattern=any_of(FIRST, SECOND)):
            call(FIRST, SECOND)
        call(FIRST)
        assert stored(collection)[0] == 2


@case("links/kprobe-session/both-ends", kernel="6.10", config="FPROBE")
def test_a_session_sees_entry_and_return() -> None:
    """kprobe.session calls one program at entry and at return."""
    (function,) = functions(FIRST)
    # The function takes the context since Linux 7.0; before, it does not look at what it is given.
    declared = "extern bool bpf_session_is_return(void *ctx) __ksym;\n"
    body = "out[bpf_session_is_return(ctx) ? 2 : 1]++;"
    text = libbpf_text(f"kprobe.session/{function}", body)
    text = text.replace('SEC("kprobe', f'{declared} SEC("kprobe', 1)
    with load(text, name="case.bpf.c") as collection:
        with collection.load_program("program").attach():
            call(FIRST, FIRST)
        assert stored(collection)[:3] == [4, 2, 2]
