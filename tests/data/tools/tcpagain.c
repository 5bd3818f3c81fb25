// Count and report TCP retransmissions, with the sequence number and the flags of the segment.
#include <uapi/linux/ptrace.h>
#include <net/sock.h>
#include <net/tcp.h>
#include <uapi/linux/tcp.h>
#include <uapi/linux/ip.h>
#include <uapi/linux/ipv6.h>
#include <bcc/proto.h>

struct again_t {
    u32 pid;
    u32 seq;
    u8 flags;
    u8 state;
    u16 lport;
    u16 dport;
    u32 saddr;
    u32 daddr;
};

struct flow_t {
    u32 saddr;
    u32 daddr;
    u16 lport;
    u16 dport;
};

BPF_PERF_OUTPUT(agains);
BPF_HASH(flows, struct flow_t, u64, 2048);

int kprobe__tcp_retransmit_skb(struct pt_regs *ctx, struct sock *sk, struct sk_buff *skb) {
    struct again_t event = {};
    struct flow_t flow = {};
    const struct inet_sock *inet = inet_sk(sk);

    if (sk == NULL || sk->__sk_common.skc_family != AF_INET)
        return 0;
    event.pid = bpf_get_current_pid_tgid() >> 32;
    if (skb) {
        event.seq = TCP_SKB_CB(skb)->seq;
        event.flags = TCP_SKB_CB(skb)->tcp_flags;
    }
    event.state = sk->__sk_common.skc_state;
    event.lport = inet->inet_num;
    event.dport = ntohs(inet->inet_dport);
    event.saddr = inet->inet_rcv_saddr;
    event.daddr = inet->inet_daddr;

    flow.saddr = event.saddr;
    flow.daddr = event.daddr;
    flow.lport = event.lport;
    flow.dport = event.dport;
    flows.atomic_increment(flow);
    if (event.flags & TCPHDR_SYN)
        agains.perf_submit(ctx, &event, sizeof(event));
    return 0;
}

/* What the peer sees: the header of the segment as it lies in the buffer. */
int kprobe__tcp_v4_do_rcv(struct pt_regs *ctx, struct sock *sk, struct sk_buff *skb) {
    struct tcphdr *tcp = (struct tcphdr *)(skb->head + skb->transport_header);
    struct iphdr *ip = (struct iphdr *)(skb->head + skb->network_header);
    struct flow_t flow = {};

    if (!tcp->rst || ip->protocol != IPPROTO_TCP)
        return 0;
    flow.saddr = ip->saddr;
    flow.daddr = ip->daddr;
    flow.dport = ntohs(tcp->dest);
    flows.increment(flow, 1000);
    return 0;
}
