"""Members that kernels renamed or moved are read by any of their names."""

from __future__ import annotations

import contextlib

from conformance.case import case
from conformance.values import in_task

_ME = "struct task_struct *t = (struct task_struct *)bpf_get_current_task();"


@case("compiler/headers/drift/renamed", kernel="4.7")
def test_a_task_has_a_state_by_both_names() -> None:
    """``task->state`` and ``task->__state`` read the same value on kernels with either."""
    body = f"""{_ME}
    unsigned int copied = 99;
    bpf_probe_read_kernel(&copied, sizeof(copied), &t->__state);
    OUT(0, t->state == TASK_RUNNING); OUT(1, t->__state == TASK_RUNNING); OUT(2, copied);
    OUT(3, t->real_parent->state == t->real_parent->__state);
    """
    assert in_task(body, 4) == [1, 1, 0, 1]


@case("compiler/headers/drift/moved", kernel="4.7")
def test_a_task_knows_its_processor_wherever_the_kernel_keeps_it() -> None:
    """``task->cpu`` is the processor the task runs on, in the task or in its thread_info."""
    body = f"{_ME} OUT(0, t->cpu == bpf_get_smp_processor_id());"
    assert in_task(body) == [1]


@case("compiler/headers/drift/array", kernel="4.7")
def test_a_short_name_lies_in_the_directory_entry() -> None:
    """``dentry->d_iname`` is the name of a file with a short one, whatever the kernel calls it."""
    body = f"""{_ME}
    struct dentry *root = t->fs->pwd.dentry;
    char text[16] = {{}};
    bpf_probe_read_kernel_str(text, sizeof(text), root->d_iname);
    OUT(0, text[0]); OUT(1, text[1]); OUT(2, text[2]); OUT(3, root->d_name.len);
    OUT(4, sizeof(root->d_iname) == DNAME_INLINE_LEN);
    """
    before = "#include <linux/fs_struct.h>\n#include <linux/dcache.h>"
    with contextlib.chdir("/sys"):
        assert in_task(body, 5, before) == [ord("/"), 0, 0, 1, 1]


@case("compiler/headers/drift/pointers", kernel="4.7")
def test_a_kernfs_node_leads_to_its_parent() -> None:
    """``kernfs_node->parent`` and ``__parent`` lead up to the root of sysfs."""
    body = f"""{_ME}
    struct kernfs_node *node = (struct kernfs_node *)t->fs->pwd.dentry->d_inode->i_private;
    struct kernfs_node *up = node->parent;
    OUT(0, up != NULL); OUT(1, up == node->__parent); OUT(2, up->parent == NULL);
    """
    before = "#include <linux/fs_struct.h>\n#include <linux/kernfs.h>"
    with contextlib.chdir("/sys/kernel"):
        assert in_task(body, 3, before) == [1, 1, 1]
