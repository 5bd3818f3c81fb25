/* One program for each attach type of cgroups but those of Unix sockets. */
/* An address hook gives every socket that asks for one port another. */
#define ADDRESS_HOOK(name, index, seen, made)                       \
    SEC("cgroup/" #name) int name(struct bpf_sock_addr *ctx) {      \
        if (ctx->user_port == bpf_htons(seen)) {                    \
            COUNT(index);                                           \
            ctx->user_port = bpf_htons(made);                       \
        }                                                           \
        return 1;                                                   \
    }
ADDRESS_HOOK(bind4, 0, 7701, 7702)
ADDRESS_HOOK(bind6, 1, 7701, 7702)
ADDRESS_HOOK(connect4, 2, 7703, 7704)
ADDRESS_HOOK(connect6, 3, 7703, 7704)
ADDRESS_HOOK(sendmsg4, 4, 7705, 7706)
ADDRESS_HOOK(sendmsg6, 5, 7705, 7706)
ADDRESS_HOOK(recvmsg4, 6, 7707, 7708)
ADDRESS_HOOK(recvmsg6, 7, 7707, 7708)
ADDRESS_HOOK(getpeername4, 8, 7704, 7709)
ADDRESS_HOOK(getpeername6, 9, 7704, 7709)
ADDRESS_HOOK(getsockname4, 10, 7710, 7711)
ADDRESS_HOOK(getsockname6, 11, 7710, 7711)

static __always_inline int packet(struct __sk_buff *skb, int index) {
    unsigned short port = 0;
    if (skb->protocol != bpf_htons(0x0800))
        return 1;
    bpf_skb_load_bytes(skb, 20 + 2, &port, 2);
    if (port != bpf_htons(7720) && port != bpf_htons(7721))
        return 1;
    COUNT(index);
    return port != bpf_htons(7721);
}
SEC("cgroup_skb/ingress") int ingress(struct __sk_buff *skb) { return packet(skb, 40); }
SEC("cgroup_skb/egress") int egress(struct __sk_buff *skb) { return packet(skb, 41); }
SEC("cgroup/sock_create") int sock_create(struct bpf_sock *sk) {
    if (sk->type != 3) /* SOCK_RAW */
        return 1;
    COUNT(42);
    return 0;
}
SEC("cgroup/sock_release") int sock_release(struct bpf_sock *sk) { COUNT(43); return 1; }
SEC("cgroup/post_bind4") int post_bind4(struct bpf_sock *sk) {
    COUNT(44);
    return sk->src_port != 7730;
}
SEC("cgroup/post_bind6") int post_bind6(struct bpf_sock *sk) {
    COUNT(45);
    return sk->src_port != 7730;
}
SEC("cgroup/sysctl") int sysctl(struct bpf_sysctl *ctx) {
    char name[32];
    COUNT(46);
    return !ctx->write;
}
SEC("cgroup/dev") int device(struct bpf_cgroup_dev_ctx *ctx) {
    if (ctx->major != 1 || ctx->minor != 7) /* /dev/full */
        return 1;
    COUNT(47);
    return 0;
}
#define CUSTOM_LEVEL 0x7766
SEC("cgroup/getsockopt") int getsockopt(struct bpf_sockopt *ctx) {
    unsigned char *value = ctx->optval, *end = ctx->optval_end;
    if (ctx->level != CUSTOM_LEVEL || value + 1 > end)
        return 1;
    COUNT(48);
    ctx->retval = 0;
    value[0] = 0x37;
    ctx->optlen = 1;
    return 1;
}
SEC("cgroup/setsockopt") int setsockopt(struct bpf_sockopt *ctx) {
    unsigned char *value = ctx->optval, *end = ctx->optval_end;
    if (ctx->level != CUSTOM_LEVEL || value + 1 > end)
        return 1;
    if (value[0] != 0x38)
        return 0;
    COUNT(49);
    ctx->optlen = -1;
    return 1;
}
SEC("sockops") int sockops(struct bpf_sock_ops *ctx) {
    switch (ctx->op) {
    case BPF_SOCK_OPS_TCP_CONNECT_CB: COUNT(50); break;
    case BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB: COUNT(51); break;
    case BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB: COUNT(52); break;
    }
    return 1;
}
SEC("lsm_cgroup/socket_bind") int lsm_bind(unsigned long long *ctx) { COUNT(53); return 0; }
SEC("cgroup/sock_create") int first(struct bpf_sock *sk) { COUNT(60); return 1; }
SEC("cgroup/sock_create") int second(struct bpf_sock *sk) { COUNT(61); return 1; }
