"""fentry, fexit, fsession, typed raw tracepoints: programs that kernel functions call."""

from __future__ import annotations

import ctypes
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from bpfkit.collection import Collection
from bpfkit.errors import AttachError, LoadError
from bpfkit.system import System
from bpfkit.uapi.bpf import LinkType
from conformance.case import case
from conformance.libbpf import load_text, stored
from conformance.triggers import spawn

MINE = """
const volatile int wanted;
#define MINE ((bpf_get_current_pid_tgid() >> 32) == wanted)
"""
READ = """
SEC("fentry/vfs_read") int BPF_PROG(enter, struct file *file, char *buf, size_t count) {
    if (MINE && count == 12345) { OUT(0, count); OUT(1, file->f_inode->i_mode); }
    return 0;
}
SEC("fexit/vfs_read") int BPF_PROG(leave, struct file *file, char *buf, size_t count, loff_t *pos,
                                   long result) {
    if (MINE && count == 12345) OUT(2, result);
    return 0;
}
"""


def loaded(text: str, results: int = 4) -> Collection:
    return load_text(MINE + text, results, globals={"wanted": os.getpid()})


def read_some(path: Path) -> None:
    path.write_bytes(b"some bytes")
    fd = os.open(path, os.O_RDONLY)
    os.read(fd, 12345)
    os.close(fd)


@case("links/fentry/arguments-and-result", kernel="5.5", feature="program_type/tracing")
def test_functions_are_seen_with_arguments_and_result(tmp_path: Path) -> None:
    """fentry sees a kernel function's arguments and follows them; fexit sees its result too."""
    with loaded(READ) as c:
        links = [c.load_program(name).attach() for name in ("enter", "leave")]
        read_some(tmp_path / "file")
        mode = (tmp_path / "file").stat().st_mode
        assert stored(c)[:3] == [12345, mode, 10]
        for link in links:
            link.close()


@case("links/fentry/detach", kernel="5.5", feature="program_type/tracing")
def test_a_closed_link_is_not_called_any_more(tmp_path: Path) -> None:
    """After closing its link an fentry program is not called; attaching again works or tells."""
    with loaded(READ) as c:
        program = c.load_program("enter")
        with program.attach() as link:
            info = link.info()
            assert info.type == LinkType.TRACING
            assert info.prog_id == program.info().id
        assert link.target == "fentry of vfs_read"
        read_some(tmp_path / "file")
        assert stored(c)[0] == 0
        if System.live().facts.version < (5, 13):
            with pytest.raises(AttachError, match="load it another time"):
                program.attach()
            with c.load_another("enter") as program:
                program.attach()
        else:
            program.attach()
        read_some(tmp_path / "file")
        assert stored(c)[0] == 12345


@case(
    "links/fentry/sleepable",
    kernel="5.10",
    feature="helper/bpf_copy_from_user",
    config="FUNCTION_ERROR_INJECTION",
)
def test_sleepable_programs_read_user_memory_that_may_be_paged_out() -> None:
    """A sleepable fentry program reads the caller's memory with bpf_copy_from_user()."""
    text = """
    SEC("fentry.s/" SYS "getcwd") int BPF_PROG(enter, struct pt_regs *regs) {
        char *buffer = (char *)PT_REGS_PARM1_CORE_SYSCALL(regs);
        u64 word = 0;
        if (!MINE) return 0;
        OUT(0, bpf_copy_from_user(&word, sizeof(word), buffer));
        OUT(1, word);
        return 0;
    }
    """
    prefix = next(
        p for p in ("__x64_sys_", "__arm64_sys_") if System.live().facts.has_symbol(f"{p}getcwd")
    )
    with loaded(f'#define SYS "{prefix}"\n{text}') as c, c.load_program("enter").attach():
        buffer = ctypes.create_string_buffer(b"\x0b\x0a\x09", 4096)
        ctypes.CDLL(None).getcwd(buffer, ctypes.c_size_t(4096))
        assert stored(c)[:2] == [0, 0x090A0B]


@case("links/fentry/cookie", kernel="5.19", feature="link/tracing_cookie")
def test_a_cookie_tells_attachments_apart(tmp_path: Path) -> None:
    """bpf_get_attach_cookie() gives an fentry program the number its link was made with."""
    text = """
    SEC("fentry/vfs_read") int BPF_PROG(enter, struct file *file, char *buf, size_t count) {
        if (MINE && count == 12345) OUT(0, bpf_get_attach_cookie(ctx));
        return 0;
    }
    """
    with loaded(text) as c, c.load_program("enter").attach_tracing(cookie=1 << 40 | 7):
        read_some(tmp_path / "file")
        assert stored(c)[0] == 1 << 40 | 7


