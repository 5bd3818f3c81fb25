// Report every openat(2) with its path, its flags and how it ended.
#include <uapi/linux/ptrace.h>
#include <uapi/linux/limits.h>
#include <linux/sched.h>
#include <linux/fcntl.h>
#include <uapi/linux/openat2.h>

#if NAME_MAX < 96
#error "a name of this kernel does not fill the buffer"
#endif
#define PATH_BYTES 96

struct pending_t {
    u64 since;
    const char *path;
    int flags;
};

struct open_event_t {
    u64 delta_us;
    u32 pid;
    u32 uid;
    int flags;
    int result;
    char comm[TASK_COMM_LEN];
    char path[PATH_BYTES];
};

BPF_HASH(pending, u64, struct pending_t, 4096);
BPF_PERF_OUTPUT(opens);

TRACEPOINT_PROBE(syscalls, sys_enter_openat) {
    u64 id = bpf_get_current_pid_tgid();
    struct pending_t entry = {};

    entry.since = bpf_ktime_get_ns();
    entry.path = args->filename;
    entry.flags = (int)args->flags;
    pending.update(&id, &entry);
    return 0;
}

TRACEPOINT_PROBE(syscalls, sys_exit_openat) {
    u64 id = bpf_get_current_pid_tgid();
    struct pending_t *entry = pending.lookup(&id);
    struct open_event_t event = {};

    if (!entry)
        return 0;
    /* Temporary files without a name say nothing of use. */
    if ((entry->flags & O_TMPFILE) == O_TMPFILE) {
        pending.delete(&id);
        return 0;
    }
    event.delta_us = (bpf_ktime_get_ns() - entry->since) / 1000;
    event.pid = id >> 32;
    event.uid = bpf_get_current_uid_gid();
    event.flags = entry->flags & (O_ACCMODE | O_CREAT);
    event.result = args->ret;
    bpf_get_current_comm(&event.comm, sizeof(event.comm));
    bpf_probe_read_user_str(event.path, sizeof(event.path), entry->path);
    opens.perf_submit(args, &event, sizeof(event));
    pending.delete(&id);
    return 0;
}

/* openat2 brings its flags in a structure of user space. */
int syscall__openat2(struct pt_regs *ctx, int dfd, const char __user *name,
                     struct open_how __user *how, size_t size) {
    struct open_how copy = {};
    struct open_event_t event = {};

    if (size < sizeof(copy))
        return 0;
    bpf_probe_read_user(&copy, sizeof(copy), how);
    event.flags = (int)copy.flags;
    event.pid = bpf_get_current_pid_tgid() >> 32;
    bpf_probe_read_user_str(event.path, sizeof(event.path), name);
    opens.perf_submit(ctx, &event, sizeof(event));
    return 0;
}
