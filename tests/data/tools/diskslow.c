// Report block requests that took longer than a limit, and who asked for them.
// program trace_start: kprobe
// program trace_done: kprobe
#include <uapi/linux/ptrace.h>
#include <linux/blk-mq.h>
#include <linux/blk_types.h>
#include <linux/blkdev.h>
#include <linux/time64.h>
#include <linux/ptrace.h>

#ifndef SLOW_MS
#define SLOW_MS 10
#endif

struct asker_t {
    u64 ts;
    u32 pid;
    char name[TASK_COMM_LEN];
};

struct slow_t {
    u64 ts;
    u64 delta;
    u64 sector;
    u64 bytes;
    u32 pid;
    int write;
    char disk[DISK_NAME_LEN];
    char name[TASK_COMM_LEN];
};

BPF_HASH(askers, struct request *, struct asker_t);
BPF_PERF_OUTPUT(slow);

int trace_start(struct pt_regs *ctx, struct request *req) {
    struct asker_t asker = {};

    if (bpf_get_current_comm(&asker.name, sizeof(asker.name)))
        return 0;
    asker.pid = bpf_get_current_pid_tgid() >> 32;
    asker.ts = bpf_ktime_get_ns();
    askers.update(&req, &asker);
    return 0;
}

int trace_done(struct pt_regs *ctx, struct request *req) {
    struct asker_t *asker = askers.lookup(&req);
    struct slow_t event = {};
    u64 now = bpf_ktime_get_ns();

    if (asker == 0)
        return 0;
    event.delta = now - asker->ts;
    if (event.delta < SLOW_MS * NSEC_PER_MSEC)
        goto out;
    event.ts = now / 1000;
    event.pid = asker->pid;
    event.sector = req->__sector;
    event.bytes = req->__data_len;
    event.write = (req->cmd_flags & REQ_OP_MASK) == REQ_OP_WRITE;
    if (req_op(req) != REQ_OP_READ && !event.write)
        event.write = 2;
    event.sector += blk_rq_sectors(req);
    __builtin_memcpy(&event.name, asker->name, sizeof(event.name));
    bpf_probe_read_kernel(&event.disk, sizeof(event.disk), req->rq_disk->disk_name);
    slow.perf_submit(ctx, &event, sizeof(event));
out:
    askers.delete(&req);
    return 0;
}
