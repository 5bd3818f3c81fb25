// Mounts and unmounts, with the namespace they happen in and the directory of the process.
// program syscall__mount: kprobe
// program syscall__umount: kprobe
#include <uapi/linux/ptrace.h>
#include <linux/sched.h>
#include <linux/mount.h>
#include <linux/nsproxy.h>
#include <linux/ns_common.h>
#include <linux/fs_struct.h>

#define TEXT_BYTES 80

struct mount_t {
    u32 pid;
    u32 tgid;
    u64 flags;
    u32 mnt_ns;
    int mnt_id;
    int umount;
    char comm[TASK_COMM_LEN];
    char type[8];
    char target[TEXT_BYTES];
};

BPF_PERCPU_ARRAY(scratch, struct mount_t, 1);
BPF_PERF_OUTPUT(mounts);

static struct mount_t *prepare(void) {
    struct task_struct *task = (struct task_struct *)bpf_get_current_task();
    int zero = 0;
    struct mount_t *event = scratch.lookup(&zero);

    if (!event)
        return NULL;
    event->pid = task->pid;
    event->tgid = task->tgid;
    event->mnt_ns = task->nsproxy->mnt_ns->ns.inum;
    struct vfsmount *vfs = task->fs->pwd.mnt;
    event->mnt_id = container_of(vfs, struct mount, mnt)->mnt_id;
    bpf_get_current_comm(&event->comm, sizeof(event->comm));
    return event;
}

int syscall__mount(struct pt_regs *ctx, char __user *source, char __user *target,
                   char __user *type, unsigned long flags) {
    struct mount_t *event = prepare();

    if (event == NULL)
        return 0;
    event->umount = 0;
    event->flags = flags & ~(unsigned long)MS_RDONLY;
    bpf_probe_read_user_str(event->type, sizeof(event->type), type);
    bpf_probe_read_user_str(event->target, sizeof(event->target), target);
    mounts.perf_submit(ctx, event, sizeof(*event));
    return 0;
}

int syscall__umount(struct pt_regs *ctx, char __user *target, int flags) {
    struct mount_t *event = prepare();

    if (event == NULL)
        return 0;
    event->umount = 1;
    event->flags = flags;
    event->type[0] = 0;
    bpf_probe_read_user_str(event->target, sizeof(event->target), target);
    mounts.perf_submit(ctx, event, sizeof(*event));
    return 0;
}
