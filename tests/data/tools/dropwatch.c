// Packets the kernel drops: where, and, where the kernel says it, why.
#include <uapi/linux/ptrace.h>
#include <uapi/linux/tcp.h>
#include <uapi/linux/ip.h>
#include <uapi/linux/udp.h>
#include <linux/skbuff.h>
#include <net/sock.h>
#include <net/ip.h>
#include <bcc/proto.h>

struct drop_t {
    u64 location;
    u32 reason;
    u32 saddr;
    u32 daddr;
    u16 sport;
    u16 dport;
    u8 state;
    u8 flags;
};

BPF_PERF_OUTPUT(drops);
BPF_HASH(reasons, u32);
BPF_STACK_TRACE(stacks, 1024);

#ifndef NO_REASON
#define NO_REASON 1
#endif

TRACEPOINT_PROBE(skb, kfree_skb) {
    struct sk_buff *skb = (struct sk_buff *)args->skbaddr;
    struct sock *sk = skb->sk;
    struct drop_t event = {};
    u8 *tcp;

#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 17, 0)
    event.reason = args->reason;
    if (args->reason <= SKB_DROP_REASON_NOT_SPECIFIED)
        return 0;
#else
    event.reason = NO_REASON;
#endif
    reasons.increment(event.reason);
    if (args->protocol != ETH_P_IP || sk == NULL)
        return 0;
    struct iphdr *ip = ip_hdr(skb);
    event.location = (u64)args->location;
    event.saddr = ip->saddr;
    event.daddr = ip->daddr;
    event.state = sk->__sk_common.skc_state;
    if (ip->protocol == IPPROTO_TCP) {
        struct tcphdr *header = (struct tcphdr *)(skb->head + skb->transport_header);
        event.sport = ntohs(header->source);
        event.dport = ntohs(header->dest);
        tcp = (u8 *)header;
        event.flags = ((u_int8_t *)tcp)[13];
    } else if (ip->protocol == IPPROTO_UDP) {
        event.sport = ntohs(udp_hdr(skb)->source);
        event.dport = ntohs(udp_hdr(skb)->dest);
    }
    drops.perf_submit(args, &event, sizeof(event));
    return 0;
}
