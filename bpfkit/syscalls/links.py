"""The commands of bpf(2) on links."""

from __future__ import annotations

import ctypes
from array import array
from collections.abc import Sequence

from ..uapi.attr import (
    bpf_attr_iter_create,
    bpf_attr_link_create,
    bpf_attr_link_update,
    bpf_attr_one_fd,
    bpf_attr_raw_tracepoint,
    link_options,
)
from ..uapi.bpf import AttachType, BpfCmd
from .command import BpfCalls
from .fd import OwnedFd
from .hints import member_of
from .requests import (
    IterLink,
    KprobeMultiLink,
    LinkOptions,
    NetfilterLink,
    PerfEventLink,
    RelativeLink,
    TracingLink,
    UprobeMultiLink,
)


class _Memory:
    """Arrays that a request points to, kept until the call is over."""

    def __init__(self) -> None:
        self._kept: list[object] = []

    def numbers(self, values: Sequence[int]) -> int:
        """Address of an array of u64; 0 for none."""
        if not values:
            return 0
        kept = array("Q", values)
        self._kept.append(kept)
        return kept.buffer_info()[0]

    def strings(self, values: Sequence[str]) -> int:
        """Address of an array of char pointers; 0 for none."""
        if not values:
            return 0
        kept = (ctypes.c_char_p * len(values))(*(v.encode() for v in values))
        self._kept.append(kept)
        return ctypes.addressof(kept)


class LinkCommands(BpfCalls):
    """Links."""

    def link_create(
        self,
        prog_fd: int,
        target: int,
        attach_type: int,
        *,
        flags: int = 0,
        options: LinkOptions | None = None,
    ) -> OwnedFd:
        """BPF_LINK_CREATE."""
        attr = bpf_attr_link_create(prog_fd, target, attach_type, flags)
        memory = _Memory()
        if options is not None:
            _fill(attr.options, options, memory)
        hook = member_of(AttachType, attach_type) or attach_type
        fd = self._command(BpfCmd.LINK_CREATE, attr, f"{hook} of program {prog_fd}")
        return OwnedFd(fd, f"link {hook}")

    def link_update(self, link_fd: int, prog_fd: int, flags: int = 0, old_fd: int = 0) -> None:
        """BPF_LINK_UPDATE."""
        attr = bpf_attr_link_update(link_fd, prog_fd, flags, old_fd)
        self._command(BpfCmd.LINK_UPDATE, attr, f"link {link_fd}")

    def link_detach(self, link_fd: int) -> None:
        """BPF_LINK_DETACH."""
        self._command(BpfCmd.LINK_DETACH, bpf_attr_one_fd(link_fd), f"link {link_fd}")

    def iter_create(self, link_fd: int) -> OwnedFd:
        """BPF_ITER_CREATE."""
        fd = self._command(BpfCmd.ITER_CREATE, bpf_attr_iter_create(link_fd), f"link {link_fd}")
        return OwnedFd(fd, f"iterator of link {link_fd}")

    def raw_tracepoint_open(self, name: str | None, prog_fd: int, cookie: int = 0) -> OwnedFd:
        """BPF_RAW_TRACEPOINT_OPEN."""
        attr = bpf_attr_raw_tracepoint(name.encode() if name else None, prog_fd, cookie)
        what = f"raw tracepoint '{name}'" if name else f"hook of program {prog_fd}"
        return OwnedFd(self._command(BpfCmd.RAW_TRACEPOINT_OPEN, attr, what), what)


def _fill(into: link_options, options: LinkOptions, memory: _Memory) -> None:
    match options:
        case PerfEventLink():
            into.perf_event.bpf_cookie = options.cookie
        case TracingLink():
            into.tracing.target_btf_id = options.btf_id
            into.tracing.cookie = options.cookie
        case KprobeMultiLink():
            into.kprobe_multi.flags = options.flags
            into.kprobe_multi.cnt = len(options.symbols) or len(options.addresses)
            into.kprobe_multi.syms = memory.strings(options.symbols)
            into.kprobe_multi.addrs = memory.numbers(options.addresses)
            into.kprobe_multi.cookies = memory.numbers(options.cookies)
        case UprobeMultiLink():
            into.uprobe_multi.path = options.path.encode()
            into.uprobe_multi.offsets = memory.numbers(options.offsets)
            into.uprobe_multi.ref_ctr_offsets = memory.numbers(options.ref_ctr_offsets)
            into.uprobe_multi.cookies = memory.numbers(options.cookies)
            into.uprobe_multi.cnt = len(options.offsets)
            into.uprobe_multi.flags = options.flags
            into.uprobe_multi.pid = options.pid
        case RelativeLink():
            into.tcx.relative_fd = options.relative
            into.tcx.expected_revision = options.expected_revision
        case NetfilterLink():
            into.netfilter.pf = options.family
            into.netfilter.hooknum = options.hook
            into.netfilter.priority = options.priority
            into.netfilter.flags = options.flags
        case IterLink():
            into.iter.iter_info = options.info
            into.iter.iter_info_len = len(options.info)