@case("links/fentry/fsession", kernel="7.0", feature="attach_type/trace_fsession")
def test_a_session_sees_entry_and_return(tmp_path: Path) -> None:
    """An fsession program is called when a function is entered and when it returns."""
    text = """
    SEC("fsession/vfs_read") int BPF_PROG(both, struct file *file, char *buf, size_t count,
                                          loff_t *pos, long result) {
        if (!MINE || count != 12345) return 0;
        OUT(0, out[0] + 1);
        if (result > 0) OUT(1, result);
        return 0;
    }
    """
    with loaded(text) as c, c.load_program("both").attach() as link:
        read_some(tmp_path / "file")
        assert stored(c)[:2] == [2, 10]
        assert "fsession of vfs_read" in repr(link)


@case("links/fentry/module", kernel="5.11", config="DEBUG_INFO_BTF_MODULES")
def test_functions_of_modules_are_found_in_their_btf() -> None:
    """A function of a module is attached to by its name alone, and by MODULE:FUNCTION."""
    socket.socket(socket.AF_INET, socket.SOCK_STREAM).close()
    system = System.live()
    text = 'SEC("fentry") int BPF_PROG(enter) { OUT(0, MINE); return 0; }'
    found = next(module_functions(system), None)
    assert found is not None, "no module with BTF is loaded"
    module, function = found
    for name in (f"{module}:{function}", function):
        with loaded(text) as c:
            program = c.load_program("enter", attach_to=name)
            assert program.attach_to == f"fentry of {function}"
            program.attach_tracing().close()


def module_functions(system: System) -> Iterator[tuple[str, str]]:
    """(module, function) pairs that can be traced: in kallsyms once, and in the module's BTF."""
    traced = set(system.facts.tracefs.available_filter_functions())
    for module in system.facts.modules_with_btf():
        types = system.facts.module_btf(module)
        for _, found in types if types is not None else ():
            if found.kind.name == "FUNC" and f"{found.name} [{module}]" in traced:
                yield module, found.name


@case("links/fentry/of-a-program", kernel="5.5", feature="program_type/tracing")
def test_a_bpf_programs_function_is_traced() -> None:
    """fexit of another program's function sees what that returns."""
    text = """
    __attribute__((noinline)) int twice(u32 number) { volatile u32 n = number; return n * 2; }
    SEC("xdp") int packets(struct xdp_md *ctx) { return twice(ctx->data_end - ctx->data); }
    SEC("fexit") int BPF_PROG(seen, u32 number, int result) {
        if (MINE) OUT(0, number * 1000 + result);
        return 0;
    }
    """
    with loaded(text) as c:
        packets = c.load_program("packets")
        seen = c.load_program("seen", attach_to="twice", attach_target=packets)
        assert seen.attach_to == "fexit of twice in program 'packets'"
        with seen.attach_tracing():
            packets.test_run(bytes(64))
        assert stored(c)[0] == 64 * 1000 + 128


@case("links/tp_btf/arguments", kernel="5.5", feature="program_type/tracing")
def test_typed_tracepoints_give_objects_of_the_kernel() -> None:
    """tp_btf sees a tracepoint's arguments with their types and follows them."""
    text = """
    SEC("tp_btf/sched_process_fork")
    int BPF_PROG(fork, struct task_struct *parent, struct task_struct *child) {
        if (parent->tgid == wanted) { OUT(0, child->pid); OUT(1, child->real_parent->tgid); }
        return 0;
    }
    """
    with loaded(text) as c:
        with c.load_program("fork").attach() as link:
            pid = spawn()
            assert stored(c)[:2] == [pid, os.getpid()]
            assert link.target == "tp_btf of sched_process_fork"
        before = stored(c)
        spawn()
        assert stored(c) == before


@case("links/fentry/missing-function", kernel="5.5", feature="program_type/tracing")
def test_a_function_that_is_not_there_is_named_with_its_neighbours() -> None:
    """Loading for a function the kernel does not have fails and lists the nearest names."""
    with loaded('SEC("fentry/vfs_raed") int enter(void *ctx) { return MINE; }') as c:
        try:
            c.load_program("enter")
        except LoadError as error:
            text = str(error)
        else:
            text = ""
    assert "'vfs_raed'" in text
    assert "vfs_read" in text
