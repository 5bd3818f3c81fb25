// Age of pages that were read ahead when they are used for the first time.
#include <uapi/linux/ptrace.h>
#include <linux/mm_types.h>
#include <linux/mm.h>

BPF_HASH(reading, u32, u8);
BPF_HASH(arrived, struct page *, u64, 16384);
BPF_ARRAY(left, u64, 1);
BPF_HISTOGRAM(ages);

static int begin(void) {
    u32 tid = bpf_get_current_pid_tgid();
    u8 one = 1;

    reading.update(&tid, &one);
    return 0;
}

static int end(void) {
    u32 tid = bpf_get_current_pid_tgid();

    reading.delete(&tid);
    return 0;
}

static int arrive(struct page *page) {
    u32 tid = bpf_get_current_pid_tgid();
    u64 now = bpf_ktime_get_ns();

    if (reading.lookup(&tid) == NULL)
        return 0;
    arrived.update(&page, &now);
    left.increment(0);
    return 0;
}

static int used(struct page *page) {
    u64 *since = arrived.lookup(&page);
    int zero = 0;

    if (since == NULL)
        return 0;
    ages.increment(bpf_log2l((bpf_ktime_get_ns() - *since) / 1000000));
    arrived.delete(&page);
    u64 *count = left.lookup(&zero);
    if (count)
        __sync_fetch_and_sub(count, 1);
    return 0;
}

int kprobe__page_cache_ra_unbounded(struct pt_regs *ctx) {
    return begin();
}

int kretprobe__page_cache_ra_unbounded(struct pt_regs *ctx) {
    return end();
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 17, 0)
int kprobe__filemap_add_folio(struct pt_regs *ctx, struct address_space *mapping, struct folio *folio) {
    return arrive(folio_page(folio, 0));
}

int kprobe__folio_mark_accessed(struct pt_regs *ctx, struct folio *folio) {
    return used(folio_page(folio, 0));
}
#else
int kprobe__add_to_page_cache_lru(struct pt_regs *ctx, struct page *page) {
    return arrive(page);
}

int kprobe__mark_page_accessed(struct pt_regs *ctx, struct page *page) {
    return used(page);
}
#endif
