#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

char LICENSE[] SEC("license") = "GPL";

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 4);
    __type(key, __u32);
    __type(value, __u64);
} wanted SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 16);
    __type(key, __u32);
    __type(value, __u64);
} out SEC(".maps");

struct task_struct___since_5_14 {
    unsigned int __state;
} __attribute__((preserve_access_index));

struct no_such_record {
    int member;
} __attribute__((preserve_access_index));

struct task_struct___before {
    long state;
} __attribute__((preserve_access_index));

static __always_inline __u64 asked(__u32 what) {
    __u64 *value = bpf_map_lookup_elem(&wanted, &what);

    return value ? *value : 0;
}

static __always_inline void tell(__u32 place, __u64 value) {
    bpf_map_update_elem(&out, &place, &value, BPF_ANY);
}

SEC("raw_tp/sys_enter")
int portable(struct bpf_raw_tracepoint_args *ctx) {
    struct task_struct *task = (void *)bpf_get_current_task();

    if (bpf_get_current_pid_tgid() >> 32 != asked(0) || ctx->args[1] != asked(1))
        return 0;
    tell(0, BPF_CORE_READ(task, real_parent, tgid));
    tell(1, BPF_CORE_READ(task, mm, exe_file, f_inode, i_ino));
    tell(2, bpf_core_type_size(struct task_struct));
    tell(3, bpf_core_field_offset(struct file, f_pos));
    tell(4, bpf_core_type_size(struct sock));
    tell(5, bpf_core_field_exists(struct task_struct___since_5_14, __state));
    tell(6, bpf_core_field_exists(struct task_struct___before, state));
    tell(7, bpf_core_enum_value(enum bpf_map_type, BPF_MAP_TYPE_RINGBUF));
    tell(8, bpf_core_type_exists(struct no_such_record));
    return 0;
}
