"""Uprobes and uretprobes: bcc's methods, and our own links."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bpfkit import BPF
from bpfkit.collection import load
from bpfkit.errors import AttachError
from bpfkit.features.probe import Features, Support
from bpfkit.links.binary import Binary
from bpfkit.links.uprobe import attach_uprobe
from bpfkit.links.uprobe_multi import attach_uprobe_multi
from bpfkit.links.usdt import read_sites
from bpfkit.system import System
from bpfkit.uapi.bpf import ProgType
from conformance.case import case
from conformance.libbpf import HEAD, stored
from conformance.targets import BINARIES, path_of, running
from conformance.triggers import nap, until
from tests.contracts.links import check_link

NEEDS = {"kernel": "4.17", "config": "UPROBE_EVENTS", "arch": "x86_64"}
MULTI = {
    "kernel": "6.6", "feature": "link/uprobe_multi", "config": "UPROBE_EVENTS", "arch": "x86_64",
}  # fmt: skip
PERF_LINK = {**NEEDS, "kernel": "5.15", "feature": "link/perf_event"}

COUNTING = """
#include <uapi/linux/ptrace.h>
BPF_HASH(calls, u32, u64);
int count(struct pt_regs *ctx) {
    u32 pid = bpf_get_current_pid_tgid() >> 32;
    calls.increment(pid);
    return 0;
}
int first(struct pt_regs *ctx, int a, int b) {
    u32 key = 0xF0000000;
    u64 value = a * 1000 + b;
    calls.update(&key, &value);
    return 0;
}
int result(struct pt_regs *ctx) {
    u32 key = 0xF0000001;
    u64 value = PT_REGS_RC(ctx);
    calls.update(&key, &value);
    return 0;
}
"""
ARGUMENTS, RESULT = 0xF0000000, 0xF0000001


def seen(b: BPF, key: int) -> int:
    """What a program stored under a key, 0 for nothing."""
    found: dict[int, int] = {k.value: v.value for k, v in b["calls"].items()}
    return found.get(key, 0)


@case("links/uprobe/symbol", **NEEDS)
def test_a_symbol_is_probed_in_every_process() -> None:
    """attach_uprobe by symbol counts the calls of a function, in each process that runs it."""
    with BPF(text=COUNTING) as b, running() as one, running() as two:
        b.attach_uprobe(name=path_of("pie"), sym="add", fn_name="count")
        assert b.num_open_uprobes() == 1
        one.rounds(3)
        two.rounds(2)
        assert (seen(b, one.pid), seen(b, two.pid)) == (3, 2)
        b.detach_uprobe(name=path_of("pie"), sym="add")
        assert b.num_open_uprobes() == 0
        with pytest.raises(Exception, match=r"Uprobe p_.*_pie_0x\w+ is not attached"):
            b.detach_uprobe(name=path_of("pie"), sym="add")
        one.rounds(3)
        assert seen(b, one.pid) == 3


@case("links/uprobe/binary/", **NEEDS)
@pytest.mark.parametrize("binary", ["pie", "fixed", "stripped", "mini"])
def test_a_static_function_is_found_in_every_kind_of_binary(binary: str) -> None:
    """A static function is probed in PIE and non-PIE files, with its symbols in a file that a debug
    link names, or in .gnu_debugdata.
    """
    with BPF(text=COUNTING) as b, running(binary) as target:
        b.attach_uprobe(name=path_of(binary), sym="hidden_twice", fn_name="count")
        target.rounds(4)
        assert seen(b, target.pid) == 4


@case("links/uprobe/address/", **NEEDS)
@pytest.mark.parametrize("binary", ["pie", "fixed"])
def test_an_address_is_probed(binary: str) -> None:
    """attach_uprobe(addr=) takes the virtual address that disassemblers show."""
    ((_, address),) = BPF.get_user_functions_and_addresses(path_of(binary), "add$")
    with BPF(text=COUNTING) as b, running(binary) as target:
        b.attach_uprobe(name=path_of(binary), addr=address, fn_name="count")
        target.rounds(2)
        assert seen(b, target.pid) == 2
        b.detach_uprobe(name=path_of(binary), addr=address)
        target.rounds(2)
        assert seen(b, target.pid) == 2


@case("links/uprobe/offset", **NEEDS)
def test_an_offset_into_a_function_is_probed() -> None:
    """sym_off counts bytes behind the symbol: here the function behind it."""
    addresses = {n: a for n, a in BPF.get_user_functions_and_addresses(path_of("pie"), "step_")}
    distance = addresses[b"step_two"] - addresses[b"step_one"]
    assert distance > 0
    with BPF(text=COUNTING) as b, running() as target:
        b.attach_uprobe(name=path_of("pie"), sym="step_one", sym_off=distance, fn_name="count")
        target.rounds(2)
        assert seen(b, target.pid) == 2
        b.detach_uprobe(name=path_of("pie"), sym="step_one", sym_off=distance)


@case("links/uprobe/pid", **NEEDS)
def test_one_process_is_probed() -> None:
    """With pid= only that process is seen."""
    with BPF(text=COUNTING) as b, running() as one, running() as two:
        b.attach_uprobe(name=path_of("pie"), sym="add", fn_name="count", pid=one.pid)
        one.rounds(2)
        two.rounds(2)
        assert (seen(b, one.pid), seen(b, two.pid)) == (2, 0)
        b.detach_uprobe(name=path_of("pie"), sym="add", pid=one.pid)


@case("links/uprobe/pattern", **NEEDS)
def test_every_symbol_that_a_pattern_matches_is_probed() -> None:
    """sym_re probes each function that it matches; they are detached one by one."""
    assert BPF.get_user_functions(path_of("pie"), "step_") == {b"step_one", b"step_two"}
    with BPF(text=COUNTING) as b, running() as target:
        b.attach_uprobe(name=path_of("pie"), sym_re="step_", fn_name="count")
        assert b.num_open_uprobes() == 2
        target.rounds(3)
        assert seen(b, target.pid) == 6
        b.detach_uprobe(name=path_of("pie"), sym="step_one")
        assert b.num_open_uprobes() == 1
        target.rounds(3)
        assert seen(b, target.pid) == 9


@case("links/uprobe/arguments", **NEEDS)
def test_parameters_are_the_functions_arguments() -> None:
    """Parameters after ctx are the function's own arguments, and PT_REGS_RC is its result."""
    with BPF(text=COUNTING) as b, running() as target:
        b.attach_uprobe(name=path_of("pie"), sym="add", fn_name="first", pid=target.pid)
        b.attach_uretprobe(name=path_of("pie"), sym="add", fn_name="result", pid=target.pid)
        target.rounds(5)
        assert seen(b, ARGUMENTS) == 4001
        assert seen(b, RESULT) == 5
        b.detach_uretprobe(name=path_of("pie"), sym="add", pid=target.pid)
        target.rounds(1)
        assert (seen(b, ARGUMENTS), seen(b, RESULT)) == (5001, 5)


