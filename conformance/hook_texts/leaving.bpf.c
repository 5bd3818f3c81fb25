SEC("xdp") int pass(struct xdp_md *ctx) { return XDP_PASS; }
SEC("tc") int next(struct __sk_buff *skb) { return -1; }
SEC("lwt_xmit") int leaving(struct __sk_buff *skb) { return BPF_OK; }
SEC("cgroup/sock_create") int create(struct bpf_sock *sk) { return 1; }
