// Instructions and cycles a function takes, from the processor's counters.
// program begin_count: kprobe
// program end_count: kprobe
#include <uapi/linux/ptrace.h>
#include <linux/perf_event.h>

#define MAX_CPUS 64

struct span_t {
    u64 cycles;
    u64 enabled;
};

BPF_PERF_ARRAY(cycles, MAX_CPUS);
BPF_PERCPU_ARRAY(before, u64, 1);
BPF_HISTOGRAM(spans);
BPF_HASH(errors, s64);

int begin_count(struct pt_regs *ctx) {
    int zero = 0;
    u64 now = cycles.perf_read(CUR_CPU_IDENTIFIER);
    s64 error = now;

    /* Small negative numbers are errors, not counters. */
    if (error > -256 && error < 0) {
        errors.increment(error);
        return 0;
    }
    before.update(&zero, &now);
    return 0;
}

int end_count(struct pt_regs *ctx) {
    struct bpf_perf_event_value now = {};
    int zero = 0;
    u64 *since = before.lookup(&zero);

    if (!since || *since == 0)
        return 0;
    if (cycles.perf_counter_value(CUR_CPU_IDENTIFIER, &now, sizeof(now)))
        return 0;
    spans.increment(bpf_log2l(now.counter - *since));
    *since = 0;
    return 0;
}
