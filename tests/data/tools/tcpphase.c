// Follow TCP connections through their states and time how long each state lasted.
#include <uapi/linux/ptrace.h>
#include <net/sock.h>
#include <net/tcp_states.h>
#include <linux/tcp.h>
#include <bcc/proto.h>

struct phase_t {
    u64 span_us;
    u64 skaddr;
    int oldstate;
    int newstate;
    u16 lport;
    u16 dport;
    u8 saddr[4];
    u8 daddr[4];
    u8 daddr6[16];
    char task[TASK_COMM_LEN];
};

BPF_HASH(last, struct sock *, u64);
BPF_HASH(owners, struct sock *, u32);
BPF_PERF_OUTPUT(phases);

TRACEPOINT_PROBE(sock, inet_sock_set_state) {
    struct sock *sk = (struct sock *)args->skaddr;
    struct phase_t event = {};
    u64 now = bpf_ktime_get_ns(), *since;

    if (args->protocol != IPPROTO_TCP)
        return 0;
    if (args->newstate == TCP_SYN_SENT || args->newstate == TCP_LAST_ACK) {
        u32 pid = bpf_get_current_pid_tgid() >> 32;
        owners.update(&sk, &pid);
    }
    since = last.lookup(&sk);
    event.span_us = since == 0 ? 0 : (now - *since) / 1000;
    event.skaddr = (u64)args->skaddr;
    event.oldstate = args->oldstate;
    event.newstate = args->newstate;
    event.lport = args->sport;
    event.dport = args->dport;
    if (args->family == AF_INET) {
        __builtin_memcpy(&event.saddr, args->saddr, sizeof(event.saddr));
        __builtin_memcpy(&event.daddr, args->daddr, sizeof(event.daddr));
    } else {
        __builtin_memcpy(&event.daddr6, args->daddr_v6, sizeof(event.daddr6));
    }
    bpf_get_current_comm(&event.task, sizeof(event.task));
    phases.perf_submit(args, &event, sizeof(event));

    if (args->newstate == TCP_CLOSE) {
        last.delete(&sk);
        owners.delete(&sk);
    } else {
        last.update(&sk, &now);
    }
    return 0;
}

/* Half-open connections never reach the tracepoint with an owner. */
int kprobe__tcp_set_state(struct pt_regs *ctx, struct sock *sk, int state) {
    u8 before = sk->sk_state;

    if (before == TCP_FIN_WAIT1 || before == TCP_CLOSE_WAIT || before == TCP_SYN_RECV)
        owners.delete(&sk);
    if (state == TCP_NEW_SYN_RECV || (before == TCP_ESTABLISHED && state == before))
        last.delete(&sk);
    return 0;
}
