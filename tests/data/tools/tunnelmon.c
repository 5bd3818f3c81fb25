// Learn tunnel endpoints from incoming packets and send outgoing ones through them.
// program handle_ingress: tc
// program handle_egress: tc
#include <uapi/linux/ptrace.h>
#include <uapi/linux/bpf.h>
#include <uapi/linux/if_ether.h>
#include <uapi/linux/pkt_cls.h>
#include <bcc/proto.h>

struct endpoint_t {
    u32 tunnel_id;
    u32 remote_ipv4;
    u64 rx_pkts;
    u64 tx_pkts;
};

struct mac_t {
    u64 mac;
};

BPF_HASH(endpoints, struct mac_t, struct endpoint_t, 1024);
BPF_ARRAY(conf, int, 2);

int handle_ingress(struct __sk_buff *skb) {
    u8 *cursor = 0;
    struct bpf_tunnel_key key = {};
    struct endpoint_t zero = {}, *found;
    int index = 1, *port = conf.lookup(&index);

    if (!port)
        return TC_ACT_OK;
    struct ethernet_t *ethernet = cursor_advance(cursor, sizeof(*ethernet));
    struct mac_t source = {ethernet->src};

    if (bpf_skb_get_tunnel_key(skb, &key, offsetof(struct bpf_tunnel_key, remote_ipv6[1]), 0) < 0)
        return TC_ACT_OK;
    zero.tunnel_id = key.tunnel_id;
    zero.remote_ipv4 = key.remote_ipv4;
    found = endpoints.lookup_or_try_init(&source, &zero);
    if (found)
        lock_xadd(&found->rx_pkts, 1);
    bpf_clone_redirect(skb, *port, BPF_F_INGRESS);
    return TC_ACT_SHOT;
}

int handle_egress(struct __sk_buff *skb) {
    u8 *cursor = 0;
    struct bpf_tunnel_key key = {};
    struct ethernet_t *ethernet = cursor_advance(cursor, sizeof(*ethernet));
    struct mac_t target = {ethernet->dst};
    struct endpoint_t *found = endpoints.lookup(&target);
    int index = 0, *port = conf.lookup(&index);

    if (!port || !found)
        return TC_ACT_OK;
    key.tunnel_id = found->tunnel_id;
    key.remote_ipv4 = found->remote_ipv4;
    key.tunnel_ttl = 64;
    bpf_skb_set_tunnel_key(skb, &key, offsetof(struct bpf_tunnel_key, remote_ipv6[1]), 0);
    lock_xadd(&found->tx_pkts, 1);
    bpf_clone_redirect(skb, *port, 0);
    return TC_ACT_OK;
}
