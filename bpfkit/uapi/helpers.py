"""The kernel's BPF helpers: number, name, C prototype and first release.

Generated; do not edit.

ORIGIN: include/uapi/linux/bpf.h of Linux 6.1, by scripts/gen_helpers.py.

Structures a program only passes on are ``void`` in parameters. ``bcc_result`` is the result type in
bcc's dialect where that differs: bcc declares the older helpers as ``int``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, slots=True)
class Helper:
    """One helper function of the kernel. ``params`` is the text between the parentheses."""

    number: int
    name: str
    result: str
    params: str
    since: str
    bcc_result: str = ""

    @property
    def prototype(self) -> str:
        """The C prototype as documented."""
        return f"{_join(self.result, self.name)}({self.params})"

    def declaration(self, *, bcc: bool = False) -> str:
        """Return a C constant that calls by number: ``static T (*bpf_x)(…) = (void *)N;``."""
        result = self.bcc_result if bcc and self.bcc_result else self.result
        pointer = _join(result, f"(*{self.name})")
        return f"static {pointer}({self.params}) = (void *){self.number};"


def _join(result: str, name: str) -> str:
    return f"{result}{name}" if result.endswith("*") else f"{result} {name}"


@cache
def by_name() -> dict[str, Helper]:
    """Return every helper by its C name, ``bpf_`` included."""
    return {helper.name: helper for helper in HELPERS}


HELPERS: tuple[Helper, ...] = (
    Helper(1, "bpf_map_lookup_elem", "void *", "void *map, const void *key", "3.19"),
    Helper(
        2,
        "bpf_map_update_elem",
        "long",
        "void *map, const void *key, const void *value, u64 flags",
        "3.19",
        "int",
    ),
    Helper(3, "bpf_map_delete_elem", "long", "void *map, const void *key", "3.19", "int"),
    Helper(
        4, "bpf_probe_read", "long", "void *dst, u32 size, const void *unsafe_ptr", "4.1", "int"
    ),
    Helper(5, "bpf_ktime_get_ns", "u64", "void", "4.1"),
    Helper(6, "bpf_trace_printk", "long", "const char *fmt, u32 fmt_size, ...", "4.1", "int"),
    Helper(7, "bpf_get_prandom_u32", "u32", "void", "4.1"),
    Helper(8, "bpf_get_smp_processor_id", "u32", "void", "4.1"),
    Helper(
        9,
        "bpf_skb_store_bytes",
        "long",
        "void *skb, u32 offset, const void *from, u32 len, u64 flags",
        "4.1",
        "int",
    ),
    Helper(
        10,
        "bpf_l3_csum_replace",
        "long",
        "void *skb, u32 offset, u64 from, u64 to, u64 size",
        "4.1",
        "int",
    ),
    Helper(
        11,
        "bpf_l4_csum_replace",
        "long",
        "void *skb, u32 offset, u64 from, u64 to, u64 flags",
        "4.1",
        "int",
    ),
    Helper(12, "bpf_tail_call", "long", "void *ctx, void *prog_array_map, u32 index", "4.2", "int"),
    Helper(13, "bpf_clone_redirect", "long", "void *skb, u32 ifindex, u64 flags", "4.2", "int"),
    Helper(14, "bpf_get_current_pid_tgid", "u64", "void", "4.2"),
    Helper(15, "bpf_get_current_uid_gid", "u64", "void", "4.2"),
    Helper(16, "bpf_get_current_comm", "long", "void *buf, u32 size_of_buf", "4.2", "int"),
    Helper(17, "bpf_get_cgroup_classid", "u32", "void *skb", "4.3"),
    Helper(
        18, "bpf_skb_vlan_push", "long", "void *skb, u16 vlan_proto, u16 vlan_tci", "4.3", "int"
    ),
    Helper(19, "bpf_skb_vlan_pop", "long", "void *skb", "4.3", "int"),
    Helper(
        20,
        "bpf_skb_get_tunnel_key",
        "long",
        "void *skb, struct bpf_tunnel_key *key, u32 size, u64 flags",
        "4.3",
        "int",
    ),
    Helper(
        21,
        "bpf_skb_set_tunnel_key",
        "long",
        "void *skb, struct bpf_tunnel_key *key, u32 size, u64 flags",
        "4.3",
        "int",
    ),
    Helper(22, "bpf_perf_event_read", "u64", "void *map, u64 flags", "4.3"),
    Helper(23, "bpf_redirect", "long", "u32 ifindex, u64 flags", "4.4", "int"),
    Helper(24, "bpf_get_route_realm", "u32", "void *skb", "4.4"),
    Helper(
        25,
        "bpf_perf_event_output",
        "long",
        "void *ctx, void *map, u64 flags, void *data, u64 size",
        "4.4",
        "int",
    ),
    Helper(
        26,
        "bpf_skb_load_bytes",
        "long",
        "const void *skb, u32 offset, void *to, u32 len",
        "4.5",
        "int",
    ),
    Helper(27, "bpf_get_stackid", "long", "void *ctx, void *map, u64 flags", "4.6", "int"),
    Helper(
        28,
        "bpf_csum_diff",
        "s64",
        "u32 *from, u32 from_size, u32 *to, u32 to_size, u32 seed",
        "4.6",
    ),
    Helper(29, "bpf_skb_get_tunnel_opt", "long", "void *skb, void *opt, u32 size", "4.6", "int"),
    Helper(30, "bpf_skb_set_tunnel_opt", "long", "void *skb, void *opt, u32 size", "4.6", "int"),
    Helper(31, "bpf_skb_change_proto", "long", "void *skb, u16 proto, u64 flags", "4.8", "int"),
    Helper(32, "bpf_skb_change_type", "long", "void *skb, u32 type", "4.8", "int"),
    Helper(33, "bpf_skb_under_cgroup", "long", "void *skb, void *map, u32 index", "4.8", "int"),
    Helper(34, "bpf_get_hash_recalc", "u32", "void *skb", "4.8"),
    Helper(35, "bpf_get_current_task", "u64", "void", "4.8"),
    Helper(36, "bpf_probe_write_user", "long", "void *dst, const void *src, u32 len", "4.8", "int"),
    Helper(37, "bpf_current_task_under_cgroup", "long", "void *map, u32 index", "4.9", "int"),
    Helper(38, "bpf_skb_change_tail", "long", "void *skb, u32 len, u64 flags", "4.9", "int"),
    Helper(39, "bpf_skb_pull_data", "long", "void *skb, u32 len", "4.9", "int"),
    Helper(40, "bpf_csum_update", "s64", "void *skb, u32 csum", "4.9"),
    Helper(41, "bpf_set_hash_invalid", "void", "void *skb", "4.9"),
    Helper(42, "bpf_get_numa_node_id", "long", "void", "4.10", "int"),
    Helper(43, "bpf_skb_change_head", "long", "void *skb, u32 len, u64 flags", "4.10", "int"),
    Helper(44, "bpf_xdp_adjust_head", "long", "void *xdp_md, int delta", "4.10", "int"),
    Helper(
        45,
        "bpf_probe_read_str",
        "long",
        "void *dst, u32 size, const void *unsafe_ptr",
        "4.11",
        "int",
    ),
    Helper(46, "bpf_get_socket_cookie", "u64", "void *skb", "4.12"),
    Helper(47, "bpf_get_socket_uid", "u32", "void *skb", "4.12"),
    Helper(48, "bpf_set_hash", "long", "void *skb, u32 hash", "4.13", "int"),
    Helper(
        49,
        "bpf_setsockopt",
        "long",
        "void *bpf_socket, int level, int optname, void *optval, int optlen",
        "4.13",
        "int",
    ),
    Helper(
        50,
        "bpf_skb_adjust_room",
        "long",
        "void *skb, s32 len_diff, u32 mode, u64 flags",
        "4.13",
        "int",
    ),
    Helper(51, "bpf_redirect_map", "long", "void *map, u32 key, u64 flags", "4.14", "int"),
    Helper(
        52, "bpf_sk_redirect_map", "long", "void *skb, void *map, u32 key, u64 flags", "4.14", "int"
    ),
    Helper(
        53,
        "bpf_sock_map_update",
        "long",
        "void *skops, void *map, void *key, u64 flags",
        "4.14",
        "int",
    ),
    Helper(54, "bpf_xdp_adjust_meta", "long", "void *xdp_md, int delta", "4.15", "int"),
    Helper(
        55,
        "bpf_perf_event_read_value",
        "long",
        "void *map, u64 flags, struct bpf_perf_event_value *buf, u32 buf_size",
        "4.15",
        "int",
    ),
    Helper(
        56,
        "bpf_perf_prog_read_value",
        "long",
        "void *ctx, struct bpf_perf_event_value *buf, u32 buf_size",
        "4.15",
        "int",
    ),
    Helper(
        57,
        "bpf_getsockopt",
        "long",
        "void *bpf_socket, int level, int optname, void *optval, int optlen",
        "4.15",
        "int",
    ),
    Helper(58, "bpf_override_return", "long", "void *regs, u64 rc", "4.16", "int"),
    Helper(59, "bpf_sock_ops_cb_flags_set", "long", "void *bpf_sock, int argval", "4.16", "int"),
    Helper(
        60,
        "bpf_msg_redirect_map",
        "long",
        "void *msg, void *map, u32 key, u64 flags",
        "4.17",
        "int",
    ),
    Helper(61, "bpf_msg_apply_bytes", "long", "void *msg, u32 bytes", "4.17", "int"),
    Helper(62, "bpf_msg_cork_bytes", "long", "void *msg, u32 bytes", "4.17", "int"),
    Helper(
        63, "bpf_msg_pull_data", "long", "void *msg, u32 start, u32 end, u64 flags", "4.17", "int"
    ),
    Helper(64, "bpf_bind", "long", "void *ctx, void *addr, int addr_len", "4.17", "int"),
    Helper(65, "bpf_xdp_adjust_tail", "long", "void *xdp_md, int delta", "4.18", "int"),
    Helper(
        66,
        "bpf_skb_get_xfrm_state",
        "long",
        "void *skb, u32 index, struct bpf_xfrm_state *xfrm_state, u32 size, u64 flags",
        "4.18",
        "int",
    ),
    Helper(67, "bpf_get_stack", "long", "void *ctx, void *buf, u32 size, u64 flags", "4.18", "int"),
    Helper(
        68,
        "bpf_skb_load_bytes_relative",
        "long",
        "const void *skb, u32 offset, void *to, u32 len, u32 start_header",
        "4.18",
        "int",
    ),
    Helper(
        69,
        "bpf_fib_lookup",
        "long",
        "void *ctx, struct bpf_fib_lookup *params, int plen, u32 flags",
        "4.18",
        "int",
    ),
    Helper(
        70,
        "bpf_sock_hash_update",
        "long",
        "void *skops, void *map, void *key, u64 flags",
        "4.18",
        "int",
    ),
    Helper(
        71,
        "bpf_msg_redirect_hash",
        "long",
        "void *msg, void *map, void *key, u64 flags",
        "4.18",
        "int",
    ),
    Helper(
        72,
        "bpf_sk_redirect_hash",
        "long",
        "void *skb, void *map, void *key, u64 flags",
        "4.18",
        "int",
    ),
    Helper(
        73, "bpf_lwt_push_encap", "long", "void *skb, u32 type, void *hdr, u32 len", "4.18", "int"
    ),
    Helper(
        74,
        "bpf_lwt_seg6_store_bytes",
        "long",
        "void *skb, u32 offset, const void *from, u32 len",
        "4.18",
        "int",
    ),
    Helper(
        75, "bpf_lwt_seg6_adjust_srh", "long", "void *skb, u32 offset, s32 delta", "4.18", "int"
    ),
    Helper(
        76,
        "bpf_lwt_seg6_action",
        "long",
        "void *skb, u32 action, void *param, u32 param_len",
        "4.18",
        "int",
    ),
    Helper(77, "bpf_rc_repeat", "long", "void *ctx", "4.18", "int"),
    Helper(
        78,
        "bpf_rc_keydown",
        "long",
        "void *ctx, u32 protocol, u64 scancode, u32 toggle",
        "4.18",
        "int",
    ),
    Helper(79, "bpf_skb_cgroup_id", "u64", "void *skb", "4.18"),
    Helper(80, "bpf_get_current_cgroup_id", "u64", "void", "4.18"),
    Helper(81, "bpf_get_local_storage", "void *", "void *map, u64 flags", "4.19"),
    Helper(
        82,
        "bpf_sk_select_reuseport",
        "long",
        "void *reuse, void *map, void *key, u64 flags",
        "4.19",
        "int",
    ),
    Helper(83, "bpf_skb_ancestor_cgroup_id", "u64", "void *skb, int ancestor_level", "4.19"),
    Helper(
        84,
        "bpf_sk_lookup_tcp",
        "struct bpf_sock *",
        "void *ctx, struct bpf_sock_tuple *tuple, u32 tuple_size, u64 netns, u64 flags",
        "4.20",
    ),
    Helper(
        85,
        "bpf_sk_lookup_udp",
        "struct bpf_sock *",
        "void *ctx, struct bpf_sock_tuple *tuple, u32 tuple_size, u64 netns, u64 flags",
        "4.20",
    ),
    Helper(86, "bpf_sk_release", "long", "void *sock", "4.20", "int"),
    Helper(
        87, "bpf_map_push_elem", "long", "void *map, const void *value, u64 flags", "4.20", "int"
    ),
    Helper(88, "bpf_map_pop_elem", "long", "void *map, void *value", "4.20", "int"),
    Helper(89, "bpf_map_peek_elem", "long", "void *map, void *value", "4.20", "int"),
    Helper(
        90, "bpf_msg_push_data", "long", "void *msg, u32 start, u32 len, u64 flags", "4.20", "int"
    ),
    Helper(
        91, "bpf_msg_pop_data", "long", "void *msg, u32 start, u32 len, u64 flags", "5.0", "int"
    ),
    Helper(92, "bpf_rc_pointer_rel", "long", "void *ctx, s32 rel_x, s32 rel_y", "5.0", "int"),
    Helper(93, "bpf_spin_lock", "long", "struct bpf_spin_lock *lock", "5.1", "int"),
    Helper(94, "bpf_spin_unlock", "long", "struct bpf_spin_lock *lock", "5.1", "int"),
    Helper(95, "bpf_sk_fullsock", "struct bpf_sock *", "void *sk", "5.1"),
    Helper(96, "bpf_tcp_sock", "struct bpf_tcp_sock *", "void *sk", "5.1"),
    Helper(97, "bpf_skb_ecn_set_ce", "long", "void *skb", "5.1", "int"),
    Helper(98, "bpf_get_listener_sock", "struct bpf_sock *", "void *sk", "5.1"),
    Helper(
        99,
        "bpf_skc_lookup_tcp",
        "struct bpf_sock *",
        "void *ctx, struct bpf_sock_tuple *tuple, u32 tuple_size, u64 netns, u64 flags",
        "5.2",
    ),
    Helper(
        100,
        "bpf_tcp_check_syncookie",
        "long",
        "void *sk, void *iph, u32 iph_len, void *th, u32 th_len",
        "5.2",
        "int",
    ),
    Helper(
        101,
        "bpf_sysctl_get_name",
        "long",
        "void *ctx, char *buf, u64 buf_len, u64 flags",
        "5.2",
        "int",
    ),
    Helper(
        102,
        "bpf_sysctl_get_current_value",
        "long",
        "void *ctx, char *buf, u64 buf_len",
        "5.2",
        "int",
    ),
    Helper(
        103, "bpf_sysctl_get_new_value", "long", "void *ctx, char *buf, u64 buf_len", "5.2", "int"
    ),
    Helper(
        104,
        "bpf_sysctl_set_new_value",
        "long",
        "void *ctx, const char *buf, u64 buf_len",
        "5.2",
        "int",
    ),
    Helper(
        105,
        "bpf_strtol",
        "long",
        "const char *buf, u64 buf_len, u64 flags, long *res",
        "5.2",
        "int",
    ),
    Helper(
        106,
        "bpf_strtoul",
        "long",
        "const char *buf, u64 buf_len, u64 flags, unsigned long *res",
        "5.2",
        "int",
    ),
    Helper(
        107, "bpf_sk_storage_get", "void *", "void *map, void *sk, void *value, u64 flags", "5.2"
    ),
    Helper(108, "bpf_sk_storage_delete", "long", "void *map, void *sk", "5.2", "int"),
    Helper(109, "bpf_send_signal", "long", "u32 sig", "5.3", "int"),
    Helper(
        110,
        "bpf_tcp_gen_syncookie",
        "s64",
        "void *sk, void *iph, u32 iph_len, void *th, u32 th_len",
        "5.3",
    ),
    Helper(
        111,
        "bpf_skb_output",
        "long",
        "void *ctx, void *map, u64 flags, void *data, u64 size",
        "5.5",
        "int",
    ),
    Helper(
        112,
        "bpf_probe_read_user",
        "long",
        "void *dst, u32 size, const void *unsafe_ptr",
        "5.5",
        "int",
    ),
    Helper(
        113,
        "bpf_probe_read_kernel",
        "long",
        "void *dst, u32 size, const void *unsafe_ptr",
        "5.5",
        "int",
    ),
    Helper(
        114,
        "bpf_probe_read_user_str",
        "long",
        "void *dst, u32 size, const void *unsafe_ptr",
        "5.5",
        "int",
    ),
    Helper(
        115,
        "bpf_probe_read_kernel_str",
        "long",
        "void *dst, u32 size, const void *unsafe_ptr",
        "5.5",
        "int",
    ),
    Helper(116, "bpf_tcp_send_ack", "long", "void *tp, u32 rcv_nxt", "5.6", "int"),
    Helper(117, "bpf_send_signal_thread", "long", "u32 sig", "5.6", "int"),
    Helper(118, "bpf_jiffies64", "u64", "void", "5.6"),
    Helper(
        119,
        "bpf_read_branch_records",
        "long",
        "void *ctx, void *buf, u32 size, u64 flags",
        "5.7",
        "int",
    ),
    Helper(
        120,
        "bpf_get_ns_current_pid_tgid",
        "long",
        "u64 dev, u64 ino, struct bpf_pidns_info *nsdata, u32 size",
        "5.7",
        "int",
    ),
    Helper(
        121,
        "bpf_xdp_output",
        "long",
        "void *ctx, void *map, u64 flags, void *data, u64 size",
        "5.7",
        "int",
    ),
    Helper(122, "bpf_get_netns_cookie", "u64", "void *ctx", "5.7"),
    Helper(123, "bpf_get_current_ancestor_cgroup_id", "u64", "int ancestor_level", "5.7"),
    Helper(124, "bpf_sk_assign", "long", "void *skb, void *sk, u64 flags", "5.7", "int"),
    Helper(125, "bpf_ktime_get_boot_ns", "u64", "void", "5.8"),
    Helper(
        126,
        "bpf_seq_printf",
        "long",
        "void *m, const char *fmt, u32 fmt_size, const void *data, u32 data_len",
        "5.8",
        "int",
    ),
    Helper(127, "bpf_seq_write", "long", "void *m, const void *data, u32 len", "5.8", "int"),
    Helper(128, "bpf_sk_cgroup_id", "u64", "void *sk", "5.8"),
    Helper(129, "bpf_sk_ancestor_cgroup_id", "u64", "void *sk, int ancestor_level", "5.8"),
    Helper(
        130,
        "bpf_ringbuf_output",
        "long",
        "void *ringbuf, void *data, u64 size, u64 flags",
        "5.8",
        "int",
    ),
    Helper(131, "bpf_ringbuf_reserve", "void *", "void *ringbuf, u64 size, u64 flags", "5.8"),
    Helper(132, "bpf_ringbuf_submit", "void", "void *data, u64 flags", "5.8"),
    Helper(133, "bpf_ringbuf_discard", "void", "void *data, u64 flags", "5.8"),
    Helper(134, "bpf_ringbuf_query", "u64", "void *ringbuf, u64 flags", "5.8"),
    Helper(135, "bpf_csum_level", "long", "void *skb, u64 level", "5.8", "int"),
    Helper(136, "bpf_skc_to_tcp6_sock", "struct tcp6_sock *", "void *sk", "5.9"),
    Helper(137, "bpf_skc_to_tcp_sock", "struct tcp_sock *", "void *sk", "5.9"),
    Helper(138, "bpf_skc_to_tcp_timewait_sock", "struct tcp_timewait_sock *", "void *sk", "5.9"),
    Helper(139, "bpf_skc_to_tcp_request_sock", "struct tcp_request_sock *", "void *sk", "5.9"),
    Helper(140, "bpf_skc_to_udp6_sock", "struct udp6_sock *", "void *sk", "5.9"),
    Helper(141, "bpf_get_task_stack", "long", "void *task, void *buf, u32 size, u64 flags", "5.9"),
    Helper(
        142,
        "bpf_load_hdr_opt",
        "long",
        "void *skops, void *searchby_res, u32 len, u64 flags",
        "5.10",
    ),
    Helper(
        143,
        "bpf_store_hdr_opt",
        "long",
        "void *skops, const void *from, u32 len, u64 flags",
        "5.10",
    ),
    Helper(144, "bpf_reserve_hdr_opt", "long", "void *skops, u32 len, u64 flags", "5.10"),
    Helper(
        145,
        "bpf_inode_storage_get",
        "void *",
        "void *map, void *inode, void *value, u64 flags",
        "5.10",
    ),
    Helper(146, "bpf_inode_storage_delete", "int", "void *map, void *inode", "5.10"),
    Helper(147, "bpf_d_path", "long", "void *path, char *buf, u32 sz", "5.10"),
    Helper(148, "bpf_copy_from_user", "long", "void *dst, u32 size, const void *user_ptr", "5.10"),
    Helper(
        149,
        "bpf_snprintf_btf",
        "long",
        "char *str, u32 str_size, struct btf_ptr *ptr, u32 btf_ptr_size, u64 flags",
        "5.10",
    ),
    Helper(
        150,
        "bpf_seq_printf_btf",
        "long",
        "void *m, struct btf_ptr *ptr, u32 ptr_size, u64 flags",
        "5.10",
    ),
    Helper(151, "bpf_skb_cgroup_classid", "u64", "void *skb", "5.10"),
    Helper(
        152,
        "bpf_redirect_neigh",
        "long",
        "u32 ifindex, struct bpf_redir_neigh *params, int plen, u64 flags",
        "5.10",
    ),
    Helper(153, "bpf_per_cpu_ptr", "void *", "const void *percpu_ptr, u32 cpu", "5.10"),
    Helper(154, "bpf_this_cpu_ptr", "void *", "const void *percpu_ptr", "5.10"),
    Helper(155, "bpf_redirect_peer", "long", "u32 ifindex, u64 flags", "5.10"),
    Helper(
        156,
        "bpf_task_storage_get",
        "void *",
        "void *map, void *task, void *value, u64 flags",
        "5.11",
    ),
    Helper(157, "bpf_task_storage_delete", "long", "void *map, void *task", "5.11"),
    Helper(158, "bpf_get_current_task_btf", "struct task_struct *", "void", "5.11"),
    Helper(159, "bpf_bprm_opts_set", "long", "void *bprm, u64 flags", "5.11"),
    Helper(160, "bpf_ktime_get_coarse_ns", "u64", "void", "5.11"),
    Helper(161, "bpf_ima_inode_hash", "long", "void *inode, void *dst, u32 size", "5.11"),
    Helper(162, "bpf_sock_from_file", "struct socket *", "void *file", "5.11"),
    Helper(
        163,
        "bpf_check_mtu",
        "long",
        "void *ctx, u32 ifindex, u32 *mtu_len, s32 len_diff, u64 flags",
        "5.12",
    ),
    Helper(
        164,
        "bpf_for_each_map_elem",
        "long",
        "void *map, void *callback_fn, void *callback_ctx, u64 flags",
        "5.13",
    ),
    Helper(
        165,
        "bpf_snprintf",
        "long",
        "char *str, u32 str_size, const char *fmt, u64 *data, u32 data_len",
        "5.13",
    ),
    Helper(166, "bpf_sys_bpf", "long", "u32 cmd, void *attr, u32 attr_size", "5.14"),
    Helper(
        167,
        "bpf_btf_find_by_name_kind",
        "long",
        "char *name, int name_sz, u32 kind, int flags",
        "5.14",
    ),
    Helper(168, "bpf_sys_close", "long", "u32 fd", "5.14"),
    Helper(169, "bpf_timer_init", "long", "struct bpf_timer *timer, void *map, u64 flags", "5.15"),
    Helper(
        170, "bpf_timer_set_callback", "long", "struct bpf_timer *timer, void *callback_fn", "5.15"
    ),
    Helper(171, "bpf_timer_start", "long", "struct bpf_timer *timer, u64 nsecs, u64 flags", "5.15"),
    Helper(172, "bpf_timer_cancel", "long", "struct bpf_timer *timer", "5.15"),
    Helper(173, "bpf_get_func_ip", "u64", "void *ctx", "5.15"),
    Helper(174, "bpf_get_attach_cookie", "u64", "void *ctx", "5.15"),
    Helper(175, "bpf_task_pt_regs", "long", "void *task", "5.15"),
    Helper(176, "bpf_get_branch_snapshot", "long", "void *entries, u32 size, u64 flags", "5.16"),
    Helper(
        177,
        "bpf_trace_vprintk",
        "long",
        "const char *fmt, u32 fmt_size, const void *data, u32 data_len",
        "5.16",
    ),
    Helper(178, "bpf_skc_to_unix_sock", "struct unix_sock *", "void *sk", "5.16"),
    Helper(
        179,
        "bpf_kallsyms_lookup_name",
        "long",
        "const char *name, int name_sz, int flags, u64 *res",
        "5.16",
    ),
    Helper(
        180,
        "bpf_find_vma",
        "long",
        "void *task, u64 addr, void *callback_fn, void *callback_ctx, u64 flags",
        "5.17",
    ),
    Helper(
        181,
        "bpf_loop",
        "long",
        "u32 nr_loops, void *callback_fn, void *callback_ctx, u64 flags",
        "5.17",
    ),
    Helper(182, "bpf_strncmp", "long", "const char *s1, u32 s1_sz, const char *s2", "5.17"),
    Helper(183, "bpf_get_func_arg", "long", "void *ctx, u32 n, u64 *value", "5.17"),
    Helper(184, "bpf_get_func_ret", "long", "void *ctx, u64 *value", "5.17"),
    Helper(185, "bpf_get_func_arg_cnt", "long", "void *ctx", "5.17"),
    Helper(186, "bpf_get_retval", "int", "void", "5.18"),
    Helper(187, "bpf_set_retval", "int", "int retval", "5.18"),
    Helper(188, "bpf_xdp_get_buff_len", "u64", "void *xdp_md", "5.18"),
    Helper(
        189, "bpf_xdp_load_bytes", "long", "void *xdp_md, u32 offset, void *buf, u32 len", "5.18"
    ),
    Helper(
        190, "bpf_xdp_store_bytes", "long", "void *xdp_md, u32 offset, void *buf, u32 len", "5.18"
    ),
    Helper(
        191,
        "bpf_copy_from_user_task",
        "long",
        "void *dst, u32 size, const void *user_ptr, void *tsk, u64 flags",
        "5.18",
    ),
    Helper(192, "bpf_skb_set_tstamp", "long", "void *skb, u64 tstamp, u32 tstamp_type", "5.18"),
    Helper(193, "bpf_ima_file_hash", "long", "void *file, void *dst, u32 size", "5.18"),
    Helper(194, "bpf_kptr_xchg", "void *", "void *map_value, void *ptr", "5.19"),
    Helper(
        195, "bpf_map_lookup_percpu_elem", "void *", "void *map, const void *key, u32 cpu", "5.19"
    ),
    Helper(196, "bpf_skc_to_mptcp_sock", "struct mptcp_sock *", "void *sk", "5.19"),
    Helper(
        197,
        "bpf_dynptr_from_mem",
        "long",
        "void *data, u32 size, u64 flags, struct bpf_dynptr *ptr",
        "5.19",
    ),
    Helper(
        198,
        "bpf_ringbuf_reserve_dynptr",
        "long",
        "void *ringbuf, u32 size, u64 flags, struct bpf_dynptr *ptr",
        "5.19",
    ),
    Helper(199, "bpf_ringbuf_submit_dynptr", "void", "struct bpf_dynptr *ptr, u64 flags", "5.19"),
    Helper(200, "bpf_ringbuf_discard_dynptr", "void", "struct bpf_dynptr *ptr, u64 flags", "5.19"),
    Helper(
        201,
        "bpf_dynptr_read",
        "long",
        "void *dst, u32 len, struct bpf_dynptr *src, u32 offset, u64 flags",
        "5.19",
    ),
    Helper(
        202,
        "bpf_dynptr_write",
        "long",
        "struct bpf_dynptr *dst, u32 offset, void *src, u32 len, u64 flags",
        "5.19",
    ),
    Helper(203, "bpf_dynptr_data", "void *", "struct bpf_dynptr *ptr, u32 offset, u32 len", "5.19"),
    Helper(204, "bpf_tcp_raw_gen_syncookie_ipv4", "s64", "void *iph, void *th, u32 th_len", "6.0"),
    Helper(205, "bpf_tcp_raw_gen_syncookie_ipv6", "s64", "void *iph, void *th, u32 th_len", "6.0"),
    Helper(206, "bpf_tcp_raw_check_syncookie_ipv4", "long", "void *iph, void *th", "6.0"),
    Helper(207, "bpf_tcp_raw_check_syncookie_ipv6", "long", "void *iph, void *th", "6.0"),
    Helper(208, "bpf_ktime_get_tai_ns", "u64", "void", "6.1"),
    Helper(
        209,
        "bpf_user_ringbuf_drain",
        "long",
        "void *map, void *callback_fn, void *ctx, u64 flags",
        "6.1",
    ),
    Helper(
        210,
        "bpf_cgrp_storage_get",
        "void *",
        "void *map, void *cgroup, void *value, u64 flags",
        "6.2",
    ),
    Helper(211, "bpf_cgrp_storage_delete", "long", "void *map, void *cgroup", "6.2"),
)
