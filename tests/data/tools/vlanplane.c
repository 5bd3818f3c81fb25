// Two ends of a VLAN: strip the tag of packets for one host, add it for all others.
// program untag: tc
// program tag: tc
// program learn: socket_filter
#include <uapi/linux/ptrace.h>
#include <uapi/linux/bpf.h>
#include <uapi/linux/if_ether.h>
#include <uapi/linux/pkt_cls.h>
#include <bcc/proto.h>

BPF_PERF_OUTPUT(samples);
BPF_HASH(hosts, u64, u32);
BPF_HASH(answers, u32, u64);

int untag(struct __sk_buff *skb) {
    u8 *cursor = 0;
    struct ethernet_t *ethernet = cursor_advance(cursor, sizeof(*ethernet));
    u64 mac = ethernet->dst;
    u32 *ifindex = hosts.lookup(&mac);

    if (!ifindex)
        return TC_ACT_OK;
    if (bpf_skb_vlan_pop(skb))
        return TC_ACT_SHOT;
    bpf_clone_redirect(skb, *ifindex, 1);
    return TC_ACT_SHOT;
}

int tag(struct __sk_buff *skb) {
    u32 mark = skb->mark;

    if (mark)
        samples.perf_submit_skb(skb, min_t(u32, skb->len, 64), &mark, sizeof(mark));
    if (bpf_skb_vlan_push(skb, htons(ETH_P_8021Q), 17))
        return TC_ACT_SHOT;
    return TC_ACT_OK;
}

int learn(struct __sk_buff *skb) {
    u8 *cursor = 0;
    struct ethernet_t *ethernet = cursor_advance(cursor, sizeof(*ethernet));
    u16 type = ethernet->type;
    u64 mac = ethernet->src;

    if (type == ETH_P_8021Q) {
        struct dot1q_t *dot1q = cursor_advance(cursor, sizeof(*dot1q));
        type = dot1q->type;
        if (dot1q->vlanid == 0)
            return 0;
    }
    if (type == ETH_P_ARP) {
        struct arp_t *arp = cursor_advance(cursor, sizeof(*arp));
        u32 address = arp->spa;
        if (arp->oper == 2 && arp->tpa != address)
            answers.update(&address, &mac);
        return -1;
    }
    if (type == ETH_P_IP) {
        struct ip_t *ip = cursor_advance(cursor, sizeof(*ip));
        if (ip->nextp != 17)
            return 0;
        struct udp_t *udp = cursor_advance(cursor, sizeof(*udp));
        if (udp->dport == 4789) {
            struct vxlan_t *vxlan = cursor_advance(cursor, sizeof(*vxlan));
            return vxlan->key > 0 ? -1 : 0;
        }
    }
    return 0;
}
