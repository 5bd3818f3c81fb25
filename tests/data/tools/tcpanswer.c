// Show accepted TCP connections: what inet_csk_accept gives back.
#include <uapi/linux/ptrace.h>
#include <net/sock.h>
#include <net/inet_sock.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/socket.h>
#include <bcc/proto.h>

struct answer_t {
    u64 ts_us;
    u32 pid;
    u16 family;
    u16 lport;
    u16 dport;
    u8 state;
    u8 v6[16];
    u32 saddr;
    u32 daddr;
    char task[TASK_COMM_LEN];
};

BPF_RINGBUF_OUTPUT(answers, 8);
BPF_HASH(by_port, u16, u64);

int kretprobe__inet_csk_accept(struct pt_regs *ctx) {
    struct sock *newsk = (struct sock *)PT_REGS_RC(ctx);
    struct answer_t *event;
    u16 family, lport;

    if (newsk == NULL)
        return 0;
    family = newsk->__sk_common.skc_family;
    if (family != AF_INET && family != AF_INET6)
        return 0;
    lport = newsk->__sk_common.skc_num;
    by_port.increment(lport);
    if (answers.ringbuf_query(BPF_RB_RING_SIZE) == 0)
        return 0;
    event = answers.ringbuf_reserve(sizeof(struct answer_t));
    if (!event)
        return 0;
    event->ts_us = bpf_ktime_get_ns() / 1000;
    event->pid = bpf_get_current_pid_tgid() >> 32;
    event->family = family;
    event->lport = lport;
    event->dport = ntohs(newsk->sk_dport);
    event->state = newsk->sk_state;
    event->saddr = inet_sk(newsk)->inet_rcv_saddr;
    event->daddr = newsk->sk_daddr;
    bpf_get_current_comm(&event->task, sizeof(event->task));
    if (family == AF_INET6) {
        struct in6_addr *peer = &newsk->__sk_common.skc_v6_daddr;
        __builtin_memset(event->v6, 0, sizeof(event->v6));
        bpf_probe_read_kernel(event->v6, sizeof(event->v6), &peer->s6_addr);
    } else {
        memset(event->v6, 0, sizeof(event->v6));
    }
    answers.ringbuf_submit(event, 0);
    return 0;
}
