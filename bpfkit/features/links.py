"""Which kinds of bpf_link the kernel has: each is made on something that cannot be.

What the kernel complains about tells whether it got as far as looking at the target. Only XDP tells
nothing that way; there a program that passes everything is put on the loopback device and taken off
at once.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from ..errors import SyscallError
from ..syscalls.api import Syscalls
from ..syscalls.requests import (
    KprobeMultiLink,
    LinkOptions,
    NetfilterLink,
    ProgLoad,
    UprobeMultiLink,
)
from ..uapi.bpf import AttachType, ProgType
from ..uapi.insn import EXIT, MOV64_IMM, Insn
from ..uapi.netlink import XdpFlag
from .probe import Facts, Feature, Probe, Support
from .programs import load_nothing

_UNCLEAR = frozenset({errno.EPERM, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENOSYS})
_NOWHERE = 0xFFFFFFFF  # as a descriptor: closed; as a device: none
_LOOPBACK = 1
_XDP_PASS = 2


@dataclass(frozen=True, slots=True)
class _Try:
    """A link to try. ``complaint`` is the errno of a kernel that knows it."""

    type: ProgType
    attach_type: AttachType
    complaint: int
    options: LinkOptions | None = None
    loaded_for_it: bool = False


_TRIES = {
    "link/perf_event": _Try(ProgType.TRACEPOINT, AttachType.PERF_EVENT, errno.EBADF),
    "link/cgroup": _Try(ProgType.CGROUP_SKB, AttachType.CGROUP_INET_INGRESS, errno.EBADF),
    "link/netns": _Try(ProgType.FLOW_DISSECTOR, AttachType.FLOW_DISSECTOR, errno.EBADF),
    "link/sockmap": _Try(ProgType.SK_MSG, AttachType.SK_MSG_VERDICT, errno.EBADF),
    "link/kprobe_multi": _Try(
        ProgType.KPROBE,
        AttachType.TRACE_KPROBE_MULTI,
        errno.ESRCH,
        KprobeMultiLink(symbols=("no such function",)),
        loaded_for_it=True,
    ),
    "link/uprobe_multi": _Try(
        ProgType.KPROBE,
        AttachType.TRACE_UPROBE_MULTI,
        errno.EBADF,
        UprobeMultiLink("/", (0,)),
        loaded_for_it=True,
    ),
    "link/tcx": _Try(ProgType.SCHED_CLS, AttachType.TCX_INGRESS, errno.ENODEV),
    "link/netkit": _Try(ProgType.SCHED_CLS, AttachType.NETKIT_PRIMARY, errno.ENODEV),
    "link/netfilter": _Try(
        ProgType.NETFILTER, AttachType.NETFILTER, errno.EAFNOSUPPORT, NetfilterLink(0, 0)
    ),
}

FEATURES = (
    Feature("link/bpf_link", "5.7", "af6eea57437a"),
    Feature("link/cgroup", "5.7", "af6eea57437a", config="CGROUP_BPF"),
    Feature("link/netns", "5.8", "7f045a49fee0"),
    Feature("link/xdp", "5.9", "aa8d3a716b59"),
    Feature("link/perf_event", "5.15", "b89fbfbb854c", config="PERF_EVENTS"),
    Feature("link/kprobe_multi", "5.18", "0dcac2725406", config="FPROBE"),
    Feature("link/netfilter", "6.4", "84601d6ee68a", config="NETFILTER_BPF_LINK"),
    Feature("link/tcx", "6.6", "e420bed02507", config="NET_XGRESS"),
    Feature("link/uprobe_multi", "6.6", "89ae89f53d20", config="UPROBE_EVENTS"),
    Feature("link/netkit", "6.7", "35dfaad7188c", config="NETKIT"),
    Feature("link/sockmap", "6.10", "699c23f02c65", config="BPF_STREAM_PARSER"),
)


def probes(syscalls: Syscalls, facts: Facts) -> Mapping[str, Probe]:
    """Return the probe of each kind of link."""
    found: dict[str, Callable[[], Support]] = {
        name: partial(_probe, syscalls, facts, trial) for name, trial in _TRIES.items()
    }
    found["link/bpf_link"] = partial(_probe_command, syscalls)
    found["link/xdp"] = partial(_probe_xdp, syscalls)
    return found


def _probe(syscalls: Syscalls, facts: Facts, trial: _Try) -> Support:
    expected = trial.attach_type if trial.loaded_for_it else None
    program = load_nothing(syscalls, facts, trial.type, expected)
    if isinstance(program, SyscallError):
        return Support.UNKNOWN if program.errno in _UNCLEAR else Support.NO
    with program:
        try:
            syscalls.link_create(
                program.fileno(), _NOWHERE, trial.attach_type, options=trial.options
            ).close()
        except SyscallError as error:
            if error.errno == trial.complaint:
                return Support.YES
            return Support.UNKNOWN if error.errno in _UNCLEAR else Support.NO
    return Support.YES


def _probe_command(syscalls: Syscalls) -> Support:
    """A kernel without the command says EINVAL, others that there is no such program."""
    try:
        syscalls.link_create(_NOWHERE, _NOWHERE, AttachType.CGROUP_INET_INGRESS).close()
    except SyscallError as error:
        if error.errno == errno.EBADF:
            return Support.YES
        return Support.UNKNOWN if error.errno in _UNCLEAR else Support.NO
    return Support.YES


def _probe_xdp(syscalls: Syscalls) -> Support:
    insns = Insn(MOV64_IMM, imm=_XDP_PASS).encode() + Insn(EXIT).encode()
    try:
        with syscalls.prog_load(ProgLoad(ProgType.XDP, insns, name="probe")) as program:
            syscalls.link_create(
                program.fileno(), _LOOPBACK, AttachType.XDP, flags=XdpFlag.SKB_MODE
            ).close()
    except SyscallError as error:
        if error.errno in (errno.EBUSY, errno.EEXIST):
            return Support.YES
        return Support.UNKNOWN if error.errno in _UNCLEAR else Support.NO
    return Support.YES
