// List TCP connections this machine opens, for IPv4 and IPv6, with address and port of the peer.
#include <uapi/linux/ptrace.h>
#include <net/sock.h>
#include <net/net_namespace.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <uapi/linux/in6.h>
#include <bcc/proto.h>

struct dial4_t {
    u32 pid;
    u32 saddr;
    u32 daddr;
    u16 dport;
    u16 lport;
    u32 netns;
    char comm[TASK_COMM_LEN];
};

struct dial6_t {
    u32 pid;
    u16 dport;
    u16 lport;
    unsigned __int128 saddr;
    unsigned __int128 daddr;
    char comm[TASK_COMM_LEN];
};

BPF_HASH(dialing, u32, struct sock *);
BPF_PERF_OUTPUT(dials4);
BPF_PERF_OUTPUT(dials6);

static int remember(struct sock *sk) {
    u32 tid = bpf_get_current_pid_tgid();

    dialing.update(&tid, &sk);
    return 0;
}

int kprobe__tcp_v4_connect(struct pt_regs *ctx, struct sock *sk) {
    return remember(sk);
}

int kprobe__tcp_v6_connect(struct pt_regs *ctx, struct sock *sk) {
    return remember(sk);
}

static int finish(struct pt_regs *ctx, short family) {
    u64 id = bpf_get_current_pid_tgid();
    u32 tid = id;
    struct sock **found = dialing.lookup(&tid);

    if (found == 0)
        return 0;
    struct sock *sk = *found;
    dialing.delete(&tid);
    if (PT_REGS_RC(ctx) != 0)
        return 0;
    if (family == AF_INET) {
        struct dial4_t event = {.pid = id >> 32};
        event.saddr = sk->__sk_common.skc_rcv_saddr;
        event.daddr = sk->__sk_common.skc_daddr;
        event.dport = ntohs(sk->__sk_common.skc_dport);
        event.lport = sk->__sk_common.skc_num;
#ifdef CONFIG_NET_NS
        event.netns = sk->__sk_common.skc_net.net->ns.inum;
#endif
        bpf_get_current_comm(&event.comm, sizeof(event.comm));
        dials4.perf_submit(ctx, &event, sizeof(event));
    } else if (family == AF_INET6) {
        struct dial6_t event = {.pid = id >> 32};
        bpf_probe_read_kernel(&event.saddr, sizeof(event.saddr),
                              sk->__sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32);
        bpf_probe_read_kernel(&event.daddr, sizeof(event.daddr),
                              sk->__sk_common.skc_v6_daddr.in6_u.u6_addr32);
        event.dport = ntohs(sk->__sk_common.skc_dport);
        event.lport = sk->__sk_common.skc_num;
        bpf_get_current_comm(&event.comm, sizeof(event.comm));
        dials6.perf_submit(ctx, &event, sizeof(event));
    }
    return 0;
}

int kretprobe__tcp_v4_connect(struct pt_regs *ctx) {
    return finish(ctx, AF_INET);
}

int kretprobe__tcp_v6_connect(struct pt_regs *ctx) {
    return finish(ctx, AF_INET6);
}
