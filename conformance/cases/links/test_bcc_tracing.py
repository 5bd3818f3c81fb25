"""bcc's face of kernel functions, LSM hooks and iterators: macros, autoload, attach and detach."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from bpfkit import BPF
from conformance.case import case
from conformance.cases.links.test_fentry import read_some

MINE = f"#define MINE (bpf_get_current_pid_tgid() >> 32 == {os.getpid()})\n"
FUNCTIONS = """
BPF_HASH(seen, u32, u64);
KFUNC_PROBE(vfs_read, struct file *file, char *buf, size_t count) {
    u32 key = 1; u64 value = count + file->f_inode->i_mode * 0;
    if (MINE && count == 12345) seen.update(&key, &value);
    return 0;
}
KRETFUNC_PROBE(vfs_read, struct file *file, char *buf, size_t count, loff_t *pos, long result) {
    u32 key = 2; u64 value = result;
    if (MINE && count == 12345) seen.update(&key, &value);
    return 0;
}
"""
MODIFIED = """
KMOD_RET(security_task_getpgid, struct task_struct *task, int result) {
    return MINE ? -13 : result;
}
"""
HOOK = """
LSM_PROBE(task_getpgid, struct task_struct *task) {
    return MINE ? -1 : 0;
}
"""
TASKS = """
BPF_ITER(task) {
    struct seq_file *seq = ctx->meta->seq;
    struct task_struct *task = ctx->task;
    char format[] = "%d %d\\n";
    u64 data[2];
    if (!task) return 0;
    data[0] = task->pid; data[1] = task->tgid;
    bpf_seq_printf(seq, format, sizeof(format), data, sizeof(data));
    return 0;
}
"""


@case("links/fentry/bcc", kernel="5.5", feature="program_type/tracing")
def test_kfunc_probes_attach_by_themselves(tmp_path: Path) -> None:
    """KFUNC_PROBE and KRETFUNC_PROBE attach by themselves, and are detached by name."""
    with BPF(text=MINE + FUNCTIONS) as b:
        read_some(tmp_path / "file")
        assert {k.value: v.value for k, v in b["seen"].items()} == {1: 12345, 2: 10}
        with pytest.raises(Exception, match="has been attached"):
            b.attach_kfunc("kfunc__vmlinux__vfs_read")
        b.detach_kfunc(b"vfs_read")
        b["seen"].clear()
        read_some(tmp_path / "file")
        assert {k.value: v.value for k, v in b["seen"].items()} == {2: 10}
        with pytest.raises(Exception, match="is not attached"):
            b.detach_kfunc("vfs_read")


@case("links/fmod_ret/bcc", kernel="5.7", feature="program_type/lsm", config="SECURITY")
def test_kmod_ret_is_attached_by_hand() -> None:
    """KMOD_RET waits for attach_fmod_ret, then decides what the function returns."""
    with BPF(text=MINE + MODIFIED) as b:
        os.getpgid(os.getpid())
        assert b.attach_fmod_ret("security_task_getpgid") is b
        with pytest.raises(PermissionError) as refused:
            os.getpgid(os.getpid())
        assert refused.value.errno == errno.EACCES
        b.detach_fmod_ret("security_task_getpgid")
        os.getpgid(os.getpid())


@case("links/lsm/bcc", kernel="5.7", feature="program_type/lsm", config="BPF_LSM")
def test_lsm_probes_attach_by_themselves() -> None:
    """LSM_PROBE attaches by itself and refuses; detach_lsm ends that."""
    with BPF(text=MINE + HOOK) as b:
        with pytest.raises(PermissionError):
            os.getpgid(os.getpid())
        b.detach_lsm("task_getpgid")
        os.getpgid(os.getpid())
        assert BPF.support_lsm()
        assert BPF.support_fmod_ret()


@case("links/iter/bcc", kernel="5.8", feature="iter/task")
def test_bpf_iter_is_read_through_attach_iter() -> None:
    """BPF_ITER makes an iterator, which attach_iter attaches and reads."""
    with BPF(text=TASKS) as b, b.attach_iter("task") as link:
        rows = [tuple(map(int, line.split())) for line in link.read_text().splitlines()]
    assert (os.getpid(), os.getpid()) in rows
