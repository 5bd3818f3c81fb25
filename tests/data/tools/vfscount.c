// Count calls of the virtual file system's main functions.
#include <uapi/linux/ptrace.h>

enum calls {
    CALL_READ = 1,
    CALL_WRITE,
    CALL_FSYNC,
    CALL_OPEN,
    CALL_CREATE,
    CALL_LAST,
};

BPF_ARRAY(calls, u64, CALL_LAST);
BPF_PERCPU_ARRAY(busy, u64, 1);

static inline void count(int key) {
    u64 *value = calls.lookup(&key);

    if (value)
        lock_xadd(value, 1);
}

int kprobe__vfs_read(struct pt_regs *ctx) {
    count(CALL_READ);
    return 0;
}

int kprobe__vfs_write(struct pt_regs *ctx) {
    count(CALL_WRITE);
    return 0;
}

int kprobe__vfs_fsync(struct pt_regs *ctx) {
    count(CALL_FSYNC);
    return 0;
}

int kprobe__vfs_open(struct pt_regs *ctx) {
    count(CALL_OPEN);
    busy.increment(0);
    return 0;
}

int kprobe__vfs_create(struct pt_regs *ctx) {
    count(CALL_CREATE);
    return 0;
}
