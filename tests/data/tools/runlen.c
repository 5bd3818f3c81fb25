// Sample the length of the run queues, with a partial picture of the scheduler's structure.
// program sample_queue: perf_event
#include <uapi/linux/ptrace.h>
#include <linux/sched.h>
#include <uapi/linux/bpf_perf_event.h>

/* Only the beginning is of interest, and the kernel's own name for it is private. */
struct cfs_rq_partial {
    struct load_weight load;
    unsigned int nr_running;
    unsigned int h_nr_running;
};

typedef struct {
    int cpu;
    unsigned int length;
} queue_key_t;

BPF_HISTOGRAM(lengths, unsigned int);
BPF_HASH(queues, queue_key_t);

int sample_queue(struct bpf_perf_event_data *ctx) {
    struct task_struct *task = (struct task_struct *)bpf_get_current_task();
    struct cfs_rq_partial *queue = (struct cfs_rq_partial *)task->se.cfs_rq;
    unsigned int length = queue->nr_running;
    queue_key_t key = {.cpu = bpf_get_smp_processor_id()};

    /* The thread that runs is counted by the kernel, but does not wait. */
    if (length > 0)
        length--;
    lengths.increment(length);
    key.length = length;
    queues.increment(key, ctx->sample_period > 0);
    return 0;
}
