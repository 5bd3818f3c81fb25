"""What a program's section name tells: its type, where it attaches, and to what.

One table. Names are libbpf's ("Program Types and ELF Sections" of its documentation); a section
that is not in the table tells nothing, as in bcc's dialect, where attaching decides.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..uapi.bpf import AttachType, ProgFlag, ProgType

_SLEEPABLE = ProgFlag.SLEEPABLE
_FRAGS = ProgFlag.XDP_HAS_FRAGS
_SOCK_ADDR = ProgType.CGROUP_SOCK_ADDR


@dataclass(frozen=True, slots=True)
class SectionKind:
    """One row: the word before the slash, and what it means."""

    word: str
    type: ProgType
    attach_type: AttachType | None = None
    flags: int = 0


SECTIONS: tuple[SectionKind, ...] = (
    SectionKind("socket", ProgType.SOCKET_FILTER),
    SectionKind(
        "sk_reuseport/migrate", ProgType.SK_REUSEPORT, AttachType.SK_REUSEPORT_SELECT_OR_MIGRATE
    ),
    SectionKind("sk_reuseport", ProgType.SK_REUSEPORT, AttachType.SK_REUSEPORT_SELECT),
    SectionKind("kprobe", ProgType.KPROBE),
    SectionKind("kretprobe", ProgType.KPROBE),
    SectionKind("ksyscall", ProgType.KPROBE),
    SectionKind("kretsyscall", ProgType.KPROBE),
    SectionKind("kprobe.multi", ProgType.KPROBE, AttachType.TRACE_KPROBE_MULTI),
    SectionKind("kretprobe.multi", ProgType.KPROBE, AttachType.TRACE_KPROBE_MULTI),
    SectionKind("kprobe.session", ProgType.KPROBE, AttachType.TRACE_KPROBE_SESSION),
    SectionKind("uprobe", ProgType.KPROBE),
    SectionKind("uprobe.s", ProgType.KPROBE, flags=_SLEEPABLE),
    SectionKind("uretprobe", ProgType.KPROBE),
    SectionKind("uretprobe.s", ProgType.KPROBE, flags=_SLEEPABLE),
    SectionKind("uprobe.multi", ProgType.KPROBE, AttachType.TRACE_UPROBE_MULTI),
    SectionKind("uretprobe.multi", ProgType.KPROBE, AttachType.TRACE_UPROBE_MULTI),
    SectionKind("uprobe.multi.s", ProgType.KPROBE, AttachType.TRACE_UPROBE_MULTI, _SLEEPABLE),
    SectionKind("uretprobe.multi.s", ProgType.KPROBE, AttachType.TRACE_UPROBE_MULTI, _SLEEPABLE),
    SectionKind("uprobe.session", ProgType.KPROBE, AttachType.TRACE_UPROBE_SESSION),
    SectionKind("uprobe.session.s", ProgType.KPROBE, AttachType.TRACE_UPROBE_SESSION, _SLEEPABLE),
    SectionKind("usdt", ProgType.KPROBE),
    SectionKind("usdt.s", ProgType.KPROBE, flags=_SLEEPABLE),
    SectionKind("tc", ProgType.SCHED_CLS),
    SectionKind("tc/ingress", ProgType.SCHED_CLS, AttachType.TCX_INGRESS),
    SectionKind("tc/egress", ProgType.SCHED_CLS, AttachType.TCX_EGRESS),
    SectionKind("tcx/ingress", ProgType.SCHED_CLS, AttachType.TCX_INGRESS),
    SectionKind("tcx/egress", ProgType.SCHED_CLS, AttachType.TCX_EGRESS),
    SectionKind("netkit/primary", ProgType.SCHED_CLS, AttachType.NETKIT_PRIMARY),
    SectionKind("netkit/peer", ProgType.SCHED_CLS, AttachType.NETKIT_PEER),
    SectionKind("classifier", ProgType.SCHED_CLS),
    SectionKind("action", ProgType.SCHED_ACT),
    SectionKind("tracepoint", ProgType.TRACEPOINT),
    SectionKind("tp", ProgType.TRACEPOINT),
    SectionKind("raw_tracepoint", ProgType.RAW_TRACEPOINT),
    SectionKind("raw_tp", ProgType.RAW_TRACEPOINT),
    SectionKind("raw_tracepoint.w", ProgType.RAW_TRACEPOINT_WRITABLE),
    SectionKind("raw_tp.w", ProgType.RAW_TRACEPOINT_WRITABLE),
    SectionKind("tp_btf", ProgType.TRACING, AttachType.TRACE_RAW_TP),
    SectionKind("fentry", ProgType.TRACING, AttachType.TRACE_FENTRY),
    SectionKind("fentry.s", ProgType.TRACING, AttachType.TRACE_FENTRY, _SLEEPABLE),
    SectionKind("fexit", ProgType.TRACING, AttachType.TRACE_FEXIT),
    SectionKind("fexit.s", ProgType.TRACING, AttachType.TRACE_FEXIT, _SLEEPABLE),
    SectionKind("fsession", ProgType.TRACING, AttachType.TRACE_FSESSION),
    SectionKind("fsession.s", ProgType.TRACING, AttachType.TRACE_FSESSION, _SLEEPABLE),
    SectionKind("fentry.multi", ProgType.TRACING, AttachType.TRACE_FENTRY_MULTI),
    SectionKind("fentry.multi.s", ProgType.TRACING, AttachType.TRACE_FENTRY_MULTI, _SLEEPABLE),
    SectionKind("fexit.multi", ProgType.TRACING, AttachType.TRACE_FEXIT_MULTI),
    SectionKind("fexit.multi.s", ProgType.TRACING, AttachType.TRACE_FEXIT_MULTI, _SLEEPABLE),
    SectionKind("fsession.multi", ProgType.TRACING, AttachType.TRACE_FSESSION_MULTI),
    SectionKind("fsession.multi.s", ProgType.TRACING, AttachType.TRACE_FSESSION_MULTI, _SLEEPABLE),
    SectionKind("fmod_ret", ProgType.TRACING, AttachType.MODIFY_RETURN),
    SectionKind("fmod_ret.s", ProgType.TRACING, AttachType.MODIFY_RETURN, _SLEEPABLE),
    SectionKind("freplace", ProgType.EXT),
    SectionKind("lsm", ProgType.LSM, AttachType.LSM_MAC),
    SectionKind("lsm.s", ProgType.LSM, AttachType.LSM_MAC, _SLEEPABLE),
    SectionKind("lsm_cgroup", ProgType.LSM, AttachType.LSM_CGROUP),
    SectionKind("iter", ProgType.TRACING, AttachType.TRACE_ITER),
    SectionKind("iter.s", ProgType.TRACING, AttachType.TRACE_ITER, _SLEEPABLE),
    SectionKind("syscall", ProgType.SYSCALL, flags=_SLEEPABLE),
    SectionKind("xdp", ProgType.XDP, AttachType.XDP),
    SectionKind("xdp.frags", ProgType.XDP, AttachType.XDP, _FRAGS),
    SectionKind("xdp/devmap", ProgType.XDP, AttachType.XDP_DEVMAP),
    SectionKind("xdp.frags/devmap", ProgType.XDP, AttachType.XDP_DEVMAP, _FRAGS),
    SectionKind("xdp/cpumap", ProgType.XDP, AttachType.XDP_CPUMAP),
    SectionKind("xdp.frags/cpumap", ProgType.XDP, AttachType.XDP_CPUMAP, _FRAGS),
    SectionKind("perf_event", ProgType.PERF_EVENT),
    SectionKind("lwt_in", ProgType.LWT_IN),
    SectionKind("lwt_out", ProgType.LWT_OUT),
    SectionKind("lwt_xmit", ProgType.LWT_XMIT),
    SectionKind("lwt_seg6local", ProgType.LWT_SEG6LOCAL),
    SectionKind("sockops", ProgType.SOCK_OPS, AttachType.CGROUP_SOCK_OPS),
    SectionKind("sk_skb/stream_parser", ProgType.SK_SKB, AttachType.SK_SKB_STREAM_PARSER),
    SectionKind("sk_skb/stream_verdict", ProgType.SK_SKB, AttachType.SK_SKB_STREAM_VERDICT),
    SectionKind("sk_skb/verdict", ProgType.SK_SKB, AttachType.SK_SKB_VERDICT),
    SectionKind("sk_skb", ProgType.SK_SKB),
    SectionKind("sk_msg", ProgType.SK_MSG, AttachType.SK_MSG_VERDICT),
    SectionKind("lirc_mode2", ProgType.LIRC_MODE2, AttachType.LIRC_MODE2),
    SectionKind("flow_dissector", ProgType.FLOW_DISSECTOR, AttachType.FLOW_DISSECTOR),
    SectionKind("cgroup_skb/ingress", ProgType.CGROUP_SKB, AttachType.CGROUP_INET_INGRESS),
    SectionKind("cgroup_skb/egress", ProgType.CGROUP_SKB, AttachType.CGROUP_INET_EGRESS),
    SectionKind("cgroup/skb", ProgType.CGROUP_SKB),
    SectionKind("cgroup/sock_create", ProgType.CGROUP_SOCK, AttachType.CGROUP_INET_SOCK_CREATE),
    SectionKind("cgroup/sock_release", ProgType.CGROUP_SOCK, AttachType.CGROUP_INET_SOCK_RELEASE),
    SectionKind("cgroup/sock", ProgType.CGROUP_SOCK, AttachType.CGROUP_INET_SOCK_CREATE),
    SectionKind("cgroup/post_bind4", ProgType.CGROUP_SOCK, AttachType.CGROUP_INET4_POST_BIND),
    SectionKind("cgroup/post_bind6", ProgType.CGROUP_SOCK, AttachType.CGROUP_INET6_POST_BIND),
    SectionKind("cgroup/bind4", _SOCK_ADDR, AttachType.CGROUP_INET4_BIND),
    SectionKind("cgroup/bind6", _SOCK_ADDR, AttachType.CGROUP_INET6_BIND),
    SectionKind("cgroup/connect4", _SOCK_ADDR, AttachType.CGROUP_INET4_CONNECT),
    SectionKind("cgroup/connect6", _SOCK_ADDR, AttachType.CGROUP_INET6_CONNECT),
    SectionKind("cgroup/connect_unix", _SOCK_ADDR, AttachType.CGROUP_UNIX_CONNECT),
    SectionKind("cgroup/sendmsg4", _SOCK_ADDR, AttachType.CGROUP_UDP4_SENDMSG),
    SectionKind("cgroup/sendmsg6", _SOCK_ADDR, AttachType.CGROUP_UDP6_SENDMSG),
    SectionKind("cgroup/sendmsg_unix", _SOCK_ADDR, AttachType.CGROUP_UNIX_SENDMSG),
    SectionKind("cgroup/recvmsg4", _SOCK_ADDR, AttachType.CGROUP_UDP4_RECVMSG),
    SectionKind("cgroup/recvmsg6", _SOCK_ADDR, AttachType.CGROUP_UDP6_RECVMSG),
    SectionKind("cgroup/recvmsg_unix", _SOCK_ADDR, AttachType.CGROUP_UNIX_RECVMSG),
    SectionKind("cgroup/getpeername4", _SOCK_ADDR, AttachType.CGROUP_INET4_GETPEERNAME),
    SectionKind("cgroup/getpeername6", _SOCK_ADDR, AttachType.CGROUP_INET6_GETPEERNAME),
    SectionKind("cgroup/getpeername_unix", _SOCK_ADDR, AttachType.CGROUP_UNIX_GETPEERNAME),
    SectionKind("cgroup/getsockname4", _SOCK_ADDR, AttachType.CGROUP_INET4_GETSOCKNAME),
    SectionKind("cgroup/getsockname6", _SOCK_ADDR, AttachType.CGROUP_INET6_GETSOCKNAME),
    SectionKind("cgroup/getsockname_unix", _SOCK_ADDR, AttachType.CGROUP_UNIX_GETSOCKNAME),
    SectionKind("cgroup/sysctl", ProgType.CGROUP_SYSCTL, AttachType.CGROUP_SYSCTL),
    SectionKind("cgroup/getsockopt", ProgType.CGROUP_SOCKOPT, AttachType.CGROUP_GETSOCKOPT),
    SectionKind("cgroup/setsockopt", ProgType.CGROUP_SOCKOPT, AttachType.CGROUP_SETSOCKOPT),
    SectionKind("cgroup/dev", ProgType.CGROUP_DEVICE, AttachType.CGROUP_DEVICE),
    SectionKind("sk_lookup", ProgType.SK_LOOKUP, AttachType.SK_LOOKUP),
    SectionKind("netfilter", ProgType.NETFILTER, AttachType.NETFILTER),
    SectionKind("struct_ops", ProgType.STRUCT_OPS),
    SectionKind("struct_ops.s", ProgType.STRUCT_OPS, flags=_SLEEPABLE),
)
_BY_WORD = {row.word: row for row in SECTIONS}


def read_section(name: str) -> tuple[SectionKind | None, str]:
    """The row of a section and what follows its word: ``kprobe/vfs_read`` gives (…, "vfs_read")."""
    parts = name.removeprefix("?").split("/")
    for length in (2, 1):
        row = _BY_WORD.get("/".join(parts[:length]))
        if row is not None and len(parts) >= length:
            return row, "/".join(parts[length:])
    return None, ""
