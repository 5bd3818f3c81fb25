// Kernel memory that was allocated and not yet freed, by the stack that asked for it.
#include <uapi/linux/ptrace.h>
#include <linux/gfp.h>
#include <linux/kasan.h>
#include <linux/module.h>

struct held_t {
    u64 size;
    u64 ts;
    int stack;
    u32 atomic;
};

struct total_t {
    u64 bytes;
    u64 count;
};

BPF_HASH(held, u64, struct held_t, 100000);
BPF_TABLE("lru_hash", u64, struct total_t, totals, 10240);
BPF_STACK_TRACE(stacks, 10240);

TRACEPOINT_PROBE(kmem, kmalloc) {
    struct held_t one = {};
    u64 address = (u64)args->ptr;

    if (address == 0 || args->bytes_req < 16)
        return 0;
    one.size = args->bytes_alloc;
    one.ts = bpf_ktime_get_ns();
    one.stack = stacks.get_stackid(args, BPF_F_REUSE_STACKID);
    one.atomic = (args->gfp_flags & __GFP_HIGH) != 0;
    held.update(&address, &one);

    if (one.stack >= 0) {
        u64 id = one.stack;
        struct total_t none = {}, *total = totals.lookup_or_try_init(&id, &none);
        if (total) {
            lock_xadd(&total->bytes, one.size);
            lock_xadd(&total->count, 1);
        }
    }
    return 0;
}

TRACEPOINT_PROBE(kmem, kfree) {
    u64 address = (u64)args->ptr;
    struct held_t *one = held.lookup(&address);

    if (!one)
        return 0;
    u64 id = one->stack;
    struct total_t *total = totals.lookup(&id);
    if (total && total->count > 0) {
        __sync_fetch_and_sub(&total->count, 1);
        __sync_fetch_and_sub(&total->bytes, one->size);
    }
    held.delete(&address);
    return 0;
}
