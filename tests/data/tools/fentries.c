// Time file synchronisation with fentry and fexit, and count calls of a traced mutex.
#include <uapi/linux/ptrace.h>
#include <linux/fs.h>
#include <linux/sched.h>

struct sync_t {
    u32 pid;
    u64 inode;
    u64 span;
    int result;
    char comm[TASK_COMM_LEN];
};

BPF_HASH(begun, u64);
BPF_HASH(locks, u64);
BPF_RINGBUF_OUTPUT(syncs, 4);

KFUNC_PROBE(vfs_fsync_range, struct file *file, loff_t start, loff_t end, int datasync) {
    u64 id = bpf_get_current_pid_tgid(), now = bpf_ktime_get_ns();

    begun.update(&id, &now);
    return 0;
}

KRETFUNC_PROBE(vfs_fsync_range, struct file *file, loff_t start, loff_t end, int datasync, int ret) {
    u64 id = bpf_get_current_pid_tgid();
    u64 *since = begun.lookup(&id);
    struct sync_t event = {};

    if (!since)
        return 0;
    event.span = bpf_ktime_get_ns() - *since;
    event.pid = id >> 32;
    event.inode = file->f_inode->i_ino;
    event.result = ret;
    bpf_get_current_comm(&event.comm, sizeof(event.comm));
    begun.delete(&id);
    syncs.ringbuf_output(&event, sizeof(event), 0);
    return 0;
}

#ifdef CONFIG_DEBUG_LOCK_ALLOC
KFUNC_PROBE(mutex_lock_nested, struct mutex *lock) {
#else
KFUNC_PROBE(mutex_lock, struct mutex *lock) {
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 11, 0)
    struct task_struct *task = bpf_get_current_task_btf();
#else
    struct task_struct *task = (struct task_struct *)bpf_get_current_task();
#endif
    u64 address = (u64)lock;

    if (task->flags & PF_KTHREAD)
        return 0;
    locks.increment(address);
    return 0;
}
