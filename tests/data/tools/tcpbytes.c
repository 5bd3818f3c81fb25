// Bytes that each process sends and receives over TCP, for each pair of addresses.
#include <uapi/linux/ptrace.h>
#include <net/sock.h>
#include <net/inet_sock.h>
#include <bcc/proto.h>

struct pair4_t {
    u32 pid;
    u32 saddr;
    u32 daddr;
    u16 lport;
    u16 dport;
    char name[TASK_COMM_LEN];
};

struct pair6_t {
    unsigned __int128 saddr;
    unsigned __int128 daddr;
    u32 pid;
    u16 lport;
    u16 dport;
};

BPF_HASH(sent4, struct pair4_t);
BPF_HASH(received4, struct pair4_t);
BPF_HASH(sent6, struct pair6_t);
BPF_PERCPU_HASH(by_cpu, u32, u64, 1024);

static void fill4(struct pair4_t *key, struct sock *sk) {
    key->pid = bpf_get_current_pid_tgid() >> 32;
    key->saddr = sk->__sk_common.skc_rcv_saddr;
    key->daddr = sk->__sk_common.skc_daddr;
    key->lport = sk->__sk_common.skc_num;
    key->dport = ntohs(sk->__sk_common.skc_dport);
    bpf_get_current_comm(&key->name, sizeof(key->name));
}

int kprobe__tcp_sendmsg(struct pt_regs *ctx, struct sock *sk, struct msghdr *msg, size_t size) {
    u16 family = sk->__sk_common.skc_family;
    u32 cpu = bpf_get_smp_processor_id();
    u64 none = 0, *bytes;

    bytes = by_cpu.lookup_or_try_init(&cpu, &none);
    if (bytes)
        *bytes += size;
    if (family == AF_INET) {
        struct pair4_t key = {};
        fill4(&key, sk);
        sent4.increment(key, size);
    } else if (family == AF_INET6) {
        struct pair6_t key = {.pid = bpf_get_current_pid_tgid() >> 32};
        bpf_probe_read_kernel(&key.saddr, sizeof(key.saddr),
                              &sk->__sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32);
        bpf_probe_read_kernel(&key.daddr, sizeof(key.daddr),
                              &sk->__sk_common.skc_v6_daddr.in6_u.u6_addr32);
        key.lport = sk->__sk_common.skc_num;
        key.dport = ntohs(sk->__sk_common.skc_dport);
        sent6.increment(key, size);
    }
    return 0;
}

int kprobe__tcp_cleanup_rbuf(struct pt_regs *ctx, struct sock *sk, int copied) {
    struct pair4_t key = {};

    if (copied <= 0 || sk->__sk_common.skc_family != AF_INET)
        return 0;
    fill4(&key, sk);
    received4.increment(key, copied);
    return 0;
}
