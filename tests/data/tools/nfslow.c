// Slow operations of network file systems, and of the connections below them.
#include <uapi/linux/ptrace.h>
#include <linux/fs.h>
#include <linux/sched.h>
#include <linux/dcache.h>
#include <linux/nfs_fs.h>
#include <rdma/rdma_cm.h>

#define MIN_NS 10000000ULL

struct entered_t {
    u64 ts;
    struct kiocb *iocb;
    struct dentry *dentry;
};

struct slow_t {
    u64 span;
    u64 offset;
    u64 size;
    u32 pid;
    char comm[TASK_COMM_LEN];
    char file[DNAME_INLINE_LEN];
};

BPF_HASH(entered, u64, struct entered_t);
BPF_PERF_OUTPUT(slow);

static int enter(struct kiocb *iocb) {
    struct entered_t one = {.ts = bpf_ktime_get_ns(), .iocb = iocb};
    u64 id = bpf_get_current_pid_tgid();

    one.dentry = iocb->ki_filp->f_path.dentry;
    entered.update(&id, &one);
    return 0;
}

static int leave(struct pt_regs *ctx) {
    u64 id = bpf_get_current_pid_tgid();
    struct entered_t *one = entered.lookup(&id);
    struct slow_t event = {};

    if (one == NULL)
        return 0;
    event.span = bpf_ktime_get_ns() - one->ts;
    if (event.span < MIN_NS) {
        entered.delete(&id);
        return 0;
    }
    event.pid = id >> 32;
    event.offset = one->iocb->ki_pos;
    event.size = max((s64)PT_REGS_RC(ctx), 0LL);
    bpf_get_current_comm(&event.comm, sizeof(event.comm));
    bpf_probe_read_kernel_str(&event.file, sizeof(event.file), one->dentry->d_name.name);
    slow.perf_submit(ctx, &event, sizeof(event));
    entered.delete(&id);
    return 0;
}

/* This module need not be there: its types stay unopened. */
int kprobe__cma_cm_event_handler(struct pt_regs *ctx, struct rdma_cm_id *id, struct rdma_cm_event *event) {
    u64 key = (u64)id;
    struct entered_t one = {.ts = bpf_ktime_get_ns()};

    if (event != NULL)
        entered.update(&key, &one);
    return 0;
}

int kprobe__nfs_file_read(struct pt_regs *ctx, struct kiocb *iocb) {
    return enter(iocb);
}

int kretprobe__nfs_file_read(struct pt_regs *ctx) {
    return leave(ctx);
}

int kprobe__nfs_file_write(struct pt_regs *ctx, struct kiocb *iocb) {
    return enter(iocb);
}

int kretprobe__nfs_file_write(struct pt_regs *ctx) {
    return leave(ctx);
}
