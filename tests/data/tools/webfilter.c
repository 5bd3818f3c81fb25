// Keep only packets that begin an HTTP request or answer, or carry DNS, for a raw socket.
// program web_filter: socket_filter
#include <uapi/linux/ptrace.h>
#include <net/sock.h>
#include <bcc/proto.h>

#define IP_TCP 6
#define IP_UDP 17
#define DNS_PORT 53

struct flow_t {
    u32 src_ip;
    u32 dst_ip;
    u16 src_port;
    u16 dst_port;
};

BPF_HASH(sessions, struct flow_t, u32);

int web_filter(struct __sk_buff *skb) {
    u8 *cursor = 0;
    struct flow_t key = {};
    struct ethernet_t *ethernet = cursor_advance(cursor, sizeof(*ethernet));

    if (ethernet->type != ETH_P_IP)
        goto DROP;
    struct ip_t *ip = cursor_advance(cursor, sizeof(*ip));
    u32 ip_header_length = ip->hlen << 2;

    if (ip_header_length < sizeof(*ip))
        goto DROP;
    cursor_advance(cursor, ip_header_length - sizeof(*ip));
    if (ip->nextp == IP_UDP) {
        struct udp_t *udp = cursor_advance(cursor, sizeof(*udp));
        if (udp->dport == DNS_PORT || udp->sport == DNS_PORT)
            goto KEEP;
        goto DROP;
    }
    if (ip->nextp != IP_TCP)
        goto DROP;
    struct tcp_t *tcp = cursor_advance(cursor, sizeof(*tcp));
    key.src_ip = ip->src;
    key.dst_ip = ip->dst;
    key.src_port = tcp->src_port;
    key.dst_port = tcp->dst_port;

    u32 payload = ETH_HLEN + ip_header_length + (tcp->offset << 2);
    if (ip->tlen + ETH_HLEN < payload + 4)
        goto KNOWN;
    u8 a = load_byte(skb, payload), b = load_byte(skb, payload + 1);
    u16 word = load_half(skb, payload);
    if ((a == 'G' && b == 'E') || (a == 'P' && (b == 'O' || b == 'U')) || word == 0x4854) {
        u32 one = 1;
        sessions.lookup_or_try_init(&key, &one);
        goto KEEP;
    }
KNOWN:
    if (sessions.lookup(&key))
        goto KEEP;
DROP:
    return 0;
KEEP:
    return -1;
}
