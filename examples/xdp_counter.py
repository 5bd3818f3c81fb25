"""Count packets by IP protocol on a network device: xdp_counter.py DEVICE [SECONDS]."""

import sys
import time

from bcc import BPF

device = sys.argv[1]
seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 10

b = BPF(
    text="""
#include <uapi/linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/in.h>

BPF_HASH(packets, u32, u64, 256);

int count(struct xdp_md *ctx) {
    void *data = (void *)(long)ctx->data;
    void *data_end = (void *)(long)ctx->data_end;
    struct ethhdr *eth = data;
    struct iphdr *ip = data + sizeof(*eth);

    if ((void *)(ip + 1) > data_end)
        return XDP_PASS;
    if (eth->h_proto != htons(ETH_P_IP))
        return XDP_PASS;
    u32 protocol = ip->protocol;
    packets.increment(protocol);
    return XDP_PASS;
}
"""
)
b.attach_xdp(device, b.load_func("count", BPF.XDP), 0)
try:
    time.sleep(seconds)
except KeyboardInterrupt:
    pass
finally:
    b.remove_xdp(device, 0)
for protocol, count in sorted(b["packets"].items(), key=lambda pair: pair[0].value):
    print("protocol %3d: %d packets" % (protocol.value, count.value))
