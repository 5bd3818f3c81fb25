// Rate and size of allocations from the kernel's object caches.
#include <uapi/linux/ptrace.h>
#include <linux/mm.h>
#include <linux/slab.h>
#ifdef CONFIG_SLUB
#include <linux/slub_def.h>
#elif defined(CONFIG_SLAB)
#include <linux/slab_def.h>
#elif defined(CONFIG_SLOB)
#error "this allocator has no caches to look at"
#endif
#ifdef CONFIG_SLUB_CPU_PARTIAL
#define PARTIAL 1
#else
#define PARTIAL 0
#endif

struct cache_key_t {
    char name[32];
};

struct cache_val_t {
    u64 count;
    u64 size;
    u32 partial;
};

BPF_HASH(caches, struct cache_key_t, struct cache_val_t);
BPF_HASH(freed, struct rcu_head *, u64);

int kprobe__kmem_cache_alloc(struct pt_regs *ctx, struct kmem_cache *cachep) {
    struct cache_key_t key = {};
    struct cache_val_t none = {.partial = PARTIAL}, *value;
    const char *name = cachep->name;

    bpf_probe_read_kernel(&key.name, sizeof(key.name), name);
    value = caches.lookup_or_try_init(&key, &none);
    if (value) {
        value->count++;
        value->size += cachep->size;
    }
    return 0;
}

int kprobe__call_rcu(struct pt_regs *ctx, struct rcu_head *head) {
    u64 now = bpf_ktime_get_ns();

    if (head->next == NULL)
        freed.update(&head, &now);
    return 0;
}
