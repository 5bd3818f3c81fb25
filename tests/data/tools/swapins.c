// Count pages that come back from swap, for each process, and the resident pages it then has.
#include <uapi/linux/ptrace.h>
#include <linux/sched.h>
#include <linux/mm_types.h>

struct owner_t {
    u32 pid;
    char comm[TASK_COMM_LEN];
};

BPF_HASH(pages, struct owner_t);
BPF_HASH(resident, u32, s64);

static int count(void) {
    struct task_struct *task = (struct task_struct *)bpf_get_current_task();
    struct owner_t owner = {.pid = task->tgid};
    s64 anonymous = 0;

    bpf_get_current_comm(&owner.comm, sizeof(owner.comm));
    pages.increment(owner);
    if (task->mm) {
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
        anonymous = task->mm->rss_stat[MM_ANONPAGES].count;
#else
        anonymous = task->mm->rss_stat.count[MM_ANONPAGES].counter;
#endif
        resident.update(&owner.pid, &anonymous);
    }
    return 0;
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
int kprobe__swap_read_folio(struct pt_regs *ctx) {
    return count();
}
#else
int kprobe__swap_readpage(struct pt_regs *ctx) {
    return count();
}
#endif
