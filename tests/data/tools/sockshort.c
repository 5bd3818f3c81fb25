// Join the two ends of local TCP connections, so that their data never sees the network stack.
// program connections: sock_ops
// program shortcut: sk_msg
#include <uapi/linux/ptrace.h>
#include <uapi/linux/bpf.h>
#include <net/sock.h>

#ifndef MSG_LIMIT
#define MSG_LIMIT 65536
#endif

struct side_t {
    u32 remote_ip4;
    u32 local_ip4;
    u32 remote_port;
    u32 local_port;
};

BPF_SOCKHASH(sides, struct side_t, 4096);

int connections(struct bpf_sock_ops *skops) {
    struct side_t key = {};

    if (skops->family != AF_INET)
        return 0;
    key.remote_ip4 = skops->remote_ip4;
    key.local_ip4 = skops->local_ip4;
    key.remote_port = bpf_ntohl(skops->remote_port);
    key.local_port = skops->local_port;
    switch (skops->op) {
    case BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB:
    case BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB:
        sides.sock_hash_update(skops, &key, BPF_NOEXIST);
        break;
    default:
        break;
    }
    return 0;
}

int shortcut(struct sk_msg_md *msg) {
    struct side_t key = {};

    if (msg->size > MSG_LIMIT)
        return SK_PASS;
    key.remote_ip4 = msg->local_ip4;
    key.local_ip4 = msg->remote_ip4;
    key.remote_port = msg->local_port;
    key.local_port = bpf_ntohs(msg->remote_port >> 16);
    sides.msg_redirect_hash(msg, &key, BPF_F_INGRESS);
    return SK_PASS;
}
