/* Stands before each text: who may ask, and where the answers go. */
#include <linux/sched.h>

#define PID 0
#define SYSCALL 1
#define FD 2
#define MARK 3

BPF_ARRAY(wanted, u64, 4);
BPF_ARRAY(out, u64, 16);

#define OUT(i, v) do { int _i = (i); u64 _v = (u64)(v); out.update(&_i, &_v); } while (0)

static inline u64 asked(int what) {
    u64 *value = wanted.lookup(&what);

    return value ? *value : 0;
}

static inline int mine(struct bpf_raw_tracepoint_args *ctx) {
    return bpf_get_current_pid_tgid() >> 32 == asked(PID) && ctx->args[1] == asked(SYSCALL);
}

static inline struct file *wanted_file(void) {
    struct task_struct *task = (struct task_struct *)bpf_get_current_task();

    return task->files->fdt->fd[asked(FD)];
}
