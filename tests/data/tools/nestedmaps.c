// Maps in maps, queues, stacks and tables that other programs share.
#include <uapi/linux/ptrace.h>
#include <uapi/linux/bpf.h>

struct item_t {
    u32 pid;
    u64 ts;
};

BPF_ARRAY(inner_a, u64, 16);
BPF_ARRAY(inner_b, u64, 16);
BPF_ARRAY_OF_MAPS(rounds, "inner_a", 8);
BPF_HASH_OF_MAPS(by_pid, u32, "inner_b", 64);
BPF_QUEUE(waiting, struct item_t, 128);
BPF_STACK(recent, struct item_t, 128);
BPF_TABLE_PUBLIC("hash", u32, u64, shared, 512);
BPF_F_TABLE("lru_percpu_hash", u32, u64, hot, 1024, BPF_F_NO_COMMON_LRU);
BPF_F_TABLE("hash", u32, u64, lazy, 1024, BPF_F_NO_PREALLOC);

int kprobe__do_exit(struct pt_regs *ctx) {
    u32 pid = bpf_get_current_pid_tgid() >> 32;
    int slot = pid & 7, first = 0;
    struct item_t item = {.pid = pid, .ts = bpf_ktime_get_ns()}, oldest = {};
    u64 one = 1, *count;
    void *inner = rounds.lookup(&slot);

    waiting.push(&item, BPF_EXIST);
    recent.push(&item, BPF_EXIST);
    if (waiting.peek(&oldest) == 0 && oldest.ts + 1000000000 < item.ts)
        waiting.pop(&oldest);
    if (inner) {
        count = bpf_map_lookup_elem(inner, &first);
        if (count)
            lock_xadd(count, 1);
    }
    inner = by_pid.lookup(&pid);
    if (inner)
        bpf_map_update_elem(inner, &first, &one, BPF_ANY);
    shared.increment(pid);
    hot.increment(pid);
    lazy.insert(&pid, &one);
    return 0;
}
