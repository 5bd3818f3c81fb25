#define DROP 0
#define ACCEPT 1
SEC("netfilter") int first(struct bpf_nf_ctx *ctx) { COUNT(0); return ACCEPT; }
SEC("netfilter") int second(struct bpf_nf_ctx *ctx) { COUNT(1); return ACCEPT; }
SEC("netfilter") int drop(struct bpf_nf_ctx *ctx) { COUNT(2); return DROP; }
