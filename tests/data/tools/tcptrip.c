// Histogram of smoothed TCP round-trip times, for each peer and for each congestion state.
#include <uapi/linux/ptrace.h>
#include <linux/tcp.h>
#include <net/sock.h>
#include <net/inet_sock.h>
#include <net/inet_connection_sock.h>
#include <bcc/proto.h>

typedef struct {
    u64 peer;
    u64 slot;
} trip_key_t;

struct trip_sum_t {
    u64 total_us;
    u64 count;
};

BPF_HISTOGRAM(trips, trip_key_t);
BPF_HASH(sums, u32, struct trip_sum_t);
BPF_HISTOGRAM(states, int, 8);

int kprobe__tcp_rcv_established(struct pt_regs *ctx, struct sock *sk, struct sk_buff *skb) {
    struct tcp_sock *ts = tcp_sk(sk);
    struct inet_sock *inet = (struct inet_sock *)sk;
    u32 srtt = ts->srtt_us >> 3;
    u32 peer = inet->inet_daddr;
    trip_key_t key = {};
    struct trip_sum_t zero = {}, *sum;

    if (ntohs(inet->inet_dport) == 0)
        return 0;
    key.peer = peer;
    key.slot = bpf_log2l(srtt);
    trips.atomic_increment(key);

    sum = sums.lookup_or_try_init(&peer, &zero);
    if (sum) {
        __sync_fetch_and_add(&sum->total_us, srtt);
        __sync_fetch_and_add(&sum->count, 1);
    }
    return 0;
}

int kprobe__tcp_set_ca_state(struct pt_regs *ctx, struct sock *sk, const u8 ca_state) {
    struct inet_connection_sock *icsk = inet_csk(sk);
    int before = icsk->icsk_ca_state;

    if (before == TCP_CA_CWR && ca_state != before)
        states.increment(before);
    states.increment(ca_state);
    return 0;
}
