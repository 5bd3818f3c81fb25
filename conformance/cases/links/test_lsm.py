"""LSM programs: they refuse, on every hook that the kernel lets them."""

from __future__ import annotations

import errno
import os
import socket

import pytest

from bpfkit.errors import AttachError, LoadError
from bpfkit.links.lsm import active_modules
from bpfkit.syscalls.fd import OwnedFd
from bpfkit.system import System
from conformance.case import case
from conformance.cases.links.test_fentry import loaded
from conformance.libbpf import stored
from conformance.triggers import spawn

DENY = """
SEC("lsm/task_getpgid") int BPF_PROG(deny, struct task_struct *task, int result) {
    if (!MINE || result) return result;
    OUT(0, task->tgid);
    return -1;
}
"""


@case("links/lsm/deny", kernel="5.7", feature="program_type/lsm", config="BPF_LSM")
def test_an_lsm_program_refuses_what_a_process_asks_for() -> None:
    """An LSM program denies a system call to one process, as long as it is attached."""
    with loaded(DENY) as c:
        with c.load_program("deny").attach() as link:
            with pytest.raises(PermissionError) as refused:
                os.getpgid(os.getpid())
            assert refused.value.errno == errno.EPERM
            assert stored(c)[0] == os.getpid()
            assert link.hook == "lsm"
            assert link.target == "lsm of task_getpgid"
        assert os.getpgid(os.getpid()) == os.getpgrp()


@case("links/lsm/sleepable", kernel="5.10", feature="program_type/lsm", config="BPF_LSM")
def test_a_sleepable_lsm_program_reads_user_memory() -> None:
    """A sleepable LSM program reads the arguments of a new program from its memory."""
    text = """
    SEC("lsm.s/bprm_committed_creds") int BPF_PROG(started, struct linux_binprm *bprm) {
        struct task_struct *task = (void *)bpf_get_current_task();
        u64 word = 0;
        if (BPF_CORE_READ(task, real_parent, tgid) != wanted) return 0;
        OUT(0, bpf_copy_from_user(&word, sizeof(word), (void *)bprm->p));
        OUT(1, word);
        return 0;
    }
    """
    with loaded(text) as c, c.load_program("started").attach():
        spawn(["/bin/true"])
        assert stored(c)[:2] == [0, int.from_bytes(b"/bin/tru", "little")]


@case("links/lsm/cgroup", kernel="6.0", feature="attach_type/lsm_cgroup", config="BPF_LSM")
def test_an_lsm_program_of_a_control_group_refuses_there() -> None:
    """An LSM program on a control group denies to its processes what it wants."""
    text = """
    SEC("lsm_cgroup/socket_bind")
    int BPF_PROG(deny, struct socket *sock, struct sockaddr *address, int length) {
        OUT(0, out[0] + 1);
        return !MINE;
    }
    """
    with loaded(text) as c, socket.socket() as mine:
        root = OwnedFd(os.open("/sys/fs/cgroup", os.O_RDONLY | os.O_DIRECTORY), "cgroup")
        with root, c.load_program("deny").attach_lsm_cgroup(root) as link:
            with pytest.raises(PermissionError):
                mine.bind(("127.0.0.1", 0))
            assert stored(c)[0] >= 1
            assert link.info().prog_id == c.programs["deny"].info().id
        mine.bind(("127.0.0.1", 0))


@case("links/lsm/inactive", kernel="5.7", feature="program_type/lsm", config="BPF_LSM")
def test_bpf_is_among_the_active_modules_or_attaching_says_so() -> None:
    """Where bpf is not among the active security modules, attaching says what to boot with."""
    active = active_modules(System.live())
    assert active is not None, "securityfs is not mounted"
    with loaded(DENY) as c:
        program = c.load_program("deny")
        if "bpf" in active:
            program.attach().close()
        else:
            with pytest.raises(AttachError, match=r"boot with lsm=.*,bpf"):
                program.attach()


@case("links/lsm/missing-hook", kernel="5.7", feature="program_type/lsm", config="BPF_LSM")
def test_a_hook_that_is_not_there_is_named() -> None:
    """Loading for a hook the kernel does not have names it and the nearest ones."""
    with (
        loaded('SEC("lsm/task_getpgit") int deny(void *ctx) { return MINE; }') as c,
        pytest.raises(LoadError, match="LSM hook 'task_getpgit'") as refused,
    ):
        c.load_program("deny")
    assert "task_getpgid" in str(refused.value)
