/* Hooks of Unix sockets: the first two refuse. */
#define UNIX_HOOK(name, index, verdict)                                   \
    SEC("cgroup/" #name "_unix") int name##_unix(struct bpf_sock_addr *ctx) { \
        COUNT(index);                                                     \
        return verdict;                                                   \
    }
UNIX_HOOK(connect, 20, 0)
UNIX_HOOK(sendmsg, 21, 0)
UNIX_HOOK(recvmsg, 22, 1)
UNIX_HOOK(getpeername, 23, 1)
UNIX_HOOK(getsockname, 24, 1)
