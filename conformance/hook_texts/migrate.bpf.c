struct {
    __uint(type, BPF_MAP_TYPE_REUSEPORT_SOCKARRAY);
    __type(key, __u32);
    __type(value, __u64);
    __uint(max_entries, 4);
} group SEC(".maps");
long chosen;

SEC("sk_reuseport/migrate") int migrate(struct sk_reuseport_md *ctx) {
    __u32 key = chosen;
    if (ctx->migrating_sk)
        COUNT(5);
    return bpf_sk_select_reuseport(ctx, &group, &key, 0) ? SK_DROP : SK_PASS;
}
