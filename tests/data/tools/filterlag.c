// Time packets spend in netfilter hooks, by family and hook, and the verdict.
#include <uapi/linux/ptrace.h>
#include <linux/netfilter.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <uapi/linux/bpf.h>
#include <net/net_namespace.h>
#include <net/sock.h>

struct hook_key_t {
    u8 family;
    u8 hook;
    u32 netns;
    u64 slot;
};

struct inside_t {
    u64 ts;
    struct hook_key_t key;
};

BPF_HASH(inside, u32, struct inside_t);
BPF_HISTOGRAM(lags, struct hook_key_t, 8192);
BPF_HASH(verdicts, u32);

int kprobe__nf_hook_slow(struct pt_regs *ctx, struct sk_buff *skb, struct nf_hook_state *state) {
    struct inside_t one = {.ts = bpf_ktime_get_ns()};
    u32 tid = bpf_get_current_pid_tgid();

    one.key.family = state->pf;
    one.key.hook = state->hook;
#ifdef CONFIG_NET_NS
    one.key.netns = state->net->ns.inum;
#endif
    inside.update(&tid, &one);
    return 0;
}

int kretprobe__nf_hook_slow(struct pt_regs *ctx) {
    u32 tid = bpf_get_current_pid_tgid(), verdict = PT_REGS_RC(ctx) == 1 ? NF_ACCEPT : NF_DROP;
    struct inside_t *one = inside.lookup(&tid);

    if (!one)
        return 0;
    struct hook_key_t key = {
        .family = one->key.family, .hook = one->key.hook, .netns = one->key.netns};
    key.slot = bpf_log2l(bpf_ktime_get_ns() - one->ts);
    lags.increment(key);
    verdicts.increment(verdict);
    inside.delete(&tid);
    return 0;
}
