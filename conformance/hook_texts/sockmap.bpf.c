struct {
    __uint(type, BPF_MAP_TYPE_SOCKMAP);
    __type(key, __u32);
    __type(value, __u64);
    __uint(max_entries, 4);
} socks SEC(".maps");

/* What socket 0 sends goes to socket 2's reader, past the network. */
SEC("sk_msg") int redirect(struct sk_msg_md *msg) {
    COUNT(0);
    return bpf_msg_redirect_map(msg, &socks, 1, BPF_F_INGRESS);
}
SEC("sk_msg") int pass(struct sk_msg_md *msg) { COUNT(1); return SK_PASS; }
SEC("sk_msg") int drop(struct sk_msg_md *msg) { COUNT(2); return SK_DROP; }
SEC("sk_skb/stream_parser") int parser(struct __sk_buff *skb) { COUNT(3); return skb->len; }
SEC("sk_skb/stream_verdict") int echo(struct __sk_buff *skb) {
    COUNT(4);
    return bpf_sk_redirect_map(skb, &socks, 0, 0);
}
SEC("sk_skb/verdict") int verdict(struct __sk_buff *skb) {
    COUNT(5);
    return bpf_sk_redirect_map(skb, &socks, 0, 0);
}
