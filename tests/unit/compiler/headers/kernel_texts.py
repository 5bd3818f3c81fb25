"""Programs that use kernel types in the ways tracing tools do; each must parse on every kernel."""

from __future__ import annotations

TEXTS: dict[str, str] = {}

TEXTS["task"] = r"""
#include <linux/sched.h>
#include <linux/nsproxy.h>
#include <linux/pid_namespace.h>
#include <linux/ns_common.h>
struct val_t { u32 pid; u32 ppid; u64 ns; char comm[TASK_COMM_LEN]; uid_t uid; };
BPF_HASH(tasks, u32, struct val_t);
BPF_STACK_TRACE(stacks, 1024);
int kprobe__finish_task_switch(struct pt_regs *ctx, struct task_struct *prev) {
    struct val_t v = {.pid = prev->pid};
    struct task_struct *t = (struct task_struct *)bpf_get_current_task();
    v.ppid = t->real_parent->tgid;
    v.ns = t->nsproxy->pid_ns_for_children->ns.inum;
    v.uid = bpf_get_current_uid_gid();
    if (prev->flags & PF_KTHREAD)
        return 0;
    if (t->mm == NULL || !t->cred->uid.val)
        return t->signal->group_exit_code;
    bpf_get_current_comm(&v.comm, sizeof(v.comm));
    tasks.update(&v.pid, &v);
    return stacks.get_stackid(ctx, BPF_F_USER_STACK | BPF_F_REUSE_STACKID) < 0;
}
"""

TEXTS["files"] = r"""
#include <uapi/linux/ptrace.h>
#include <linux/fs.h>
#include <linux/dcache.h>
#include <linux/mount.h>
#include <linux/fdtable.h>
enum op { OP_READ = 1, OP_WRITE, UNKNOWN };
struct data_t { u64 ino; dev_t dev; u32 mode; enum op op; char name[DNAME_INLINE_LEN]; };
BPF_PERF_OUTPUT(events);
static int do_entry(struct pt_regs *ctx, struct file *file, char __user *buf, size_t count) {
    struct data_t data = {};
    struct dentry *de = file->f_path.dentry;
    struct qstr d_name = de->d_name;
    if (d_name.len == 0 || de->d_name.len > NAME_MAX || count > PATH_MAX)
        return 0;
    data.mode = file->f_inode->i_mode;
    if (!S_ISREG(data.mode) || (file->f_mode & FMODE_WRITE) == 0)
        data.op = UNKNOWN;
    data.ino = de->d_inode->i_ino;
    data.dev = file->f_inode->i_sb->s_dev;
    data.op = MAJOR(data.dev) ? OP_READ : OP_WRITE;
    bpf_probe_read_kernel(&data.name, sizeof(data.name), d_name.name);
    struct mount *m = container_of(file->f_path.mnt, struct mount, mnt);
    if (m->mnt_id == 3 || (file->f_flags & (O_CREAT | O_TMPFILE | O_WRONLY)))
        return -ENOENT;
    struct address_space *map = file->f_mapping;
    const struct file_operations *ops = file->f_op;
    if (map->host->i_rdev && ops->read_iter == NULL)
        return 0;
    struct fdtable *fdt = ((struct task_struct *)bpf_get_current_task())->files->fdt;
    events.perf_submit(ctx, &data, min_t(size_t, sizeof(data), count));
    return fdt->max_fds;
}
int trace_read(struct pt_regs *ctx, struct file *file, char __user *buf, size_t count) {
    return do_entry(ctx, file, buf, count);
}
KFUNC_PROBE(vfs_unlink, void *ns, struct inode *dir, struct dentry *dentry) {
    return dir->i_size > dentry->d_parent->d_inode->i_ino;
}
"""

