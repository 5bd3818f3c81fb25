struct {
    __uint(type, BPF_MAP_TYPE_CPUMAP);
    __type(key, __u32);
    __type(value, struct bpf_cpumap_val);
    __uint(max_entries, 1);
} cpus SEC(".maps");
struct {
    __uint(type, BPF_MAP_TYPE_DEVMAP);
    __type(key, __u32);
    __type(value, struct bpf_devmap_val);
    __uint(max_entries, 1);
} devices SEC(".maps");

SEC("xdp") int first(struct xdp_md *ctx) { COUNT(0); return XDP_PASS; }
SEC("xdp") int second(struct xdp_md *ctx) { COUNT(1); return XDP_PASS; }
SEC("xdp.frags") int fragments(struct xdp_md *ctx) {
    COUNT(bpf_xdp_get_buff_len(ctx) > (__u64)(ctx->data_end - ctx->data) ? 3 : 2);
    return XDP_PASS;
}
SEC("xdp") int to_cpu(struct xdp_md *ctx) { COUNT(4); return bpf_redirect_map(&cpus, 0, 0); }
SEC("xdp/cpumap") int on_cpu(struct xdp_md *ctx) { COUNT(5); return XDP_PASS; }
SEC("xdp") int to_device(struct xdp_md *ctx) {
    COUNT(6);
    return bpf_redirect_map(&devices, 0, 0);
}
SEC("xdp/devmap") int on_device(struct xdp_md *ctx) { COUNT(7); return XDP_PASS; }
