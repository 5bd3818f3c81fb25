// Distribution of the time block requests take, for each disk and kind of operation.
#include <uapi/linux/ptrace.h>
#include <linux/blk-mq.h>
#include <linux/blkdev.h>
#include <linux/time64.h>

struct disk_key_t {
    char disk[DISK_NAME_LEN];
    u32 op;
    u32 sync;
    u64 slot;
};

BPF_HASH(started, struct request *, u64, 10240);
BPF_HISTOGRAM(dist, struct disk_key_t, 4096);

int kprobe__blk_mq_start_request(struct pt_regs *ctx, struct request *req) {
    u64 now = bpf_ktime_get_ns();

    started.update(&req, &now);
    return 0;
}

int kprobe__blk_mq_end_request(struct pt_regs *ctx, struct request *req) {
    u64 *since = started.lookup(&req);
    struct disk_key_t key = {};
    u64 delta;

    if (!since)
        return 0;
    delta = (bpf_ktime_get_ns() - *since) / NSEC_PER_USEC;
    started.delete(&req);

    struct gendisk *disk = req->rq_disk;
    bpf_probe_read_kernel(&key.disk, sizeof(key.disk), disk->disk_name);
    key.op = req->cmd_flags & REQ_OP_MASK;
    key.sync = (req->cmd_flags & REQ_SYNC) != 0;
    if (key.op == REQ_OP_FLUSH || key.op == REQ_OP_DISCARD)
        key.sync = 2;
    key.slot = bpf_log2l(delta);
    dist.atomic_increment(key);
    return 0;
}
