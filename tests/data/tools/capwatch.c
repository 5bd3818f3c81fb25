// Show capability checks: which capability, whether for the audit log, and the stack that asked.
#include <uapi/linux/ptrace.h>
#include <linux/sched.h>
#include <linux/security.h>
#include <linux/capability.h>

struct check_t {
    u32 tgid;
    u32 pid;
    u32 uid;
    int cap;
    int audit;
    int insetid;
    int kernel_stack;
    char comm[TASK_COMM_LEN];
};

struct unique_t {
    int cap;
    u32 tgid;
};

BPF_HASH(seen, struct unique_t);
BPF_STACK_TRACE(stacks, 512);
BPF_PERF_OUTPUT(checks);

int kprobe__cap_capable(struct pt_regs *ctx, const struct cred *cred, struct user_namespace *targ_ns,
                        int cap, unsigned int opts) {
    struct check_t event = {.cap = cap};
    struct unique_t key = {.cap = cap};
    u64 zero = 0;

    event.audit = (opts & CAP_OPT_NOAUDIT) == CAP_OPT_NONE;
    event.insetid = (opts & CAP_OPT_INSETID) != 0;
    event.pid = bpf_get_current_pid_tgid();
    event.tgid = bpf_get_current_pid_tgid() >> 32;
    event.uid = cred->uid.val;
    if (cap == CAP_SYS_ADMIN && targ_ns->level > 0)
        return 0;
    key.tgid = event.tgid;
    if (seen.lookup(&key) != NULL)
        return 0;
    seen.update(&key, &zero);
    event.kernel_stack = stacks.get_stackid(ctx, 0);
    bpf_get_current_comm(&event.comm, sizeof(event.comm));
    checks.perf_submit(ctx, &event, sizeof(event));
    return 0;
}
