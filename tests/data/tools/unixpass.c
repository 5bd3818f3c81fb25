// Unix sockets: connections by path, and file descriptors passed over them.
#include <uapi/linux/ptrace.h>
#include <linux/net.h>
#include <linux/socket.h>
#include <linux/un.h>
#include <net/af_unix.h>

struct unix_t {
    u32 pid;
    u32 fds;
    u64 inode;
    int type;
    char path[UNIX_PATH_MAX];
};

BPF_HASH(passing, u64, struct msghdr *);
BPF_PERF_OUTPUT(uses);

int kprobe__unix_stream_connect(struct pt_regs *ctx, struct socket *sock, struct sockaddr *addr) {
    struct unix_t event = {};
    struct sockaddr_un *un = (struct sockaddr_un *)addr;

    event.pid = bpf_get_current_pid_tgid() >> 32;
    event.type = sock->type;
    if (sock->type != SOCK_STREAM || un->sun_family != AF_UNIX)
        return 0;
    event.inode = sock->file->f_inode->i_ino;
    bpf_probe_read_kernel_str(&event.path, sizeof(event.path), un->sun_path);
    uses.perf_submit(ctx, &event, sizeof(event));
    return 0;
}

int kprobe____scm_send(struct pt_regs *ctx, struct socket *sock, struct msghdr *msg) {
    struct cmsghdr *header = (struct cmsghdr *)msg->msg_control;
    struct unix_t event = {.pid = bpf_get_current_pid_tgid() >> 32};
    u64 id = bpf_get_current_pid_tgid();

    if (!header || msg->msg_controllen < sizeof(*header))
        return 0;
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
        return 0;
    event.fds = (header->cmsg_len - sizeof(*header)) / sizeof(int);
    passing.update(&id, &msg);
    uses.perf_submit(ctx, &event, sizeof(event));
    return 0;
}

/* What the address of any family begins with. */
int kprobe__move_addr_to_kernel(struct pt_regs *ctx, void __user *uaddr, int ulen,
                                struct sockaddr_storage *kaddr) {
    if (ulen == 0 || kaddr->ss_family == AF_UNSPEC)
        return 0;
    return kaddr->ss_family == AF_NETLINK;
}