@case("links/uprobe/return-pattern", **NEEDS)
def test_returns_of_a_pattern_are_probed() -> None:
    """attach_uretprobe takes a pattern, too."""
    with BPF(text=COUNTING) as b, running() as target:
        b.attach_uretprobe(name=path_of("pie"), sym_re="step_(one|two)$", fn_name="count")
        target.rounds(2)
        assert seen(b, target.pid) == 4


@case("links/uprobe/library", **NEEDS)
def test_a_library_is_named_as_bcc_names_it() -> None:
    """``name="c"`` is libc, and a function chosen as it is loaded (IFUNC) is the one that runs."""
    libc = ctypes.CDLL(None)
    text = COUNTING.replace("int count(", "int count_mine(").replace(
        "calls.increment(pid);", f"if (pid == {os.getpid()}) calls.increment(pid);"
    )
    with BPF(text=text) as b:
        b.attach_uprobe(name="c", sym="abs", fn_name="count_mine", pid=os.getpid())
        b.attach_uretprobe(name="c", sym="labs", fn_name="result", pid=os.getpid())
        for _ in range(3):
            libc.abs(-1)
        libc.labs(ctypes.c_long(-77))
        assert (seen(b, os.getpid()), seen(b, RESULT)) == (3, 77)
        b.attach_uprobe(name="c", sym="strlen", fn_name="count_mine")
        before = seen(b, os.getpid())
        libc.strlen(b"four")
        assert seen(b, os.getpid()) > before


@case("links/uprobe/find", **NEEDS)
def test_programs_and_libraries_are_found() -> None:
    """find_library and find_exe give paths that exist, or None."""
    library, program = BPF.find_library("c"), BPF.find_exe("sh")
    assert library is not None
    assert program is not None
    assert Path(os.fsdecode(library)).exists()
    assert Path(os.fsdecode(program)).exists()
    assert BPF.find_library("c", os.getpid()) is not None
    assert BPF.find_library("no_such_library") is None
    assert BPF.find_exe("no_such_program") is None


