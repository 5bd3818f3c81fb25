// How long threads wait in the run queue, as histograms for each process of a PID namespace.
#include <uapi/linux/ptrace.h>
#include <linux/sched.h>
#include <linux/nsproxy.h>
#include <linux/pid_namespace.h>

typedef struct {
    u64 id;
    u64 slot;
} wait_key_t;

BPF_HASH(start, u32);
BPF_HISTOGRAM(waits, wait_key_t);

static unsigned int namespace_of(struct task_struct *task) {
    struct pid *pid = task->signal->pids[PIDTYPE_PID];

    /* A thread that does not lead its group has the identity of its own. */
    if (pid == NULL)
        pid = task->thread_pid;
    int level = pid->level;
    struct upid last;

    bpf_probe_read_kernel(&last, sizeof(last), &pid->numbers[level]);
    return last.ns->ns.inum;
}

static int enqueue(u32 tgid, u32 pid) {
    u64 now = bpf_ktime_get_ns();

    if (pid == 0 || tgid == 0)
        return 0;
    start.update(&pid, &now);
    return 0;
}

RAW_TRACEPOINT_PROBE(sched_wakeup) {
    struct task_struct *p = (struct task_struct *)ctx->args[0];

    return enqueue(p->tgid, p->pid);
}

RAW_TRACEPOINT_PROBE(sched_wakeup_new) {
    struct task_struct *p = (struct task_struct *)ctx->args[0];

    return enqueue(p->tgid, p->pid);
}

RAW_TRACEPOINT_PROBE(sched_switch) {
    struct task_struct *prev = (struct task_struct *)ctx->args[1];
    struct task_struct *next = (struct task_struct *)ctx->args[2];
    wait_key_t key = {};
    u32 pid;
    u64 *since;

    if (prev->state == TASK_RUNNING)
        enqueue(prev->tgid, prev->pid);
    pid = next->pid;
    since = start.lookup(&pid);
    if (!since)
        return 0;
    key.id = namespace_of(next);
    if (next->nsproxy == NULL)
        key.id = 0;
    key.slot = bpf_log2l((bpf_ktime_get_ns() - *since) / 1000);
    waits.atomic_increment(key);
    start.delete(&pid);
    return 0;
}
