struct {
    __uint(type, BPF_MAP_TYPE_REUSEPORT_SOCKARRAY);
    __type(key, __u32);
    __type(value, __u64);
    __uint(max_entries, 4);
} group SEC(".maps");
long chosen;

SEC("socket") int only_even(struct __sk_buff *skb) {
    COUNT(0);
    /* UDP: eight bytes of header stand before the first byte of data. */
    unsigned char first = 0;
    bpf_skb_load_bytes(skb, 8, &first, 1);
    return first & 1 ? 0 : skb->len;
}
SEC("socket") int drop(struct __sk_buff *skb) { COUNT(1); return 0; }
SEC("socket") int choose(struct __sk_buff *skb) { COUNT(2); return chosen; }
SEC("sk_reuseport") int select_one(struct sk_reuseport_md *ctx) {
    __u32 key = chosen;
    COUNT(3);
    return bpf_sk_select_reuseport(ctx, &group, &key, 0) ? SK_DROP : SK_PASS;
}
SEC("socket") int ours(struct __sk_buff *skb) {
    unsigned short port = 0;
    if (skb->protocol != bpf_htons(0x0800))
        return 0;
    bpf_skb_load_bytes(skb, 14 + 20 + 2, &port, 2);
    if (port != bpf_htons(7740))
        return 0;
    COUNT(4);
    return -1;
}
