// Print every task with its parent and its command, as a file to read.
#include <linux/sched.h>

BPF_ITER(task) {
    struct seq_file *seq = ctx->meta->seq;
    struct task_struct *task = ctx->task;
    char head[] = "    pid   tgid command\n";
    char line[] = "%7d %6d %s\n";
    u64 words[3];

    if (task == NULL)
        return 0;
    if (ctx->meta->seq_num == 0)
        bpf_seq_printf(seq, head, sizeof(head), NULL, 0);
    words[0] = task->pid;
    words[1] = task->tgid;
    words[2] = (u64)task->comm;
    bpf_seq_printf(seq, line, sizeof(line), words, sizeof(words));
    return 0;
}
