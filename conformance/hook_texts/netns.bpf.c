struct {
    __uint(type, BPF_MAP_TYPE_SOCKMAP);
    __type(key, __u32);
    __type(value, __u64);
    __uint(max_entries, 1);
} servers SEC(".maps");

SEC("sk_lookup") int redirect(struct bpf_sk_lookup *ctx) {
    __u32 zero = 0;
    if (ctx->local_port < 7750 || ctx->local_port > 7759)
        return SK_PASS;
    COUNT(0);
    struct bpf_sock *sk = bpf_map_lookup_elem(&servers, &zero);
    if (!sk)
        return SK_DROP;
    long error = bpf_sk_assign(ctx, sk, 0);
    bpf_sk_release(sk);
    return error ? SK_DROP : SK_PASS;
}
SEC("sk_lookup") int refuse(struct bpf_sk_lookup *ctx) {
    COUNT(1);
    return ctx->local_port == 7750 ? SK_DROP : SK_PASS;
}
SEC("flow_dissector") int dissect(struct __sk_buff *skb) {
    COUNT(2);
    return BPF_OK;
}
SEC("flow_dissector") int dissect_too(struct __sk_buff *skb) { COUNT(3); return BPF_OK; }
