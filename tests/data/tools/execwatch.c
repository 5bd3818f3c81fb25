// Show new programs with their first arguments, their parent and the processor they started on.
#include <uapi/linux/ptrace.h>
#include <linux/sched.h>
#include <linux/fs.h>
#include <linux/init_task.h>
#include <linux/ptrace.h>

#define ARG_BYTES 64
#define ARGS 6

enum kind { KIND_ARG = 1, KIND_RESULT };

struct exec_t {
    u32 pid;
    u32 ppid;
    u32 cpu;
    enum kind kind;
    int result;
    char comm[TASK_COMM_LEN];
    char arg[ARG_BYTES];
};

BPF_PERF_OUTPUT(execs);

static int send_arg(struct pt_regs *ctx, const char __user *const __user *place, struct exec_t *event) {
    const char *text = NULL;

    bpf_probe_read_user(&text, sizeof(text), place);
    if (text == NULL)
        return 0;
    bpf_probe_read_user_str(event->arg, sizeof(event->arg), text);
    execs.perf_submit(ctx, event, sizeof(*event));
    return 1;
}

int syscall__execve(struct pt_regs *ctx, const char __user *filename,
                    const char __user *const __user *argv, const char __user *const __user *envp) {
    struct exec_t event = {.kind = KIND_ARG};
    struct task_struct *task = (struct task_struct *)bpf_get_current_task();

    event.pid = bpf_get_current_pid_tgid() >> 32;
    event.ppid = task->real_parent->tgid;
    event.cpu = bpf_get_smp_processor_id();
    bpf_get_current_comm(&event.comm, sizeof(event.comm));
    bpf_probe_read_user_str(event.arg, sizeof(event.arg), filename);
    execs.perf_submit(ctx, &event, sizeof(event));
    #pragma unroll
    for (int i = 1; i < ARGS; i++) {
        if (!send_arg(ctx, &argv[i], &event))
            break;
    }
    return 0;
}

#ifdef CONFIG_ARCH_HAS_SYSCALL_WRAPPER
#define ARG_OF_CALLER(ctx) PT_REGS_PARM1((struct pt_regs *)PT_REGS_PARM1(ctx))
#else
#define ARG_OF_CALLER(ctx) PT_REGS_PARM1(ctx)
#endif

int kprobe__sys_exit_group(struct pt_regs *ctx) {
    struct exec_t event = {.kind = KIND_RESULT};

    event.pid = bpf_get_current_pid_tgid() >> 32;
    event.result = ARG_OF_CALLER(ctx);
    execs.perf_submit(ctx, &event, sizeof(event));
    return 0;
}

int kretprobe__sys_execve(struct pt_regs *ctx) {
    struct exec_t event = {.kind = KIND_RESULT};
    struct task_struct *task = (struct task_struct *)bpf_get_current_task();
    const struct task_struct *parent = task->real_parent;

    if (unlikely(PT_REGS_RC(ctx) != 0 && parent == NULL))
        return 0;
    event.pid = task->tgid;
    event.ppid = parent->tgid;
    event.result = PT_REGS_RC(ctx);
    bpf_get_current_comm(&event.comm, sizeof(event.comm));
    execs.perf_submit(ctx, &event, sizeof(event));
    return 0;
}
