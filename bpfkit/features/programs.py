"""Which program types the kernel has: each is loaded, doing nothing.

Some types need what a program that does nothing has not. For them the kernel's complaint tells that
it knew the type.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Mapping
from functools import partial

from ..errors import SyscallError
from ..syscalls.api import Syscalls
from ..syscalls.fd import OwnedFd
from ..syscalls.requests import ProgLoad
from ..uapi.bpf import AttachType, ProgFlag, ProgType, first_release
from ..uapi.insn import EXIT, MOV64_IMM, Insn
from .probe import Facts, Feature, Probe, Support

UNCLEAR = frozenset({errno.EPERM, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENOSYS})
LOG_BYTES = 1 << 14

# What the hook accepts, where that is asked when a program is loaded.
_ATTACH_TYPES = {
    ProgType.CGROUP_SOCK_ADDR: AttachType.CGROUP_INET4_CONNECT,
    ProgType.CGROUP_SOCKOPT: AttachType.CGROUP_GETSOCKOPT,
    ProgType.SK_LOOKUP: AttachType.SK_LOOKUP,
    ProgType.NETFILTER: AttachType.NETFILTER,
    ProgType.TRACING: AttachType.TRACE_FENTRY,
    ProgType.LSM: AttachType.LSM_MAC,
}
_RETURNS = {ProgType.CGROUP_SOCKOPT: 1, ProgType.CGROUP_SOCK_ADDR: 1, ProgType.SK_LOOKUP: 1}

# Types that hang on a kernel type; with BTF type 1, which is an integer, they all complain. A
# kernel that does not know the type says EINVAL and nothing else.
_NEED_BTF = frozenset({ProgType.TRACING, ProgType.LSM, ProgType.EXT, ProgType.STRUCT_OPS})
COMPLAINT = re.compile(
    r"attach_btf_id|is not a function|Cannot replace kernel|not a supported struct|"
    r"attach to unsupported|must provide btf"
)
_CONFIG = {
    ProgType.KPROBE: "BPF_EVENTS",
    ProgType.TRACEPOINT: "BPF_EVENTS",
    ProgType.PERF_EVENT: "BPF_EVENTS",
    ProgType.RAW_TRACEPOINT: "BPF_EVENTS",
    ProgType.RAW_TRACEPOINT_WRITABLE: "BPF_EVENTS",
    ProgType.TRACING: "BPF_EVENTS",
    ProgType.CGROUP_DEVICE: "CGROUP_BPF",
    ProgType.CGROUP_SYSCTL: "CGROUP_BPF",
    ProgType.CGROUP_SOCKOPT: "CGROUP_BPF",
    ProgType.LIRC_MODE2: "BPF_LIRC_MODE2",
    ProgType.LSM: "BPF_LSM",
    ProgType.STRUCT_OPS: "BPF_JIT",
    ProgType.NETFILTER: "NETFILTER_BPF_LINK",
    ProgType.LWT_IN: "LWTUNNEL_BPF",
    ProgType.LWT_OUT: "LWTUNNEL_BPF",
    ProgType.LWT_XMIT: "LWTUNNEL_BPF",
    ProgType.LWT_SEG6LOCAL: "IPV6_SEG6_BPF",
}

PROG_TYPES = tuple(kind for kind in ProgType if kind is not ProgType.UNSPEC)
FEATURES = tuple(
    Feature(f"program_type/{kind.name.lower()}", first_release(kind), config=_CONFIG.get(kind, ""))
    for kind in PROG_TYPES
)


def probes(syscalls: Syscalls, facts: Facts) -> Mapping[str, Probe]:
    """Return the probe of each program type."""
    return {
        f"program_type/{kind.name.lower()}": partial(probe_program_type, syscalls, facts, kind)
        for kind in PROG_TYPES
    }


def nothing(
    kind: ProgType, facts: Facts, attach_type: AttachType | None = None, name: str = "probe"
) -> ProgLoad:
    """A program of this type that does nothing."""
    major, minor, sub = facts.version
    expected = _ATTACH_TYPES.get(kind) if attach_type is None else attach_type
    insns = Insn(MOV64_IMM, imm=_RETURNS.get(kind, 0)).encode() + Insn(EXIT).encode()
    return ProgLoad(
        type=kind,
        insns=insns,
        name=name,
        kern_version=major << 16 | minor << 8 | min(sub, 255),
        flags=ProgFlag.SLEEPABLE if kind is ProgType.SYSCALL else 0,
        expected_attach_type=expected or 0,
        attach_btf_id=1 if kind in _NEED_BTF else 0,
    )


def probe_program_type(syscalls: Syscalls, facts: Facts, kind: ProgType) -> Support:
    """Try to load a program of this type."""
    result, log = syscalls.prog_log(nothing(kind, facts), LOG_BYTES)
    if isinstance(result, OwnedFd):
        result.close()
        return Support.YES
    if kind in _NEED_BTF and COMPLAINT.search(log.text):
        return Support.YES
    return Support.UNKNOWN if result.errno in UNCLEAR else Support.NO


def load_nothing(
    syscalls: Syscalls, facts: Facts, kind: ProgType, attach_type: AttachType | None = None
) -> OwnedFd | SyscallError:
    """Load a program that does nothing, for other probes to use; the caller closes it."""
    try:
        return syscalls.prog_load(nothing(kind, facts, attach_type))
    except SyscallError as error:
        return error
