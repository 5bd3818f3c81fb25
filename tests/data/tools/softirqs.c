// Time spent in soft interrupts, by vector, and how late each was served.
#include <uapi/linux/ptrace.h>
#include <linux/interrupt.h>

struct vector_key_t {
    u32 vec;
    u64 slot;
};

BPF_ARRAY(raised, u64, NR_SOFTIRQS);
BPF_PERCPU_ARRAY(entered, u64, NR_SOFTIRQS);
BPF_HISTOGRAM(spent, struct vector_key_t);
BPF_HISTOGRAM(late, struct vector_key_t);

TRACEPOINT_PROBE(irq, softirq_raise) {
    u32 vec = args->vec;
    u64 now = bpf_ktime_get_ns();

    if (vec < NR_SOFTIRQS)
        raised.update(&vec, &now);
    return 0;
}

TRACEPOINT_PROBE(irq, softirq_entry) {
    u32 vec = args->vec;
    u64 now = bpf_ktime_get_ns(), *since;
    struct vector_key_t key = {.vec = vec};

    entered.update(&vec, &now);
    since = raised.lookup(&vec);
    if (since && *since && *since < now) {
        key.slot = bpf_log2l(now - *since);
        late.atomic_increment(key);
    }
    return 0;
}

TRACEPOINT_PROBE(irq, softirq_exit) {
    u32 vec = args->vec;
    struct vector_key_t key = {.vec = vec};
    u64 *since = entered.lookup(&vec);

    if (!since || *since == 0)
        return 0;
    key.slot = bpf_log2l(bpf_ktime_get_ns() - *since);
    *since = 0;
    spent.atomic_increment(key);
    return 0;
}
