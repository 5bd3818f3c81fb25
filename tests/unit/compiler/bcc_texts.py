"""Programs as people write them for bcc: each goes through the front half without an error."""

from __future__ import annotations

PROGRAMS: dict[str, str] = {}

PROGRAMS["hello"] = r"""
int hello(void *ctx) {
    bpf_trace_printk("Hello, World!\n");
    return 0;
}
"""

PROGRAMS["tracepoint-histogram"] = r"""
BPF_HISTOGRAM(prios);
TRACEPOINT_PROBE(sched, sched_switch) {
    prios.increment(bpf_log2l(args->next_prio));
    return 0;
}
"""

PROGRAMS["latency"] = r"""
struct key_t { u32 pid; char comm[TASK_COMM_LEN]; };
BPF_HASH(start, u32);
BPF_HASH(slow, struct key_t, u64, 1024);
BPF_HISTOGRAM(usecs);

int on_entry(struct pt_regs *ctx) {
    u32 pid = bpf_get_current_pid_tgid();
    u64 ts = bpf_ktime_get_ns();
    start.update(&pid, &ts);
    return 0;
}

int on_return(struct pt_regs *ctx) {
    u32 pid = bpf_get_current_pid_tgid();
    u64 *tsp = start.lookup(&pid);
    if (tsp == 0)
        return 0;
    u64 delta = bpf_ktime_get_ns() - *tsp;
    start.delete(&pid);
    usecs.increment(bpf_log2l(delta / 1000));
    if (PT_REGS_RC(ctx) != 0) {
        struct key_t key = {.pid = pid};
        bpf_get_current_comm(&key.comm, sizeof(key.comm));
        slow.atomic_increment(key, delta);
    }
    return 0;
}
"""

PROGRAMS["exec-ring"] = r"""
struct event { u32 pid; u32 ppid; u64 ts; char comm[16]; char file[64]; };
BPF_RINGBUF_OUTPUT(events, 8);
TRACEPOINT_PROBE(sched, sched_process_exec) {
    struct event *e = events.ringbuf_reserve(sizeof(struct event));
    if (!e)
        return 1;
    struct task_struct *task = (struct task_struct *)bpf_get_current_task();
    e->pid = bpf_get_current_pid_tgid() >> 32;
    e->ppid = task->real_parent->tgid;
    e->ts = bpf_ktime_get_ns();
    bpf_get_current_comm(&e->comm, sizeof(e->comm));
    TP_DATA_LOC_READ_STR(e->file, filename, sizeof(e->file));
    events.ringbuf_submit(e, 0);
    return 0;
}
"""

PROGRAMS["perf-output"] = r"""
struct data_t { u32 pid; u64 inode; char comm[16]; char name[32]; };
BPF_PERF_OUTPUT(opens);
int kprobe__vfs_open(struct pt_regs *ctx, struct path *path, struct kfile *file) {
    struct data_t data = {};
    struct dentry *de = path->dentry;
    data.pid = bpf_get_current_pid_tgid() >> 32;
    data.inode = de->d_inode->i_ino;
    bpf_probe_read_kernel_str(&data.name, sizeof(data.name), de->d_name.name);
    bpf_get_current_comm(&data.comm, sizeof(data.comm));
    opens.perf_submit(ctx, &data, sizeof(data));
    return 0;
}
"""

PROGRAMS["xdp-counter"] = r"""
BPF_PERCPU_ARRAY(packets, long, 256);
BPF_ARRAY(total);
int count(struct xdp_md *ctx) {
    void *data = (void *)(long)ctx->data;
    void *data_end = (void *)(long)ctx->data_end;
    struct ethhdr *eth = data;
    if (data + sizeof(*eth) > data_end)
        return XDP_DROP;
    if (eth->h_proto != ntohs(0x0800))
        return XDP_PASS;
    struct iphdr *ip = data + sizeof(*eth);
    if ((void *)(ip + 1) > data_end)
        return XDP_DROP;
    u32 index = ip->protocol;
    long *value = packets.lookup(&index);
    if (value)
        *value += 1;
    int zero = 0;
    u64 *all = total.lookup(&zero);
    if (all)
        lock_xadd(all, 1);
    return XDP_PASS;
}
"""

PROGRAMS["raw-tracepoint"] = r"""
BPF_HASH(switches, u32, u64);
RAW_TRACEPOINT_PROBE(sched_switch) {
    struct task_struct *prev = (struct task_struct *)ctx->args[1];
    struct task_struct *next = (struct task_struct *)ctx->args[2];
    u32 pid = next->pid;
    if (prev->exit_signal)
        switches.increment(pid);
    return 0;
}
"""

PROGRAMS["stack-trace"] = r"""
struct key_t { int user; int kernel; u32 pid; };
BPF_HASH(counts, struct key_t);
BPF_STACK_TRACE(stacks, 1000);
int on_sample(struct pt_regs *ctx) {
    struct key_t key = {.pid = bpf_get_current_pid_tgid() >> 32};
    key.kernel = stacks.get_stackid(ctx, 0);
    key.user = stacks.get_stackid(ctx, BPF_F_USER_STACK);
    u64 zero = 0, *count = counts.lookup_or_try_init(&key, &zero);
    if (count)
        (*count)++;
    return 0;
}
"""

