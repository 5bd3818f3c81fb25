// Old style: every member read by hand with bpf_probe_read, as tools wrote before there was BTF.
#include <uapi/linux/ptrace.h>
#include <linux/sched.h>
#include <linux/fs.h>

struct seen_t {
    u32 tgid;
    u64 inode;
    char comm[TASK_COMM_LEN];
};

BPF_HASH(seen, u64, struct seen_t);

int kprobe__vfs_statx(struct pt_regs *ctx) {
    struct task_struct *task = (struct task_struct *)bpf_get_current_task(), *parent = NULL;
    struct files_struct *files = NULL;
    struct fdtable *table = NULL;
    unsigned int max = 0;
    struct seen_t one = {};
    u64 id = bpf_get_current_pid_tgid();

    bpf_probe_read(&parent, sizeof(parent), &task->real_parent);
    bpf_probe_read(&one.tgid, sizeof(one.tgid), &parent->tgid);
    bpf_probe_read(&one.comm, sizeof(one.comm), &parent->comm);
    bpf_probe_read(&files, sizeof(files), &task->files);
    bpf_probe_read(&table, sizeof(table), &files->fdt);
    bpf_probe_read(&max, sizeof(max), &table->max_fds);
    one.inode = max;
    seen.update(&id, &one);
    return 0;
}

TRACEPOINT_PROBE(sched, sched_process_exec) {
    char file[48] = {};
    struct seen_t one = {.tgid = args->old_pid};
    u64 id = bpf_get_current_pid_tgid();

    TP_DATA_LOC_READ_CONST(&file, filename, 16);
    __builtin_memcpy(&one.comm, file, sizeof(one.comm));
    seen.update(&id, &one);
    return 0;
}

int kretprobe__vfs_statx(struct pt_regs *ctx) {
    u64 id = bpf_get_current_pid_tgid();

    if (PT_REGS_RC(ctx) == -ENOENT)
        seen.delete(&id);
    return 0;
}
