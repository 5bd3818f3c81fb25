"""Show every program that is started, until Ctrl-C or as many as were asked for."""

import sys

from bcc import BPF
from bcc.utils import printb

b = BPF(
    text="""
#include <linux/sched.h>

struct event_t {
    u32 pid;
    u32 ppid;
    char comm[TASK_COMM_LEN];
    char file[64];
};
BPF_RINGBUF_OUTPUT(events, 16);

TRACEPOINT_PROBE(sched, sched_process_exec) {
    struct event_t event = {};
    struct task_struct *task = (struct task_struct *)bpf_get_current_task();
    event.pid = args->pid;
    event.ppid = task->real_parent->tgid;
    bpf_get_current_comm(&event.comm, sizeof(event.comm));
    TP_DATA_LOC_READ_STR(event.file, filename, sizeof(event.file));
    events.ringbuf_output(&event, sizeof(event), 0);
    return 0;
}
"""
)

wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 0
seen = 0


def show(ctx, data, size):
    global seen
    event = b["events"].event(data)
    printb(b"%-7d %-7d %-16s %s" % (event.pid, event.ppid, event.comm, event.file))
    seen += 1


b["events"].open_ring_buffer(show)
print("%-7s %-7s %-16s %s" % ("PID", "PPID", "COMM", "FILE"))
while not wanted or seen < wanted:
    try:
        b.ring_buffer_poll(100)
    except KeyboardInterrupt:
        break
