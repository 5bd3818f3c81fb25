"""Netfilter: a program among the rules of nftables and iptables, at one of their hooks.

It came with Linux kernel commit 84601d6ee68a ("bpf: add bpf_link support for BPF_NETFILTER
programs") (in v6.4).
"""

from __future__ import annotations

import errno
import socket
from enum import IntEnum
from typing import TYPE_CHECKING

from ..errors import AttachError, SyscallError
from ..syscalls.requests import NetfilterLink
from ..uapi.bpf import AttachType, ProgType
from .base import Attachable
from .bpf_link import BpfLink
from .refusal import check_type, explain_refusal

if TYPE_CHECKING:
    from ..system import System


class NetfilterHook(IntEnum):
    """enum nf_inet_hooks: where in its way through the stack a packet is."""

    PRE_ROUTING = 0  # NF_INET_PRE_ROUTING
    LOCAL_IN = 1  # NF_INET_LOCAL_IN
    FORWARD = 2  # NF_INET_FORWARD
    LOCAL_OUT = 3  # NF_INET_LOCAL_OUT
    POST_ROUTING = 4  # NF_INET_POST_ROUTING


_DEFRAGMENT = 1  # BPF_F_NETFILTER_IP_DEFRAG, v6.6
_HINTS = {
    errno.EAFNOSUPPORT: "the family must be AF_INET or AF_INET6",
    errno.EBUSY: "another program has this priority at this hook: choose another",
    errno.ERANGE: "the lowest and the highest number are the kernel's own: choose a priority "
    "between them",
    errno.EINVAL: "defragmenting takes a priority above -400 (NF_IP_PRI_CONNTRACK_DEFRAG) and "
    "Linux 6.6",
    errno.ENOENT: "defragmenting takes the kernel module nf_defrag_ipv4 or nf_defrag_ipv6",
    errno.EOPNOTSUPP: "the family must be AF_INET or AF_INET6",
}


def attach_netfilter(
    system: System,
    program: Attachable,
    hook: NetfilterHook,
    *,
    family: int = socket.AF_INET,
    priority: int = 0,
    defragment: bool = False,
) -> BpfLink:
    """Call ``program`` for the packets of this network namespace at ``hook``.

    Lower priorities run earlier; rules of iptables' table "filter" have 0. With ``defragment`` the
    program sees whole packets. Raises AttachError.
    """
    target = f"netfilter {hook.name} of {socket.AddressFamily(family).name}, priority {priority}"
    check_type(program, target, ProgType.NETFILTER)
    options = NetfilterLink(family, hook, priority, _DEFRAGMENT if defragment else 0)
    try:
        fd = system.syscalls.link_create(program.fileno(), 0, AttachType.NETFILTER, options=options)
    except SyscallError as error:
        why = explain_refusal(system, error, _HINTS, "link/netfilter")
        raise AttachError(program.name, target, why.reason, why.hint) from error
    return BpfLink(system, fd, hook="netfilter", program=program.name, target=target)
