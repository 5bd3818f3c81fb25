// Time threads spend off the processor, by user and kernel stack.
// program oncpu: kprobe
#include <uapi/linux/ptrace.h>
#include <linux/sched.h>

#define MIN_US 1
#define MAX_US 10000000

struct stack_key_t {
    u64 kernel_ip;
    u32 pid;
    u32 tgid;
    int user_stack;
    int kernel_stack;
    char name[TASK_COMM_LEN];
};

BPF_HASH(counts, struct stack_key_t);
BPF_HASH(since, u32, u64, 65536);
BPF_STACK_TRACE(stacks, 4096);

static bool wanted(struct task_struct *task) {
    if (task->flags & PF_KTHREAD)
        return false;
    /* A thread that was preempted is still runnable: that is not waiting. */
    return task->state != TASK_RUNNING || task->state & TASK_UNINTERRUPTIBLE;
}

int oncpu(struct pt_regs *ctx, struct task_struct *prev) {
    u32 pid = prev->pid;
    u64 now = bpf_ktime_get_ns(), *start, delta;
    struct stack_key_t key = {};

    if (wanted(prev))
        since.update(&pid, &now);

    pid = bpf_get_current_pid_tgid();
    start = since.lookup(&pid);
    if (start == 0)
        return 0;
    delta = now - *start;
    since.delete(&pid);
    delta = delta / 1000;
    if (delta < MIN_US || delta > MAX_US)
        return 0;

    key.pid = pid;
    key.tgid = bpf_get_current_pid_tgid() >> 32;
    key.user_stack = stacks.get_stackid(ctx, BPF_F_USER_STACK);
    key.kernel_stack = stacks.get_stackid(ctx, 0);
    key.kernel_ip = PT_REGS_IP(ctx);
    bpf_get_current_comm(&key.name, sizeof(key.name));
    counts.increment(key, delta);
    return 0;
}
