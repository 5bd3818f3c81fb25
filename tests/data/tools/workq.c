// Delay between queueing a piece of work and running it, by the function that does it.
#include <uapi/linux/ptrace.h>
#include <linux/workqueue.h>

struct work_key_t {
    u64 function;
    u64 slot;
};

BPF_HASH(queued, u64);
BPF_HASH(begun, u64);
BPF_HISTOGRAM(delays, struct work_key_t, 4096);
BPF_HISTOGRAM(runs, struct work_key_t, 4096);

TRACEPOINT_PROBE(workqueue, workqueue_queue_work) {
    u64 work = (u64)args->work, now = bpf_ktime_get_ns();

    queued.update(&work, &now);
    return 0;
}

TRACEPOINT_PROBE(workqueue, workqueue_execute_start) {
    u64 work = (u64)args->work, now = bpf_ktime_get_ns();
    u64 *since = queued.lookup(&work);
    struct work_key_t key = {};

    begun.update(&work, &now);
    if (since == NULL)
        return 0;
    struct work_struct *item = (struct work_struct *)args->work;
    key.function = (u64)item->func;
    key.slot = bpf_log2l((now - *since) / NSEC_PER_USEC);
    delays.atomic_increment(key);
    queued.delete(&work);
    return 0;
}

TRACEPOINT_PROBE(workqueue, workqueue_execute_end) {
    u64 work = (u64)args->work;
    u64 *since = begun.lookup(&work);
    struct work_key_t key = {};

    if (since == NULL)
        return 0;
    key.slot = bpf_log2l((bpf_ktime_get_ns() - *since) / NSEC_PER_USEC);
    runs.atomic_increment(key);
    begun.delete(&work);
    return 0;
}
