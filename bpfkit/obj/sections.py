"""What a program's section name tells: its type, where it attaches, and to what.

One table. Names are libbpf's ("Program Types and ELF Sections" of its documentation); a section
that is not in the table tells nothing, as in bcc's dialect, where attaching decides.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..uapi.bpf import AttachType, ProgFlag, ProgType


@dataclass(frozen=True, slots=True)
class SectionKind:
    """One row: the word before the slash, and what it means."""

    word: str
    type: ProgType
    attach_type: AttachType | None = None
    flags: int = 0


SECTIONS: tuple[SectionKind, ...] = (
    SectionKind("socket", ProgType.SOCKET_FILTER),
    SectionKind("kprobe", ProgType.KPROBE),
    SectionKind("kretprobe", ProgType.KPROBE),
    SectionKind("ksyscall", ProgType.KPROBE),
    SectionKind("kretsyscall", ProgType.KPROBE),
    SectionKind("kprobe.multi", ProgType.KPROBE, AttachType.TRACE_KPROBE_MULTI),
    SectionKind("kretprobe.multi", ProgType.KPROBE, AttachType.TRACE_KPROBE_MULTI),
    SectionKind("uprobe", ProgType.KPROBE),
    SectionKind("uprobe.s", ProgType.KPROBE, flags=ProgFlag.SLEEPABLE),
    SectionKind("uretprobe", ProgType.KPROBE),
    SectionKind("usdt", ProgType.KPROBE),
    SectionKind("tc", ProgType.SCHED_CLS),
    SectionKind("classifier", ProgType.SCHED_CLS),
    SectionKind("action", ProgType.SCHED_ACT),
    SectionKind("tcx/ingress", ProgType.SCHED_CLS, AttachType.TCX_INGRESS),
    SectionKind("tcx/egress", ProgType.SCHED_CLS, AttachType.TCX_EGRESS),
    SectionKind("tracepoint", ProgType.TRACEPOINT),
    SectionKind("tp", ProgType.TRACEPOINT),
    SectionKind("raw_tracepoint", ProgType.RAW_TRACEPOINT),
    SectionKind("raw_tp", ProgType.RAW_TRACEPOINT),
    SectionKind("raw_tracepoint.w", ProgType.RAW_TRACEPOINT_WRITABLE),
    SectionKind("raw_tp.w", ProgType.RAW_TRACEPOINT_WRITABLE),
    SectionKind("tp_btf", ProgType.TRACING, AttachType.TRACE_RAW_TP),
    SectionKind("fentry", ProgType.TRACING, AttachType.TRACE_FENTRY),
    SectionKind("fentry.s", ProgType.TRACING, AttachType.TRACE_FENTRY, ProgFlag.SLEEPABLE),
    SectionKind("fexit", ProgType.TRACING, AttachType.TRACE_FEXIT),
    SectionKind("fexit.s", ProgType.TRACING, AttachType.TRACE_FEXIT, ProgFlag.SLEEPABLE),
    SectionKind("fmod_ret", ProgType.TRACING, AttachType.MODIFY_RETURN),
    SectionKind("fmod_ret.s", ProgType.TRACING, AttachType.MODIFY_RETURN, ProgFlag.SLEEPABLE),
    SectionKind("freplace", ProgType.EXT),
    SectionKind("lsm", ProgType.LSM, AttachType.LSM_MAC),
    SectionKind("lsm.s", ProgType.LSM, AttachType.LSM_MAC, ProgFlag.SLEEPABLE),
    SectionKind("lsm_cgroup", ProgType.LSM, AttachType.LSM_CGROUP),
    SectionKind("iter", ProgType.TRACING, AttachType.TRACE_ITER),
    SectionKind("iter.s", ProgType.TRACING, AttachType.TRACE_ITER, ProgFlag.SLEEPABLE),
    SectionKind("syscall", ProgType.SYSCALL, flags=ProgFlag.SLEEPABLE),
    SectionKind("xdp", ProgType.XDP, AttachType.XDP),
    SectionKind("xdp.frags", ProgType.XDP, AttachType.XDP, ProgFlag.XDP_HAS_FRAGS),
    SectionKind("xdp/devmap", ProgType.XDP, AttachType.XDP_DEVMAP),
    SectionKind("xdp/cpumap", ProgType.XDP, AttachType.XDP_CPUMAP),
    SectionKind("perf_event", ProgType.PERF_EVENT),
    SectionKind("cgroup_skb/ingress", ProgType.CGROUP_SKB, AttachType.CGROUP_INET_INGRESS),
    SectionKind("cgroup_skb/egress", ProgType.CGROUP_SKB, AttachType.CGROUP_INET_EGRESS),
    SectionKind("cgroup/skb", ProgType.CGROUP_SKB),
    SectionKind("cgroup/sock_create", ProgType.CGROUP_SOCK, AttachType.CGROUP_INET_SOCK_CREATE),
    SectionKind("cgroup/connect4", ProgType.CGROUP_SOCK_ADDR, AttachType.CGROUP_INET4_CONNECT),
    SectionKind("cgroup/connect6", ProgType.CGROUP_SOCK_ADDR, AttachType.CGROUP_INET6_CONNECT),
    SectionKind("cgroup/dev", ProgType.CGROUP_DEVICE, AttachType.CGROUP_DEVICE),
    SectionKind("sockops", ProgType.SOCK_OPS, AttachType.CGROUP_SOCK_OPS),
    SectionKind("sk_msg", ProgType.SK_MSG, AttachType.SK_MSG_VERDICT),
    SectionKind("sk_skb", ProgType.SK_SKB),
    SectionKind("sk_lookup", ProgType.SK_LOOKUP, AttachType.SK_LOOKUP),
    SectionKind("flow_dissector", ProgType.FLOW_DISSECTOR, AttachType.FLOW_DISSECTOR),
    SectionKind("lwt_in", ProgType.LWT_IN),
    SectionKind("lwt_out", ProgType.LWT_OUT),
    SectionKind("lwt_xmit", ProgType.LWT_XMIT),
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