TEXTS["sockets"] = r"""
#include <net/sock.h>
#include <net/inet_sock.h>
#include <net/net_namespace.h>
#include <linux/tcp.h>
#include <linux/ipv6.h>
#include <bcc/proto.h>
struct ipv4_t { u32 saddr, daddr; u16 lport, dport; };
struct ipv6_t { unsigned __int128 saddr, daddr; u16 dport; };
BPF_HASH(v4, struct ipv4_t, u64);
BPF_HASH(currsock, u32, struct sock *);
BPF_HISTOGRAM(rtt);
int trace_connect(struct pt_regs *ctx, struct sock *sk) {
    u32 pid = bpf_get_current_pid_tgid() >> 32;
    currsock.update(&pid, &sk);
    struct ipv4_t k = {.saddr = sk->__sk_common.skc_rcv_saddr, .daddr = sk->sk_daddr};
    struct ipv6_t six = {};
    u16 family = sk->sk_family, lport = sk->__sk_common.skc_num;
    if (family == AF_INET6)
        bpf_probe_read_kernel(&six.saddr, sizeof(six.saddr),
            sk->__sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32);
    struct inet_sock *inet = inet_sk(sk);
    const struct tcp_sock *tp = (struct tcp_sock *)sk;
    struct tcp_sock *ts = tcp_sk(sk);
    k.dport = ntohs(inet->inet_dport);
    rtt.increment(bpf_log2l(tp->srtt_us >> 3));
    if (sk->sk_state == TCP_ESTABLISHED && sk->sk_protocol == IPPROTO_TCP)
        v4.increment(k);
    u32 netns = sk->__sk_common.skc_net.net->ns.inum;
    u8 ca = inet_csk(sk)->icsk_ca_state;
    return netns + lport + (ca == TCP_CA_CWR) + sock_net(sk)->ns.inum + ts->snd_cwnd;
}
int trace_skb(struct pt_regs *ctx, struct sk_buff *skb) {
    struct iphdr *ip = (struct iphdr *)(skb->head + skb->network_header);
    struct tcphdr *tcp = (struct tcphdr *)(skb->head + skb->transport_header);
    u8 flags = ((u_int8_t *)tcp)[13];
    struct net_device *dev = skb->dev;
    char name[IFNAMSIZ];
    bpf_probe_read_kernel(&name, sizeof(name), dev->name);
    if (ip->protocol == IPPROTO_UDP && udp_hdr(skb)->dest == htons(53))
        return flags & TCPHDR_SYN;
    return TCP_SKB_CB(skb)->tcp_flags + skb_get_rx_queue(skb) + ip_hdr(skb)->ttl;
}
"""

TEXTS["block"] = r"""
#include <linux/blk-mq.h>
#include <linux/blkdev.h>
#include <linux/time64.h>
struct key_t { struct request *req; char disk[DISK_NAME_LEN]; };
struct start_t { u64 ts; u64 len; u32 pid; };
BPF_HASH(start, struct request *, struct start_t);
BPF_HASH(by_disk, struct key_t, u64);
int trace_start(struct pt_regs *ctx, struct request *req) {
    struct start_t s = {.ts = bpf_ktime_get_ns(), .len = req->__data_len};
    start.update(&req, &s);
    return (req->cmd_flags & REQ_OP_MASK) == REQ_OP_WRITE;
}
int trace_done(struct pt_regs *ctx, struct request *req) {
    struct start_t *s = start.lookup(&req);
    if (s == 0)
        return 0;
    u64 us = (bpf_ktime_get_ns() - s->ts) / NSEC_PER_USEC;
    struct key_t key = {.req = req};
    struct request_queue *q = req->q;
    key.disk[0] = q->nr_requests + req_op(req) + blk_rq_pos(req) + div_u64(us, 1000);
    by_disk.increment(key, us);
    start.delete(&req);
    return req->__sector + req->bio->bi_iter.bi_size + (req->cmd_flags & REQ_META);
}
"""

TEXTS["packets"] = r"""
#define KBUILD_MODNAME "foo"
#include <uapi/linux/bpf.h>
#include <linux/in.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_vlan.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <uapi/linux/pkt_cls.h>
BPF_PERCPU_ARRAY(dropcnt, long, 256);
BPF_DEVMAP(ports, 4);
static inline int parse_ipv4(void *data, u64 off, void *end) {
    struct iphdr *iph = data + off;
    if ((void *)&iph[1] > end)
        return 0;
    return iph->protocol;
}
int xdp_prog(struct xdp_md *ctx) {
    void *end = (void *)(long)ctx->data_end, *data = (void *)(long)ctx->data;
    struct ethhdr *eth = data;
    u64 off = sizeof(*eth);
    if (data + off > end)
        return XDP_DROP;
    u16 proto = eth->h_proto;
    if (proto == htons(ETH_P_8021Q) || proto == htons(ETH_P_8021AD)) {
        struct vlan_hdr *vlan = data + off;
        off += sizeof(struct vlan_hdr);
        if (data + off > end)
            return XDP_DROP;
        proto = vlan->h_vlan_encapsulated_proto;
    }
    u32 index = proto == htons(ETH_P_IP) ? parse_ipv4(data, off, end) : IPPROTO_ICMPV6;
    long *value = dropcnt.lookup(&index);
    if (value)
        *value += 1;
    return index == IPPROTO_UDP ? ports.redirect_map(0, 0) : XDP_PASS;
}
int tc_prog(struct __sk_buff *skb) {
    struct bpf_tunnel_key key = {};
    bpf_skb_get_tunnel_key(skb, &key, sizeof(key), 0);
    void *data = (void *)(long)skb->data;
    struct ipv6hdr *six = data + ETH_HLEN;
    if (data + ETH_HLEN + sizeof(*six) > (void *)(long)skb->data_end)
        return TC_ACT_SHOT;
    return six->nexthdr == key.tunnel_id ? TC_ACT_OK : bpf_redirect(skb->ifindex, BPF_F_INGRESS);
}
int classify(struct bpf_sock_ops *skops) {
    return skops->op == BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB && skops->family == AF_INET;
}
"""

