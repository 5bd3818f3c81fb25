// Drop every packet, or pass it, and count packets by their protocol.
// program count_packets: xdp
#define KBUILD_MODNAME "xdpcount"
#include <uapi/linux/bpf.h>
#include <linux/in.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_vlan.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define FIRST_BYTE(word) ((word) & 0xff)
#elif __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define FIRST_BYTE(word) ((word) >> 8)
#endif

BPF_TABLE("percpu_array", uint32_t, long, dropcnt, 256);

static inline int parse_ipv4(void *data, u64 nh_off, void *data_end) {
    struct iphdr *iph = data + nh_off;

    if ((void *)&iph[1] > data_end)
        return 0;
    return iph->protocol;
}

static inline int parse_ipv6(void *data, u64 nh_off, void *data_end) {
    struct ipv6hdr *ip6h = data + nh_off;

    if ((void *)&ip6h[1] > data_end)
        return 0;
    return ip6h->nexthdr;
}

int count_packets(struct xdp_md *ctx) {
    void *data_end = (void *)(long)ctx->data_end;
    void *data = (void *)(long)ctx->data;
    struct ethhdr *eth = data;
    uint32_t index = 0;
    u64 off = sizeof(*eth);
    u16 proto;
    long *value;

    if (data + off > data_end)
        return XDP_DROP;
    proto = eth->h_proto;
    #pragma unroll
    for (int tags = 0; tags < 2; tags++) {
        if (proto == htons(ETH_P_8021Q) || proto == htons(ETH_P_8021AD)) {
            struct vlan_hdr *vlan = data + off;

            off += sizeof(struct vlan_hdr);
            if (data + off > data_end)
                return XDP_DROP;
            proto = vlan->h_vlan_encapsulated_proto;
        }
    }
    if (proto == htons(ETH_P_IP))
        index = parse_ipv4(data, off, data_end);
    else if (proto == htons(ETH_P_IPV6))
        index = parse_ipv6(data, off, data_end);
    value = dropcnt.lookup(&index);
    if (value)
        *value += 1;
    if (FIRST_BYTE(proto) == 0xff)
        return XDP_ABORTED;
    return index == IPPROTO_ICMPV6 ? XDP_PASS : XDP_DROP;
}
