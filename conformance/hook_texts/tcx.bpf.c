long order[8];
long last;
static __always_inline int step(int i) {
    COUNT(i);
    order[i] = __sync_fetch_and_add(&last, 1);
    return -1;
}
SEC("tcx/ingress") int a(struct __sk_buff *skb) { return step(0); }
SEC("tcx/ingress") int b(struct __sk_buff *skb) { return step(1); }
SEC("tcx/ingress") int c(struct __sk_buff *skb) { return step(2); }
SEC("tc/egress") int out(struct __sk_buff *skb) { return step(3); }
SEC("tcx/ingress") int drop(struct __sk_buff *skb) {
    return skb->protocol == bpf_htons(0x0800) ? 2 : -1;
}
SEC("netkit/primary") int primary(struct __sk_buff *skb) { return step(4); }
SEC("netkit/peer") int peer(struct __sk_buff *skb) { return step(5); }