TEXTS["events"] = r"""
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/irqdesc.h>
#include <linux/perf_event.h>
#include <uapi/linux/bpf_perf_event.h>
struct irq_key { char name[32]; u64 slot; };
BPF_HASH(irqs, u32, struct irq_desc *);
BPF_HISTOGRAM(dist, struct irq_key);
BPF_PERF_ARRAY(cycles, 8);
int irq_enter(struct pt_regs *ctx, struct irq_desc *desc) {
    struct irq_key key = {.slot = 1};
    struct irqaction *action = desc->action;
    char *name = (char *)action->name;
    bpf_probe_read_kernel(&key.name, sizeof(key.name), name);
    dist.atomic_increment(key);
    return desc->irq_data.irq + NR_SOFTIRQS;
}
int on_cpu(struct bpf_perf_event_data *ctx) {
    struct bpf_perf_event_value v = {};
    cycles.perf_counter_value(CUR_CPU_IDENTIFIER, &v, sizeof(v));
    return ctx->sample_period + PT_REGS_IP(&ctx->regs) + v.counter;
}
RAW_TRACEPOINT_PROBE(sched_switch) {
    struct task_struct *prev = (struct task_struct *)ctx->args[1];
    return prev->pid == bpf_get_smp_processor_id();
}
LSM_PROBE(bpf, int cmd, union bpf_attr *attr, unsigned int size) {
    return cmd == BPF_PROG_LOAD ? -EPERM : 0;
}
BPF_ITER(task) {
    struct seq_file *seq = ctx->meta->seq;
    struct task_struct *task = ctx->task;
    return task == NULL ? 0 : seq->count + task->tgid;
}
"""

TEXTS["memory"] = r"""
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/slab.h>
#include <linux/version.h>
#ifdef CONFIG_NUMA
#define NODE(z) ((z)->node)
#else
#define NODE(z) 0
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 0, 0)
#define NEW 1
#endif
BPF_ARRAY(counts, u64, NR_WMARK);
int compact(struct pt_regs *ctx, struct zone *zone, int order) {
    u64 free = zone->vm_stat[NR_FREE_PAGES].counter, low = zone->_watermark[WMARK_LOW];
    struct mm_struct *mm = ((struct task_struct *)bpf_get_current_task())->mm;
    return free > low + NEW && mm->total_vm << PAGE_SHIFT && zone->free_area[0].nr_free
        && order < 11 && zone->name[0];
}
int cache(struct pt_regs *ctx, struct kmem_cache *cachep) {
    struct rcu_head *head = (struct rcu_head *)cachep;
    const char *name = cachep->name;
    return cachep->size + (head->next == NULL) + (name == NULL);
}
"""

TEXTS["own-types"] = r"""
#include <net/sock.h>
struct sock { int mine; };
struct nameidata { int also_mine; };
typedef unsigned long ulong;
typedef struct { u32 a; } possible_net_t;
#define TASK_COMM_LEN 32
int f(struct pt_regs *ctx, struct sock *sk, struct nameidata *nd, struct socket *s) {
    char comm[TASK_COMM_LEN];
    ulong n = sizeof(possible_net_t) + s->type;
    return sk->mine + nd->also_mine + n + comm[0] + SOCK_STREAM;
}
"""

TEXTS["user-memory"] = r"""
#include <linux/uio.h>
#include <linux/socket.h>
#include <linux/un.h>
#include <uapi/linux/openat2.h>
int syscall__openat2(struct pt_regs *ctx, int dfd, const char __user *name,
                     struct open_how __user *how) {
    struct open_how h = {};
    bpf_probe_read_user(&h, sizeof(h), how);
    return h.flags & O_CREAT;
}
int syscall__sendmsg(struct pt_regs *ctx, int fd, struct user_msghdr __user *msg) {
    struct sockaddr_in addr = {};
    struct sockaddr_un un;
    struct sockaddr_storage *any = (struct sockaddr_storage *)msg;
    bpf_probe_read_user(&addr, sizeof(addr), msg->msg_name);
    return addr.sin_addr.s_addr + addr.sin_port + sizeof(un.sun_path) + any->ss_family;
}
"""
