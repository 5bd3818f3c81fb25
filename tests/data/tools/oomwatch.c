// Report what the out-of-memory killer ends, and for whom it had to.
#include <uapi/linux/ptrace.h>
#include <linux/oom.h>
#include <linux/mm.h>
#include <linux/sched.h>

struct oom_t {
    u32 from_pid;
    u32 to_pid;
    u64 pages;
    u64 total_vm;
    char from[TASK_COMM_LEN];
    char to[TASK_COMM_LEN];
};

BPF_PERF_OUTPUT(kills);

int kprobe__oom_kill_process(struct pt_regs *ctx, struct oom_control *oc, const char *message) {
    struct oom_t event = {};
    struct task_struct *victim = oc->chosen;

    event.from_pid = bpf_get_current_pid_tgid() >> 32;
    event.to_pid = victim->tgid;
    event.pages = oc->totalpages;
    if (victim->mm)
        event.total_vm = victim->mm->total_vm;
#ifdef CONFIG_MEMCG
    if (oc->memcg != NULL)
        event.pages = 0;
#endif
    bpf_get_current_comm(&event.from, sizeof(event.from));
    bpf_probe_read_kernel(&event.to, sizeof(event.to), victim->comm);
    kills.perf_submit(ctx, &event, sizeof(event));
    return 0;
}
