// Rewrite the address and port of packets to a virtual service, with corrected checksums.
// program to_backend: tc
// program guard: tc
#include <uapi/linux/bpf.h>
#include <uapi/linux/pkt_cls.h>
#include <uapi/linux/in.h>
#include <bcc/proto.h>

struct service_t {
    u32 address;
    u16 port;
    u16 proto;
};

struct backend_t {
    u32 address;
    u16 port;
    u16 unused;
};

struct prefix_t {
    u32 prefixlen;
    u32 address;
} __attribute__((aligned(4)));

BPF_HASH(services, struct service_t, struct backend_t, 256);
BPF_LPM_TRIE(blocked, struct prefix_t, u64, 1024);

int to_backend(struct __sk_buff *skb) {
    u8 *cursor = 0;
    struct ethernet_t *ethernet = cursor_advance(cursor, sizeof(*ethernet));

    if (ethernet->type != 0x0800)
        return TC_ACT_OK;
    struct ip_t *ip = cursor_advance(cursor, sizeof(*ip));
    if (ip->nextp != IPPROTO_TCP)
        return TC_ACT_OK;
    struct tcp_t *tcp = cursor_advance(cursor, sizeof(*tcp));
    struct service_t key = {.address = ip->dst, .port = tcp->dst_port, .proto = IPPROTO_TCP};
    struct backend_t *backend = services.lookup(&key);

    if (!backend)
        return TC_ACT_OK;
    u32 address = backend->address;
    u16 port = backend->port;

    incr_cksum_l3(&ip->hchecksum, key.address, address);
    incr_cksum_l4(&tcp->cksum, key.address, address, 1);
    incr_cksum_l4(&tcp->cksum, key.port, port, 0);
    ip->dst = address;
    tcp->dst_port = port;
    return TC_ACT_OK;
}

int guard(struct __sk_buff *skb) {
    struct prefix_t key = {.prefixlen = 32};
    u64 *hits;

    key.address = load_word(skb, ETH_HLEN + 12);
    key.address = bpf_htonl(key.address);
    hits = blocked.lookup(&key);
    if (!hits)
        return TC_ACT_OK;
    lock_xadd(hits, 1);
    return bpf_ntohl(key.address) == 0 ? TC_ACT_OK : TC_ACT_SHOT;
}
