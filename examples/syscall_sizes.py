"""How large are the reads of this machine? A histogram of the sizes that read(2) gave."""

from time import sleep

from bcc import BPF

b = BPF(
    text="""
#include <uapi/linux/ptrace.h>

BPF_HISTOGRAM(dist);

TRACEPOINT_PROBE(syscalls, sys_exit_read) {
    if (args->ret > 0)
        dist.increment(bpf_log2l(args->ret));
    return 0;
}
"""
)

print("Counting read sizes for three seconds...")
sleep(3)
b["dist"].print_log2_hist("bytes")
