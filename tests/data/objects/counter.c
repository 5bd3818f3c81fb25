struct event_t { u64 n; u32 pid; };
BPF_HASH(counts, u32, u64, 128);
BPF_ARRAY(slots, u64, 4);
BPF_RINGBUF_OUTPUT(events, 8);

static __attribute__((__noinline__)) int twice(int n) { return n * 2; }

int count(struct pt_regs *ctx) {
    struct task_struct *task = (struct task_struct *)bpf_get_current_task();
    struct event_t event = {};
    int slot = twice(1);
    event.pid = task->tgid;
    counts.increment(event.pid);
    slots.increment(slot);
    events.ringbuf_output(&event, sizeof(event), 0);
    return 0;
}