PROGRAMS["parents"] = r"""
static u32 generation(struct task_struct *task) {
    u32 depth = 0;
    #pragma unroll
    for (int i = 0; i < 4; i++) {
        if (!task || task->pid <= 1)
            break;
        task = task->real_parent;
        depth++;
    }
    return depth;
}
BPF_HISTOGRAM(depths);
int depth(struct pt_regs *ctx) {
    struct task_struct *task = (struct task_struct *)bpf_get_current_task();
    depths.increment(generation(task));
    return task->real_parent->real_parent->tgid & 1;
}
"""

PROGRAMS["syscall-arguments"] = r"""
struct val_t { u64 id; const char *name; int flags; };
BPF_HASH(pending, u64, struct val_t);
BPF_PERF_OUTPUT(events);
struct out_t { u64 id; int ret; int flags; char name[128]; };
int syscall__openat(struct pt_regs *ctx, int dfd, const char __user_ *filename, int flags) {
    struct val_t val = {};
    u64 id = bpf_get_current_pid_tgid();
    val.id = id;
    val.name = filename;
    val.flags = flags;
    pending.update(&id, &val);
    return 0;
}
int on_return(struct pt_regs *ctx) {
    u64 id = bpf_get_current_pid_tgid();
    struct out_t out = {};
    struct val_t *val = pending.lookup(&id);
    if (!val)
        return 0;
    out.id = val->id;
    out.flags = val->flags;
    out.ret = PT_REGS_RC(ctx);
    bpf_probe_read_user_str(&out.name, sizeof(out.name), (void *)val->name);
    events.perf_submit(ctx, &out, sizeof(out));
    pending.delete(&id);
    return 0;
}
""".replace("__user_ ", "")

PROGRAMS["lookup-or-init"] = r"""
struct stats { u64 count; u64 bytes; };
BPF_HASH(by_pid, u32, struct stats);
int kprobe__tcp_sendmsg(struct pt_regs *ctx, struct sock *sk, void *msg, size_t size) {
    u32 pid = bpf_get_current_pid_tgid() >> 32;
    struct stats zero = {}, *s;
    u16 family = sk->__sk_common.skc_family;
    if (family != 2)
        return 0;
    s = by_pid.lookup_or_init(&pid, &zero);
    s->count++;
    s->bytes += size;
    return 0;
}
"""

PROGRAMS["fentry"] = r"""
BPF_HASH(seen, u64, u64);
KFUNC_PROBE(do_exit, struct task_struct *task, long code) {
    u64 key = task->real_parent->tgid;
    seen.increment(key, code);
    return 0;
}
KRETFUNC_PROBE(vfs_read, struct kfile *file, char *buf, size_t count, long ret) {
    u64 key = file->f_mode;
    if (ret > 0)
        seen.increment(key, ret);
    return 0;
}
LSM_PROBE(task_alloc, struct task_struct *task, unsigned long flags, int ret) {
    return ret ? ret : task->flags & 1 ? -1 : 0;
}
BPF_ITER(task) {
    struct seq_file *seq = ctx->meta->seq;
    struct task_struct *task = ctx->task;
    if (!task)
        return 0;
    static const char format[] = "%d\n";
    u64 value = task->tgid;
    bpf_seq_printf(seq, (char *)format, sizeof(format), &value, sizeof(value));
    return 0;
}
"""

PROGRAMS["maps-of-everything"] = r"""
struct lpm { u32 prefixlen; u32 addr; };
BPF_LPM_TRIE(routes, struct lpm, u32, 16);
BPF_QUEUE(queue, u64, 32);
BPF_STACK(stack_, u64, 32);
BPF_PROG_ARRAY(next, 4);
BPF_PERF_ARRAY(cycles, 4);
BPF_CGROUP_ARRAY(groups, 1);
BPF_TABLE("lru_hash", u32, u64, recent, 64);
BPF_TABLE_PINNED("hash", u32, u64, pinned, 64, "/sys/fs/bpf/pinned");
BPF_ARRAY_OF_MAPS(outer, "recent", 4);
BPF_PERCPU_HASH(percpu, u32);
int everything(struct pt_regs *ctx) {
    struct lpm key = {.prefixlen = 32, .addr = PT_REGS_PARM1(ctx)};
    u32 *route = routes.lookup(&key);
    u64 v = route ? *route : 0;
    queue.push(&v, 0);
    stack_.push(&v, BPF_EXIST);
    queue.pop(&v);
    stack_.peek(&v);
    u32 k = v;
    recent.insert(&k, &v);
    pinned.update(&k, &v);
    percpu.increment(k, 3);
    if (groups.check_current_task(0) != 1)
        return 0;
    v = cycles.perf_read(CUR_CPU_IDENTIFIER);
    int i = 0;
    void *inner = outer.lookup(&i);
    if (inner) {
        u64 *found = bpf_map_lookup_elem(inner, &k);
        if (found)
            v += *found;
    }
    next.call(ctx, 2);
    return bpf_num_cpus();
}
"""

PROGRAMS["packet-headers"] = r"""
#include <bcc/proto.h>
BPF_HASH(by_port, u16, u64);
int filter(struct __sk_buff *skb) {
    u8 *cursor = 0;
    struct ethernet_t *eth = cursor_advance(cursor, sizeof(*eth));
    if (eth->type != 0x0800)
        return 0;
    struct ip_t *ip = cursor_advance(cursor, sizeof(*ip));
    if (ip->nextp != 17)
        return 0;
    struct udp_t *udp = cursor_advance(cursor, sizeof(*udp));
    u16 port = udp->dport;
    by_port.increment(port);
    ip->ttl = ip->ttl - 1;
    return -1;
}
"""
