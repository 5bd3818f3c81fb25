"""fmod_ret and bpf_override_return(): programs that decide what a kernel function returns."""

from __future__ import annotations

import errno
import os

import pytest

from bpfkit.errors import VerifierError
from bpfkit.system import System
from conformance.case import case
from conformance.cases.links.test_fentry import loaded
from conformance.libbpf import stored

DENY = """
SEC("fmod_ret/security_task_getpgid")
int BPF_PROG(deny, struct task_struct *task, int result) {
    if (!MINE) return result;
    OUT(0, task->tgid); OUT(1, result);
    return -13;
}
"""


@case("links/fmod_ret/result", kernel="5.7", feature="program_type/lsm", config="SECURITY")
def test_the_program_decides_what_a_function_returns() -> None:
    """fmod_ret ends a security hook with the program's own error, and only while attached."""
    with loaded(DENY) as c:
        with c.load_program("deny").attach() as link:
            with pytest.raises(PermissionError) as refused:
                os.getpgid(os.getpid())
            assert refused.value.errno == errno.EACCES
            assert stored(c)[:2] == [os.getpid(), 0]
            assert link.target == "fmod_ret of security_task_getpgid"
        assert os.getpgid(os.getpid()) == os.getpgrp()


@case("links/fmod_ret/refused", kernel="5.7", feature="program_type/tracing")
def test_functions_that_must_not_be_changed_are_refused() -> None:
    """fmod_ret of a function that is not open to it is refused with the function's name."""
    text = 'SEC("fmod_ret/vfs_read") int deny(void *ctx) { return MINE; }'
    with loaded(text) as c, pytest.raises(VerifierError, match="vfs_read") as refused:
        c.load_program("deny")
    assert "security_" in str(refused.value)


@case("links/override_return", kernel="4.16", config="BPF_KPROBE_OVERRIDE")
def test_a_kprobe_overrides_what_a_function_returns() -> None:
    """bpf_override_return() ends a function that allows error injection with our result."""
    text = """
    SEC("kprobe") int override(struct pt_regs *ctx) {
        if (MINE) bpf_override_return(ctx, -(long)28);
        return 0;
    }
    """
    names = ("__x64_sys_getpgid", "__arm64_sys_getpgid")
    function = next(n for n in names if System.live().facts.has_symbol(n))
    with loaded(text) as c:
        program = c.load_program("override")
        with program.attach_kprobe(function), pytest.raises(OSError, match="No space") as refused:
            os.getpgid(0)
        assert refused.value.errno == errno.ENOSPC
    assert os.getpgid(0) == os.getpgrp()
