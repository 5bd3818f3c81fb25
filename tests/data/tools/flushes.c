// Flush requests to block devices: which device, which process, how many sectors ride along.
#include <uapi/linux/ptrace.h>
#include <linux/sched.h>
#include <linux/bio.h>
#include <linux/genhd.h>

struct flush_t {
    u64 pid;
    u32 dev;
    u32 sectors;
    char comm[TASK_COMM_LEN];
    char disk[DISK_NAME_LEN];
};

BPF_PERF_OUTPUT(flushed);
BPF_ARRAY(kinds, u64, REQ_OP_MASK + 1);

int kprobe__submit_bio(struct pt_regs *ctx, struct bio *bio) {
    struct flush_t event = {};
    int op = bio_op(bio);

    kinds.atomic_increment(op);
    if (!(bio->bi_opf & REQ_PREFLUSH))
        return 0;
    event.pid = bpf_get_current_pid_tgid() >> 32;
    event.dev = bio_dev(bio);
    event.sectors = bio_sectors(bio);
    bpf_get_current_comm(&event.comm, sizeof(event.comm));
    bpf_probe_read_kernel(&event.disk, sizeof(event.disk), bio->bi_disk->disk_name);
    flushed.perf_submit(ctx, &event, sizeof(event));
    return 0;
}

/* The md driver handles flushes itself. */
int kprobe__md_flush_request(struct pt_regs *ctx, void *mddev, struct bio *bio) {
    struct flush_t event = {};

    event.pid = bpf_get_current_pid_tgid() >> 32;
    event.sectors = bio->bi_iter.bi_size >> 9;
    event.dev = MKDEV(9, 0) | MINOR(bio_dev(bio));
    bpf_get_current_comm(&event.comm, sizeof(event.comm));
    flushed.perf_submit(ctx, &event, sizeof(event));
    return 0;
}
