// Reads and writes of regular files that took longer than a threshold, with the file's name.
#include <uapi/linux/ptrace.h>
#include <linux/fs.h>
#include <linux/dcache.h>
#include <linux/sched.h>
#include <linux/aio.h>
#include <uapi/linux/fs.h>

#define THRESHOLD_NS 1000000

enum { TRACE_READ, TRACE_WRITE };

struct pending_t {
    u64 ts;
    u64 bytes;
    struct file *file;
};

struct slow_t {
    u64 delta_us;
    u64 bytes;
    u64 inode;
    u32 pid;
    u32 name_len;
    int mode;
    char comm[TASK_COMM_LEN];
    char name[DNAME_INLINE_LEN];
};

BPF_HASH(inflight, u64, struct pending_t);
BPF_PERF_OUTPUT(slow);

static int enter(struct file *file, size_t count) {
    struct inode *inode = file->f_inode;
    int mode = inode->i_mode;
    struct pending_t one = {};
    u64 id = bpf_get_current_pid_tgid();

    if (!S_ISREG(mode) && !S_ISSOCK(mode))
        return 0;
    if (!(file->f_mode & FMODE_READ) && (file->f_mode & FMODE_CREATED))
        return 0;
    one.ts = bpf_ktime_get_ns();
    one.bytes = count;
    one.file = file;
    inflight.update(&id, &one);
    return 0;
}

static int leave(struct pt_regs *ctx, int mode) {
    u64 id = bpf_get_current_pid_tgid();
    struct pending_t *one = inflight.lookup(&id);
    struct slow_t event = {};

    if (one == 0)
        return 0;
    event.delta_us = bpf_ktime_get_ns() - one->ts;
    if (event.delta_us >= THRESHOLD_NS) {
        struct dentry *de = one->file->f_path.dentry;
        struct qstr name = de->d_name;

        event.delta_us /= 1000;
        event.bytes = one->bytes;
        event.inode = one->file->f_inode->i_ino;
        event.pid = id >> 32;
        event.mode = mode == TRACE_WRITE ? WRITE : 0;
        event.name_len = name.len;
        bpf_get_current_comm(&event.comm, sizeof(event.comm));
        bpf_probe_read_kernel(&event.name, sizeof(event.name), name.name);
        if (name.len < DNAME_INLINE_LEN)
            bpf_probe_read_kernel(&event.name, sizeof(event.name), de->d_iname);
        slow.perf_submit(ctx, &event, sizeof(event));
    }
    inflight.delete(&id);
    return 0;
}

int kprobe__vfs_read(struct pt_regs *ctx, struct file *file, char __user *buf, size_t count) {
    return enter(file, count);
}

int kprobe__vfs_write(struct pt_regs *ctx, struct file *file, const char __user *buf, size_t count) {
    return enter(file, count);
}

int kretprobe__vfs_read(struct pt_regs *ctx) {
    return leave(ctx, TRACE_READ);
}

int kretprobe__vfs_write(struct pt_regs *ctx) {
    return leave(ctx, TRACE_WRITE);
}
