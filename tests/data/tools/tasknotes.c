// Keep notes with tasks, inodes and sockets in the kernel's own local storage.
#include <uapi/linux/bpf.h>
#include <linux/fs.h>
#include <linux/sched.h>
#include <net/sock.h>

struct note_t {
    u64 opened;
    u64 last;
};

#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 11, 0)
BPF_TASK_STORAGE(tasks, struct note_t);
#endif
BPF_INODE_STORAGE(inodes, struct note_t);
BPF_SK_STORAGE(sockets, struct note_t);

LSM_PROBE(file_open, struct file *file) {
    struct note_t *note = inodes.inode_storage_get(file->f_inode, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);

    if (note) {
        note->opened++;
        note->last = bpf_ktime_get_ns();
    }
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 11, 0)
    note = tasks.task_storage_get(bpf_get_current_task_btf(), 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
    if (note)
        note->opened++;
#endif
    return 0;
}

LSM_PROBE(socket_connect, struct socket *sock, struct sockaddr *address, int addrlen) {
    struct note_t *note;
    struct sock *sk = sock->sk;

    if (sk == NULL)
        return 0;
    note = sockets.sk_storage_get(sk, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
    if (note)
        note->last = bpf_ktime_get_ns();
    return 0;
}
