// Profile by timed samples: user and kernel stacks with the address the processor was at.
// program take_sample: perf_event
#include <uapi/linux/ptrace.h>
#include <uapi/linux/bpf_perf_event.h>
#include <uapi/linux/perf_event.h>
#include <linux/sched.h>

struct sample_key_t {
    u64 kernel_ip;
    u32 pid;
    int user_stack;
    int kernel_stack;
    char name[TASK_COMM_LEN];
};

BPF_HASH(samples, struct sample_key_t);
BPF_STACK_TRACE(stacks, 8192);

static inline bool kernel_address(u64 ip) {
#if defined(CONFIG_X86_64) && defined(__x86_64__)
    u64 base;

#if defined(CONFIG_DYNAMIC_MEMORY_LAYOUT) || defined(CONFIG_RANDOMIZE_MEMORY)
#if defined(CONFIG_X86_5LEVEL) && defined(__PAGE_OFFSET_BASE_L5)
    base = __PAGE_OFFSET_BASE_L5;
#else
    base = __PAGE_OFFSET_BASE_L4;
#endif
#elif defined(__PAGE_OFFSET_BASE)
    base = __PAGE_OFFSET_BASE;
#else
    base = PAGE_OFFSET;
#endif
    return ip > base || ip >= __START_KERNEL_map;
#elif defined(CONFIG_64BIT)
    return ip > (1ULL << 55);
#else
    return false;
#endif
}

int take_sample(struct bpf_perf_event_data *ctx) {
    struct sample_key_t key = {};
    u64 id = bpf_get_current_pid_tgid();

    if ((u32)id == 0)
        return 0;
    key.pid = id >> 32;
    bpf_get_current_comm(&key.name, sizeof(key.name));
    key.user_stack = stacks.get_stackid(&ctx->regs, BPF_F_USER_STACK);
    key.kernel_stack = stacks.get_stackid(&ctx->regs, 0);
    if (key.kernel_stack >= 0) {
        u64 ip = PT_REGS_IP(&ctx->regs);
        u64 frame = PT_REGS_FP(&ctx->regs);

        if (kernel_address(ip) && frame != 0)
            key.kernel_ip = ip & ~(u64)(PAGE_SIZE - 1);
    }
    samples.increment(key);
    return 0;
}
