// Watch bpf(2), and refuse programs of one kind to users that are not root.
#include <uapi/linux/bpf.h>
#include <linux/security.h>
#include <linux/sched.h>

struct use_t {
    u32 pid;
    u32 cmd;
    u32 type;
    char comm[TASK_COMM_LEN];
};

BPF_PERF_OUTPUT(uses);
BPF_ARRAY(refused, u64, 1);

LSM_PROBE(bpf, int cmd, union bpf_attr *attr, unsigned int size) {
    struct use_t event = {};
    u32 uid = bpf_get_current_uid_gid();

    event.pid = bpf_get_current_pid_tgid() >> 32;
    event.cmd = cmd;
    bpf_get_current_comm(&event.comm, sizeof(event.comm));
    if (cmd == BPF_PROG_LOAD && size > 8)
        event.type = attr->prog_type;
    uses.perf_submit(ctx, &event, sizeof(event));
    if (cmd == BPF_PROG_LOAD && uid != 0 && event.type == BPF_PROG_TYPE_LSM) {
        refused.increment(0);
        return -EPERM;
    }
    return 0;
}

LSM_PROBE(file_ioctl, struct file *file, unsigned int cmd, unsigned long arg) {
    return file->f_inode->i_ino == 0 ? -ENOMEM : 0;
}
