// Answer packets with swapped addresses, or send them on to another device or processor.
// program mirror: xdp
// program spread: xdp
// program dispatch: xdp
#include <uapi/linux/bpf.h>
#include <linux/bpf.h>
#include <uapi/linux/if_ether.h>
#include <uapi/linux/if_packet.h>
#include <uapi/linux/in.h>

BPF_DEVMAP(ports, 8);
BPF_CPUMAP(cpus, 16);
BPF_PROG_ARRAY(parsers, 8);
BPF_PERCPU_ARRAY(mirrored, u64, 1);

static inline void swap_addresses(struct ethhdr *eth) {
    unsigned char keep[ETH_ALEN];

    __builtin_memcpy(keep, eth->h_dest, ETH_ALEN);
    __builtin_memcpy(eth->h_dest, eth->h_source, ETH_ALEN);
    __builtin_memcpy(eth->h_source, keep, ETH_ALEN);
}

int mirror(struct xdp_md *ctx) {
    void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
    struct ethhdr *eth = data;

    if (data + sizeof(*eth) > end)
        return XDP_DROP;
    swap_addresses(eth);
    mirrored.increment(0);
    if (eth->h_proto == htons(ETH_P_ARP))
        return ports.redirect_map(0, 0);
    return XDP_TX;
}

int spread(struct xdp_md *ctx) {
    u32 cpu = ctx->rx_queue_index % 16;

    return cpus.redirect_map(cpu, XDP_PASS);
}

int dispatch(struct xdp_md *ctx) {
    u32 kind = ctx->ingress_ifindex & 7;

    parsers.call(ctx, kind);
    return XDP_PASS;
}
