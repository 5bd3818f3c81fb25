// Who woke a blocked thread, and how long it had been asleep: stacks of both sides.
#include <uapi/linux/ptrace.h>
#include <linux/sched.h>
#include <linux/delay.h>

struct chain_t {
    int waker_stack;
    int target_stack;
    u32 target_pid;
    u32 waker_pid;
    char waker[TASK_COMM_LEN];
    char target[TASK_COMM_LEN];
};

struct woken_t {
    u64 ts;
    int stack;
};

BPF_HASH(chains, struct chain_t);
BPF_HASH(asleep, u32, struct woken_t);
BPF_STACK_TRACE(stacks, 2048);

int kprobe__schedule(struct pt_regs *ctx) {
    struct woken_t one = {.ts = bpf_ktime_get_ns()};
    u32 pid = bpf_get_current_pid_tgid();

    one.stack = stacks.get_stackid(ctx, BPF_F_REUSE_STACKID);
    asleep.insert(&pid, &one);
    return 0;
}

int kprobe__try_to_wake_up(struct pt_regs *ctx, struct task_struct *p, unsigned int state) {
    struct chain_t key = {};
    u32 pid = p->pid;
    struct woken_t *one = asleep.lookup(&pid);
    u64 delta;

    if (one == 0 || p->flags & PF_KTHREAD)
        return 0;
    if (p->__state == TASK_RUNNING && !(state & TASK_UNINTERRUPTIBLE))
        return 0;
    delta = (bpf_ktime_get_ns() - one->ts) / 1000;
    key.target_stack = one->stack;
    asleep.delete(&pid);
    key.target_pid = pid;
    key.waker_pid = bpf_get_current_pid_tgid();
    key.waker_stack = stacks.get_stackid(ctx, 0);
    bpf_probe_read_kernel(&key.target, sizeof(key.target), p->comm);
    bpf_get_current_comm(&key.waker, sizeof(key.waker));
    chains.increment(key, delta);
    return 0;
}
