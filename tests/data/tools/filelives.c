// How long files lived: from their creation to their removal, with name and process.
#include <uapi/linux/ptrace.h>
#include <linux/fs.h>
#include <linux/dcache.h>
#include <linux/sched.h>
#include <linux/version.h>
#include <linux/ns_common.h>

struct life_t {
    u32 pid;
    u64 span_ms;
    char comm[TASK_COMM_LEN];
    char name[DNAME_INLINE_LEN];
};

BPF_HASH(birth, struct dentry *);
BPF_PERF_OUTPUT(lives);

static int born(struct dentry *dentry) {
    u64 now = bpf_ktime_get_ns();

    birth.update(&dentry, &now);
    return 0;
}

static int died(struct pt_regs *ctx, struct dentry *dentry) {
    struct life_t event = {};
    u64 *since = birth.lookup(&dentry);

    if (since == 0)
        return 0;
    event.span_ms = (bpf_ktime_get_ns() - *since) / 1000000;
    event.pid = bpf_get_current_pid_tgid() >> 32;
    birth.delete(&dentry);
    bpf_get_current_comm(&event.comm, sizeof(event.comm));
    if (dentry->d_name.len == 0)
        return 0;
    bpf_probe_read_kernel(&event.name, sizeof(event.name), dentry->d_name.name);
    lives.perf_submit(ctx, &event, sizeof(event));
    return 0;
}

/* Mount identity was added in front of the arguments in 5.12. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 12, 0)
int kprobe__vfs_create(struct pt_regs *ctx, struct inode *dir, struct dentry *dentry) {
    return born(dentry);
}

int kprobe__vfs_unlink(struct pt_regs *ctx, struct inode *dir, struct dentry *dentry) {
    return died(ctx, dentry);
}
#else
int kprobe__vfs_create(struct pt_regs *ctx, void *idmap, struct inode *dir, struct dentry *dentry) {
    return born(dentry);
}

int kprobe__vfs_unlink(struct pt_regs *ctx, void *idmap, struct inode *dir, struct dentry *dentry) {
    return died(ctx, dentry);
}
#endif

int kprobe__security_inode_create(struct pt_regs *ctx, struct inode *dir, struct dentry *dentry) {
    return born(dentry);
}

int kprobe__vfs_rename(struct pt_regs *ctx, struct renamedata *rd) {
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 12, 0)
    struct dentry *moved = rd->new_dentry;

    birth.delete(&moved);
#endif
    return 0;
}
