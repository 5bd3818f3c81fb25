// Signals sent by kill, tkill and tgkill: from whom, to whom, with what result.
#include <uapi/linux/ptrace.h>
#include <linux/sched.h>

struct sent_t {
    u64 pid;
    int target;
    int sig;
    int ret;
    char comm[TASK_COMM_LEN];
};

BPF_HASH(sending, u32, struct sent_t);
BPF_PERF_OUTPUT(sent);

static int begin(int target, int sig) {
    struct sent_t one = {.target = target, .sig = sig};
    u64 id = bpf_get_current_pid_tgid();
    u32 tid = id;

    /* Signal 0 only asks whether the process is there. */
    if (sig == 0)
        return 0;
    one.pid = id >> 32;
    bpf_get_current_comm(&one.comm, sizeof(one.comm));
    sending.update(&tid, &one);
    return 0;
}

static int finish(void *ctx, int ret) {
    u32 tid = bpf_get_current_pid_tgid();
    struct sent_t *one = sending.lookup(&tid);

    if (!one)
        return 0;
    struct sent_t event = *one;
    event.ret = ret;
    sent.perf_submit(ctx, &event, sizeof(event));
    sending.delete(&tid);
    return 0;
}

TRACEPOINT_PROBE(syscalls, sys_enter_kill) {
    return begin(args->pid, args->sig);
}

TRACEPOINT_PROBE(syscalls, sys_exit_kill) {
    return finish(args, args->ret);
}

TRACEPOINT_PROBE(syscalls, sys_enter_tgkill) {
    return begin(args->tgid, args->sig);
}

TRACEPOINT_PROBE(syscalls, sys_exit_tgkill) {
    return finish(args, args->ret);
}

int kprobe__do_send_sig_info(struct pt_regs *ctx, int sig, void *info, struct task_struct *p) {
    if (sig == SIGKILL && p->signal->group_exit_code == -ESRCH)
        return finish(ctx, -EPERM);
    return 0;
}
