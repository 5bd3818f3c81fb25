"""Sockmaps: programs on what the sockets in a SOCKMAP or SOCKHASH send and receive.

A parser (SK_SKB_STREAM_PARSER) cuts a stream into messages, a verdict (SK_SKB_STREAM_VERDICT, or
SK_SKB_VERDICT since Linux 5.13) says where each one goes, and SK_MSG_VERDICT does so for what is
sent. They came with Linux kernel commits 174a79ff9515 ("bpf: sockmap with sk redirect support") (in
v4.14) and 4f738adba30a ("bpf: create tcp_bpf_ulp allowing BPF to monitor socket TX/RX data") (in
v4.17); as links with 699c23f02c65 ("bpf: Add bpf_link support for sk_msg and sk_skb progs") (in
v6.10).
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from ..errors import AttachError, SyscallError
from ..features.probe import Support
from ..syscalls.api import SupportsFileno
from ..uapi.bpf import AttachType, ProgType
from .base import Attachable, Link
from .bpf_link import BpfLink
from .prog_attach import attach_by_command
from .refusal import check_type, explain_refusal

if TYPE_CHECKING:
    from ..system import System

_HOOKS = {
    AttachType.SK_SKB_STREAM_PARSER: ProgType.SK_SKB,
    AttachType.SK_SKB_STREAM_VERDICT: ProgType.SK_SKB,
    AttachType.SK_SKB_VERDICT: ProgType.SK_SKB,
    AttachType.SK_MSG_VERDICT: ProgType.SK_MSG,
}
_HINTS = {
    errno.EBUSY: "another program is attached, or SK_SKB_VERDICT beside SK_SKB_STREAM_VERDICT",
    errno.EOPNOTSUPP: "the map must be of type SOCKMAP or SOCKHASH",
    errno.EINVAL: "the map must be of type SOCKMAP or SOCKHASH, the program loaded for this attach "
    "type",
    errno.EBADF: "the map is closed",
}


def attach_sockmap(
    system: System, program: Attachable, map: SupportsFileno, attach_type: AttachType
) -> Link:
    """Call ``program`` for the sockets that are put into ``map`` from now on.

    A socket keeps its program until it leaves all maps. Before links (Linux 6.10) the program
    replaces what is attached. Raises AttachError.
    """
    where = f"{attach_type} of map {map.fileno()}"
    if attach_type not in _HOOKS:
        names = ", ".join(str(each) for each in _HOOKS)
        raise AttachError(program.name, where, "it is no attach type of sockmaps", f"use {names}")
    check_type(program, where, _HOOKS[attach_type])
    try:
        if system.features.get("link/sockmap") is Support.YES:
            fd = system.syscalls.link_create(program.fileno(), map.fileno(), attach_type)
            return BpfLink(system, fd, hook="sockmap", program=program.name, target=where)
        copy = system.syscalls.duplicate(map.fileno(), "sockmap")
        return attach_by_command(system, program, copy, attach_type, hook="sockmap", where=where)
    except SyscallError as error:
        feature = f"attach_type/{attach_type.name.lower()}"
        why = explain_refusal(system, error, _HINTS, feature)
        raise AttachError(program.name, where, why.reason, why.hint) from error
