#include <linux/dcache.h>
#include <linux/fs_struct.h>
#include <linux/kernfs.h>

RAW_TRACEPOINT_PROBE(sys_enter) {
    if (!mine(ctx))
        return 0;
    struct task_struct *task = (struct task_struct *)bpf_get_current_task();
    struct task_struct *parent = task->real_parent;
    struct dentry *directory = task->fs->pwd.dentry;
    struct kernfs_node *node = (struct kernfs_node *)directory->d_inode->i_private;
    char name[8] = {};

    OUT(0, task->state == TASK_RUNNING);
    OUT(1, parent->state == parent->__state);
    OUT(2, task->cpu == bpf_get_smp_processor_id());
    OUT(3, node->parent != NULL && node->parent == node->__parent);
    OUT(4, node->parent->parent == NULL);
    bpf_probe_read_kernel_str(&name, sizeof(name), directory->d_iname);
    OUT(5, *(u64 *)&name[0]);
    return 0;
}
