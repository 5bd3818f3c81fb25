// System calls of the tasks below one control group, with PIDs as that group's namespace has them.
#include <uapi/linux/ptrace.h>
#include <linux/sched.h>

#ifndef NS_DEV
#define NS_DEV 0
#endif
#ifndef NS_INO
#define NS_INO 0
#endif

struct call_key_t {
    u64 cgroup;
    u64 nr;
};

BPF_CGROUP_ARRAY(groups, 1);
BPF_TABLE("percpu_hash", struct call_key_t, u64, calls, 4096);
BPF_HASH(namespaced, u32);

TRACEPOINT_PROBE(raw_syscalls, sys_enter) {
    struct call_key_t key = {.nr = args->id};
    struct bpf_pidns_info ns = {};
    u64 one = 1, *count;
    u32 pid;

    if (groups.check_current_task(0) <= 0)
        return 0;
    key.cgroup = bpf_get_current_cgroup_id();
    count = calls.lookup(&key);
    if (count)
        (*count)++;
    else
        calls.update(&key, &one);
    if (bpf_get_ns_current_pid_tgid(NS_DEV, NS_INO, &ns, sizeof(struct bpf_pidns_info)))
        return 0;
    pid = ns.tgid;
    namespaced.increment(pid);
    return 0;
}
