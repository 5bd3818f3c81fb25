// User stacks of blocking calls, as build IDs and offsets that any machine can resolve later.
#include <uapi/linux/ptrace.h>
#include <linux/sched.h>
#include <linux/ktime.h>

struct where_t {
    u32 pid;
    int stack;
    u64 cpu;
    char comm[TASK_COMM_LEN];
};

BPF_STACK_TRACE_BUILDID(stacks, 1024);
BPF_HASH(places, struct where_t);

int kprobe__do_nanosleep(struct pt_regs *ctx, struct hrtimer_sleeper *timer) {
    struct where_t key = {};
    u64 ms = ktime_to_ms(timer->timer._softexpires);

    key.pid = bpf_get_current_pid_tgid() >> 32;
    key.cpu = bpf_get_smp_processor_id();
    key.stack = stacks.get_stackid(ctx, BPF_F_USER_STACK);
    bpf_get_current_comm(&key.comm, sizeof(key.comm));
    places.increment(key, clamp(ms, 1ULL, 1000ULL));
    bpf_trace_printk("sleeps %d %llu\n", key.pid, PT_REGS_PARM1(ctx));
    return 0;
}

int kprobe__do_futex(struct pt_regs *ctx) {
    u32 __user *address = (u32 __user *)PT_REGS_PARM1(ctx);
    struct where_t key = {.pid = PT_REGS_PARM3(ctx)};
    u32 value = 0;

    if ((PT_REGS_PARM2(ctx) & FUTEX_CMD_MASK) != FUTEX_WAIT)
        return 0;
    bpf_probe_read_user(&value, sizeof(value), address);
    key.stack = stacks.get_stackid(ctx, BPF_F_USER_STACK);
    key.cpu = value ^ PT_REGS_PARM4(ctx) ^ PT_REGS_PARM5(ctx) ^ PT_REGS_PARM6(ctx);
    places.increment(key);
    return 0;
}