@case("links/uprobe/container", **NEEDS)
def test_a_file_inside_a_container_is_probed() -> None:
    """With pid= a path is the one that the process knows, in its own file system."""
    with (
        tempfile.TemporaryDirectory() as folder,
        _inside(Path(folder)) as pid,
        BPF(text=COUNTING) as b,
    ):
        b.attach_uprobe(name="/hidden/target", sym="add", fn_name="count", pid=pid)
        Path(folder, "go").write_text("x")
        assert until(lambda: seen(b, pid) == 1, lambda: nap(0.01))


@contextlib.contextmanager
def _inside(folder: Path) -> Iterator[int]:
    """A process with a root of its own, where /hidden/target is; it runs a round when told."""
    (folder / "hidden").mkdir()
    shutil.copy(BINARIES / "pie", folder / "hidden/target")
    code = (
        f"import os, time; os.chroot({str(folder)!r}); os.chdir('/')\n"
        "print('ready', flush=True)\n"
        "r, w = os.pipe()\n"
        "os.dup2(r, 0); os.close(r)\n"
        "while not os.path.exists('/go'): time.sleep(0.01)\n"
        "os.write(w, b'.'); os.close(w)\n"
        "os.execv('/hidden/target', ['target'])\n"
    )
    with subprocess.Popen([sys.executable, "-S", "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        try:
            yield process.pid
        finally:
            process.kill()


@case("links/uprobe/errors/", **NEEDS)
@pytest.mark.parametrize(
    ("symbol", "address", "expected"),
    [
        pytest.param("ad", None, r"no function 'ad'", id="missing"),
        pytest.param("step_onn", None, r"did you mean 'step_one'", id="near"),
        pytest.param("", 0x7FFF0000, r"in no part of the file", id="outside"),
    ],
)
def test_a_place_that_is_none_is_explained(symbol: str, address: int | None, expected: str) -> None:
    """A symbol or address that cannot be probed gives AttachError with what would do."""
    with BPF(text=COUNTING) as b, pytest.raises(AttachError, match=expected):
        b.attach_uprobe(name=path_of("pie"), sym=symbol, addr=address, fn_name="count")


@case("links/uprobe/data", **NEEDS)
def test_data_is_not_probed() -> None:
    """An address, or a symbol, of data gives AttachError that says where code is."""
    with BPF(text=COUNTING) as b, pytest.raises(AttachError, match=r"data, not code; code is at"):
        b.attach_uprobe(name=path_of("pie"), sym="in_memory", fn_name="count")


@case("links/uprobe/no-binary", **NEEDS)
def test_a_binary_that_is_none_is_explained() -> None:
    """A library that is not there, a text file and a stripped file are told apart."""
    with BPF(text=COUNTING) as b:
        with pytest.raises(AttachError, match="no such library"):
            b.attach_uprobe(name="no_such_library", sym="f", fn_name="count")
        with pytest.raises(AttachError, match="not an ELF file"):
            b.attach_uprobe(name=path_of("target.c"), sym="f", fn_name="count")
        with pytest.raises(AttachError, match="ENOENT"):
            b.attach_uprobe(name="/no/such/file", sym="f", fn_name="count")


# ---------------------------------------------------------------- our own links


def counting(section: str, body: str = "") -> str:
    """A program of libbpf's dialect that counts per process, in a global."""
    return f"""
    {HEAD.format(results=8)}
    int target;
    SEC("{section}") int program(struct pt_regs *ctx) {{
        if (target && (bpf_get_current_pid_tgid() >> 32) != target)
            return 0;
        out[0]++;
        {body}
        return 0;
    }}
    """


@case("links/uprobe/contract", **NEEDS)
def test_a_uprobe_link_keeps_the_contract() -> None:
    """Links of uprobes close, close twice, and are detached when they are dropped."""
    with load(COUNTING) as collection:
        program = collection.load_program("count", ProgType.KPROBE)
        check_link(lambda: attach_uprobe(collection.system, program, path_of("pie"), "add"))


@case("links/uprobe/section", **NEEDS)
def test_a_section_says_what_to_probe() -> None:
    """``SEC("uprobe/PATH:SYMBOL")`` attaches with program.attach(), until the link is closed."""
    with load(counting(f"uprobe/{path_of('pie')}:add")) as collection, running() as target:
        program = collection.load_program("program")
        with program.attach():
            target.rounds(3)
        target.rounds(2)
        assert stored(collection)[:1] == [3]


@case("links/uprobe/cookie", **PERF_LINK)
def test_a_cookie_is_what_the_program_gets() -> None:
    """cookie= is what bpf_get_attach_cookie() returns, and link.info() names the program."""
    text = counting("uprobe", "out[1] = bpf_get_attach_cookie(ctx);")
    with load(text) as collection, running() as target:
        program = collection.load_program("program")
        with program.attach_uprobe(path_of("pie"), "add", pid=target.pid, cookie=4711) as link:
            target.rounds(1)
            assert stored(collection)[:2] == [1, 4711]
            assert link.info().prog_id == program.info().id


@case("links/uprobe/semaphore", **{**NEEDS, "kernel": "4.20"})
def test_a_semaphore_is_raised_while_the_probe_is_there() -> None:
    """semaphore= raises a counter in the program: what it guards runs only meanwhile."""
    (site,) = [s for s in read_sites(Binary("pie", BINARIES / "pie")) if s.name == "guarded"]
    with load(counting("uprobe")) as collection, running() as target:
        program = collection.load_program("program")
        with program.attach_uprobe(path_of("pie"), address=site.spot.address):
            target.rounds(2)
            assert stored(collection)[:1] == [0]
        with program.attach_uprobe(
            path_of("pie"), address=site.spot.address, semaphore=site.semaphore
        ):
            target.rounds(2)
            assert stored(collection)[:1] == [2]


@case("links/uprobe-multi/pattern", **MULTI)
def test_many_functions_are_probed_by_one_link() -> None:
    """uprobe.multi attaches to all functions of a pattern at once, with a cookie for each."""
    text = counting("uprobe.multi", "out[bpf_get_attach_cookie(ctx) & 7]++;")
    with load(text) as collection, running() as target:
        program = collection.load_program("program")
        with program.attach_uprobe_multi(
            path_of("pie"), ["step_one", "step_two"], cookies=[3, 4], pid=target.pid
        ):
            target.rounds(2)
            assert stored(collection)[:5] == [4, 0, 0, 2, 2]
        with program.attach_uprobe_multi(path_of("pie"), pattern="step_"):
            target.rounds(1)
        assert stored(collection)[:5][0] == 8  # the program adds to it twice
        check_link(
            lambda: attach_uprobe_multi(collection.system, program, path_of("pie"), pattern="step_")
        )


@case("links/uprobe-multi/return", **MULTI)
def test_returns_of_many_functions_are_probed_by_one_link() -> None:
    """uretprobe.multi sees results, by section with a pattern of the shell's."""
    text = counting(f"uretprobe.multi/{path_of('pie')}:step_t*", "out[1] = PT_REGS_RC(ctx);")
    with load(text) as collection, running() as target:
        target.rounds(3)
        with collection.load_program("program").attach():
            target.rounds(1)
        assert stored(collection)[:2] == [1, 6]


@case("links/uprobe-multi/fallback", **NEEDS)
def test_many_functions_are_probed_without_uprobe_multi() -> None:
    """Where there is no uprobe.multi, attach_uprobe_multi makes a probe for each function."""
    live = System.live()
    old = System(live.syscalls, live.facts, Features({"link/uprobe_multi": lambda: Support.NO}))
    with load(counting("uprobe")) as collection, running() as target:
        program = collection.load_program("program")
        with attach_uprobe_multi(old, program, path_of("pie"), pattern="step_"):
            target.rounds(2)
        target.rounds(2)
        assert stored(collection)[:1] == [4]


@case("links/uprobe-session/both-ends", **{**MULTI, "kernel": "6.13", "feature": ""})
def test_a_session_sees_entry_and_return() -> None:
    """uprobe.session calls one program at entry and at return, and hands a cookie over."""
    text = f"""
    {HEAD.format(results=8)}
    extern bool bpf_session_is_return(void *ctx) __ksym;
    SEC("uprobe.session/{path_of("pie")}:add") int program(struct pt_regs *ctx) {{
        if (bpf_session_is_return(ctx))
            out[1]++;
        else
            out[0]++;
        return 0;
    }}
    """
    with load(text) as collection, running() as target:
        with collection.load_program("program").attach():
            target.rounds(3)
        assert stored(collection)[:2] == [3, 3]
