// Hits and misses of the page cache, from four functions every kernel has under some name.
#include <uapi/linux/ptrace.h>
#include <linux/mm.h>

enum {
    MARK_ACCESSED,
    MARK_DIRTY,
    ADD_TO_CACHE,
    ACCOUNT_DIRTIED,
    EVENTS,
};

struct owner_t {
    u32 pid;
    u32 uid;
    u32 event;
    char comm[TASK_COMM_LEN];
};

BPF_HASH(owners, struct owner_t);
BPF_PERCPU_ARRAY(totals, u64, EVENTS);

static int account(u32 event) {
    struct owner_t key = {.event = event};
    u64 zero = 0, *value;

    key.pid = bpf_get_current_pid_tgid() >> 32;
    key.uid = bpf_get_current_uid_gid() & 0xffffffff;
    bpf_get_current_comm(&key.comm, sizeof(key.comm));
    value = owners.lookup_or_init(&key, &zero);
    (*value)++;
    totals.increment(event);
    return 0;
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 16, 0)
int kprobe__folio_mark_accessed(struct pt_regs *ctx) {
    return account(MARK_ACCESSED);
}

int kprobe__filemap_add_folio(struct pt_regs *ctx) {
    return account(ADD_TO_CACHE);
}
#else
int kprobe__mark_page_accessed(struct pt_regs *ctx) {
    return account(MARK_ACCESSED);
}

int kprobe__add_to_page_cache_lru(struct pt_regs *ctx) {
    return account(ADD_TO_CACHE);
}
#endif

int kprobe__mark_buffer_dirty(struct pt_regs *ctx) {
    return account(MARK_DIRTY);
}

int kprobe__account_page_dirtied(struct pt_regs *ctx) {
    return account(ACCOUNT_DIRTIED);
}
