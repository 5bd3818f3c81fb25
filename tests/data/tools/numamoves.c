// Pages the balancer moves between memory nodes, and how long a move takes.
#include <uapi/linux/ptrace.h>
#include <linux/topology.h>
#include <linux/mm.h>

struct node_key_t {
    int node;
    u64 slot;
};

BPF_HASH(started, u32);
BPF_HISTOGRAM(moves, struct node_key_t);

static int begin(void) {
    u32 tid = bpf_get_current_pid_tgid();
    u64 now = bpf_ktime_get_ns();

    started.update(&tid, &now);
    return 0;
}

static int done(void) {
    u32 tid = bpf_get_current_pid_tgid();
    u64 *since = started.lookup(&tid);
    struct node_key_t key = {.node = bpf_get_numa_node_id()};

    if (since == NULL)
        return 0;
    key.slot = bpf_log2l(div_u64(bpf_ktime_get_ns() - *since, 1000));
    moves.atomic_increment(key);
    started.delete(&tid);
    return 0;
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
int kprobe__migrate_misplaced_folio(struct pt_regs *ctx) {
    return begin();
}

int kretprobe__migrate_misplaced_folio(struct pt_regs *ctx) {
    return done();
}
#else
int kprobe__migrate_misplaced_page(struct pt_regs *ctx) {
    return begin();
}

int kretprobe__migrate_misplaced_page(struct pt_regs *ctx) {
    return done();
}
#endif
