SEC("lwt_in") int arriving(struct __sk_buff *skb) { COUNT(0); return BPF_OK; }
SEC("lwt_out") int sending(struct __sk_buff *skb) { COUNT(1); return BPF_OK; }
SEC("lwt_xmit") int leaving(struct __sk_buff *skb) { COUNT(2); return BPF_OK; }
SEC("lwt_xmit") int drop(struct __sk_buff *skb) { COUNT(3); return BPF_DROP; }
SEC("lwt_seg6local") int segment(struct __sk_buff *skb) { COUNT(4); return BPF_DROP; }
