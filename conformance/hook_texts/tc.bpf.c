#define NEXT (-1)
#define SHOT 2
SEC("tc") int first(struct __sk_buff *skb) { COUNT(0); return NEXT; }
SEC("classifier") int second(struct __sk_buff *skb) { COUNT(1); return NEXT; }
SEC("tc") int accept(struct __sk_buff *skb) { COUNT(2); return 0; }
SEC("tc") int drop(struct __sk_buff *skb) {
    if (skb->protocol != bpf_htons(0x0800))
        return NEXT;
    COUNT(3);
    return SHOT;
}
SEC("tc") int mark(struct __sk_buff *skb) { skb->mark = 77; COUNT(4); return NEXT; }
SEC("tc") int marked(struct __sk_buff *skb) {
    if (skb->mark == 77 && skb->protocol == bpf_htons(0x0800))
        COUNT(5);
    return NEXT;
}
SEC("action") int action(struct __sk_buff *skb) { COUNT(6); return 0; }
SEC("xdp") int other_type(struct xdp_md *ctx) { return XDP_PASS; }
