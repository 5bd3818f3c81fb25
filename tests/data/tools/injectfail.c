// Let an allocation of the kernel fail now and then, where the kernel can be told to.
#include <uapi/linux/ptrace.h>
#include <linux/mm.h>
#include <linux/errno.h>

BPF_ARRAY(rate, u32, 1);
BPF_ARRAY(failed, u64, 1);

int kprobe__should_failslab(struct pt_regs *ctx, struct kmem_cache *cachep, gfp_t gfpflags) {
    int zero = 0;
    u32 *one_in = rate.lookup(&zero);

    if (!one_in || *one_in == 0 || bpf_get_prandom_u32() % *one_in)
        return 0;
    failed.atomic_increment(zero);
#ifdef CONFIG_BPF_KPROBE_OVERRIDE
    bpf_override_return(ctx, -ENOMEM);
#endif
    return 0;
}
