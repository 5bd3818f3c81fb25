/*
 * A tool of ordinary size: TCP sessions with their life, bytes and owner, the time tasks wait for a CPU, and system
 * calls that fail. Tracepoints only, so that it loads where there are no kprobes.
 */
#include <uapi/linux/ptrace.h>
#include <linux/sched.h>
#include <linux/tcp.h>
#include <net/sock.h>
#include <net/inet_sock.h>
#include <bcc/proto.h>

#define NAME_LEN TASK_COMM_LEN
#define SLOTS 64

struct owner_t {
	u32 pid;
	u32 uid;
	char comm[NAME_LEN];
};

struct session_t {
	u64 started_ns;
	u64 changed_ns;
	u32 changes;
	struct owner_t owner;
};

struct event_t {
	u64 at_ns;
	u64 life_ns;
	unsigned __int128 saddr;
	unsigned __int128 daddr;
	u32 saddr4;
	u32 daddr4;
	u16 sport;
	u16 dport;
	u16 family;
	u16 state;
	u32 changes;
	u32 mark;
	u64 bound;
	struct owner_t owner;
};

struct failure_t {
	u32 pid;
	int error;
};

BPF_HASH(sessions, struct sock *, struct session_t);
BPF_HASH(waiting, u32, u64);
BPF_HASH(calls, u64, u64);
BPF_HASH(failures, struct failure_t, u64, 4096);
BPF_HISTOGRAM(delays, u64, SLOTS);
BPF_PERCPU_ARRAY(totals, u64, 4);
BPF_PERF_OUTPUT(events);

static inline void count(int slot)
{
	u64 *total = totals.lookup(&slot);

	if (total)
		*total += 1;
}

static inline void describe(struct owner_t *owner)
{
	owner->pid = bpf_get_current_pid_tgid() >> 32;
	owner->uid = bpf_get_current_uid_gid();
	bpf_get_current_comm(&owner->comm, sizeof(owner->comm));
}

static inline int is_loopback(u32 address)
{
	return (ntohl(address) >> 24) == 127;
}

static inline void read_addresses(struct event_t *event, struct sock *sk)
{
	u16 dport = sk->__sk_common.skc_dport;

	event->family = sk->__sk_common.skc_family;
	event->sport = sk->__sk_common.skc_num;
	event->dport = ntohs(dport);
	event->mark = sk->sk_mark;
	event->bound = sk->__sk_common.skc_bound_dev_if;
	if (event->family == AF_INET) {
		event->saddr4 = sk->__sk_common.skc_rcv_saddr;
		event->daddr4 = sk->__sk_common.skc_daddr;
	} else if (event->family == AF_INET6) {
		bpf_probe_read_kernel(&event->saddr, sizeof(event->saddr),
				      sk->__sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32);
		bpf_probe_read_kernel(&event->daddr, sizeof(event->daddr),
				      sk->__sk_common.skc_v6_daddr.in6_u.u6_addr32);
	}
}

TRACEPOINT_PROBE(sock, inet_sock_set_state)
{
	struct sock *sk = (struct sock *)args->skaddr;
	u64 now = bpf_ktime_get_ns();
	struct session_t fresh = {}, *session;
	struct event_t event = {};

	if (args->protocol != IPPROTO_TCP)
		return 0;
	count(0);
	session = sessions.lookup(&sk);
	if (!session) {
		fresh.started_ns = now;
		describe(&fresh.owner);
		sessions.update(&sk, &fresh);
		session = sessions.lookup(&sk);
		if (!session)
			return 0;
	}
	session->changes++;
	session->changed_ns = now;
	if (args->newstate != TCP_CLOSE)
		return 0;
	read_addresses(&event, sk);
	if (event.family == AF_INET && is_loopback(event.daddr4)) {
		sessions.delete(&sk);
		return 0;
	}
	event.at_ns = now;
	event.life_ns = now - session->started_ns;
	event.changes = session->changes;
	event.state = args->newstate;
	event.owner = session->owner;
	events.perf_submit(args, &event, sizeof(event));
	sessions.delete(&sk);
	return 0;
}

TRACEPOINT_PROBE(sched, sched_wakeup)
{
	u32 pid = args->pid;
	u64 now = bpf_ktime_get_ns();

	waiting.update(&pid, &now);
	return 0;
}

TRACEPOINT_PROBE(sched, sched_switch)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	u32 pid = args->next_pid;
	u64 *since = waiting.lookup(&pid);

	if (task->flags & PF_KTHREAD)
		count(1);
	if (!since)
		return 0;
	delays.increment(bpf_log2l((bpf_ktime_get_ns() - *since) / 1000));
	waiting.delete(&pid);
	return 0;
}

TRACEPOINT_PROBE(raw_syscalls, sys_exit)
{
	u64 id = args->id;
	struct failure_t failure = { .pid = bpf_get_current_pid_tgid() >> 32, .error = -args->ret };

	calls.increment(id);
	if (args->ret < 0 && args->ret > -4096)
		failures.increment(failure);
	return 0;
}
