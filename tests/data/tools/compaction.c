// Memory compaction: how long it took, in which zone, and with what result.
#include <uapi/linux/ptrace.h>
#include <linux/sched.h>
#include <linux/mmzone.h>
#include <linux/mm_types.h>
#include <linux/compaction.h>

struct zone_t {
    u64 ts;
    u64 free;
    u64 min;
    u64 low;
    u64 high;
    u32 order;
    int nid;
    int idx;
};

struct done_t {
    u64 delta;
    int result;
    struct zone_t zone;
    char comm[TASK_COMM_LEN];
};

BPF_HASH(busy, u32, struct zone_t);
BPF_ARRAY(marks, u64, NR_WMARK);
BPF_PERF_OUTPUT(done);

#ifdef CONFIG_NUMA
static int node_of(struct zone *zone) { return zone->node; }
#else
static int node_of(struct zone *zone) { return 0; }
#endif

int kprobe__compaction_suitable(struct pt_regs *ctx, struct zone *zone, int order) {
    struct zone_t one = {.ts = bpf_ktime_get_ns(), .order = order};
    u32 tid = bpf_get_current_pid_tgid();
    u64 free = zone->vm_stat[NR_FREE_PAGES].counter;
    int high = WMARK_HIGH;

    one.nid = node_of(zone);
    one.free = free;
    one.min = zone->_watermark[WMARK_MIN];
    one.low = zone->_watermark[WMARK_LOW];
    one.high = zone->_watermark[WMARK_HIGH];
    one.idx = free < one.low ? NR_VM_ZONE_STAT_ITEMS : 0;
    marks.update(&high, &one.high);
    busy.update(&tid, &one);
    return 0;
}

TRACEPOINT_PROBE(compaction, mm_compaction_end) {
    struct done_t event = {};
    u32 tid = bpf_get_current_pid_tgid();
    struct zone_t *one = busy.lookup(&tid);

    if (one == NULL)
        return 0;
    event.result = args->status;
    if (event.result == COMPACT_CONTINUE)
        return 0;
    event.delta = bpf_ktime_get_ns() - one->ts;
    event.zone = *one;
    bpf_get_current_comm(&event.comm, sizeof(event.comm));
    done.perf_submit(args, &event, sizeof(event));
    busy.delete(&tid);
    return 0;
}
