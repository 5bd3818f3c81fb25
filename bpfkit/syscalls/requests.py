"""What system calls are asked for and what they answer, as values.

Sizes are in bytes, times in nanoseconds. A descriptor is a plain number here: who owns it is the
caller's business. Every field that a kernel may be too old for has 0 or nothing as its default, so
that nothing is sent which it does not know.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class ObjectKind(StrEnum):
    """Things of BPF that have ids."""

    PROG = "program"
    MAP = "map"
    BTF = "BTF"
    LINK = "link"


@dataclass(frozen=True, slots=True)
class MapCreate:
    """Attributes of BPF_MAP_CREATE. ``name`` is cut to 15 bytes."""

    type: int
    key_size: int
    value_size: int
    max_entries: int
    flags: int = 0
    name: str = ""
    inner_map_fd: int = 0
    numa_node: int = 0
    ifindex: int = 0
    btf_fd: int = 0
    key_type_id: int = 0
    value_type_id: int = 0
    vmlinux_value_type_id: int = 0
    map_extra: int = 0
    value_type_btf_fd: int = 0
    token_fd: int = 0


@dataclass(frozen=True, slots=True)
class ProgLoad:
    """Attributes of BPF_PROG_LOAD. ``insns`` is the code, 8 bytes for each instruction.

    ``func_info`` and ``line_info`` are the kernel's records in a row, of 8 and 16 bytes.
    ``attach_target_fd`` is a program to extend or the BTF of a module.
    """

    type: int
    insns: bytes
    license: str = "GPL"
    name: str = ""
    kern_version: int = 0
    flags: int = 0
    ifindex: int = 0
    expected_attach_type: int = 0
    btf_fd: int = 0
    func_info: bytes = b""
    line_info: bytes = b""
    attach_btf_id: int = 0
    attach_target_fd: int = 0
    fd_array: Sequence[int] = ()
    fd_array_whole: bool = False
    """Whether all of ``fd_array`` are maps and BTF that the program is bound to (v6.14)."""


@dataclass(frozen=True, slots=True)
class VerifierLog:
    """What the verifier wrote. ``truncated``: there was more than the buffer holds."""

    text: str
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class InPlaceCalls:
    """The calls on elements of one map, with ctypes objects: 0, or the errno instead of raising."""

    lookup: Callable[[Any, Any], int]
    """Reads the value of a key: ``lookup(key, value)``."""
    update: Callable[[Any, Any], int]
    """Sets it."""
    delete: Callable[[Any], int]
    """Removes a key."""
    next_key: Callable[[Any, Any], int]
    """Reads the key after one, the first one after None: ``next_key(key, found)``."""
    peek: Callable[[Any], int]
    """Looks up without a key; a bloom filter is asked for the value that ``peek(value)`` holds."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Elements in a row, as BPF_MAP_LOOKUP_BATCH gives them.

    ``cursor`` goes into the next call; None: this was the last batch.
    """

    count: int
    keys: bytes
    values: bytes
    cursor: bytes | None


@dataclass(frozen=True, slots=True)
class TestRun:
    """Attributes of BPF_PROG_TEST_RUN."""

    __test__ = False  # no test class, whatever pytest makes of the name

    data: bytes = b""
    context: bytes = b""
    repeat: int = 1
    data_out: int = 0
    context_out: int = 0
    flags: int = 0
    cpu: int = 0
    batch: int = 0


@dataclass(frozen=True, slots=True)
class TestRunResult:
    """What a program gave back; ``duration_ns`` is the mean of one run.

    ``context`` is what the kernel wrote as context, or what became of the one that was given.
    """

    __test__ = False

    retval: int
    duration_ns: int
    data: bytes
    context: bytes


@dataclass(frozen=True, slots=True)
class ProgInfo:
    """struct bpf_prog_info; the code itself is `ProgCode`. Older kernels leave the rest zero.

    Addresses of compiled code are zero for those who may not see them.
    """

    id: int
    type: int
    tag: bytes
    name: str
    jited_bytes: int
    xlated_bytes: int
    load_time_ns: int
    uid: int
    map_ids: tuple[int, ...]
    gpl_compatible: bool
    btf_id: int
    run_time_ns: int
    run_count: int
    recursion_misses: int
    verified_insns: int
    attach_btf_id: int
    attach_btf_object: int = 0
    """Id of the BTF that ``attach_btf_id`` is in."""
    ifindex: int = 0
    netns_dev: int = 0
    netns_ino: int = 0
    jited_addresses: tuple[int, ...] = ()
    """Where the machine code of each function begins."""
    jited_function_bytes: tuple[int, ...] = ()
    function_tags: tuple[bytes, ...] = ()
    function_infos: int = 0
    line_infos: int = 0
    jited_line_infos: int = 0


@dataclass(frozen=True, slots=True)
class ProgCode:
    """The instructions of a program as the verifier left them, and the machine code. Empty where
    the kernel keeps them to itself.
    """

    xlated: bytes
    jited: bytes


@dataclass(frozen=True, slots=True)
class MapInfo:
    """struct bpf_map_info; a field that the kernel is too old for is 0.

    ``flags`` has the kernel's own bits too: of a map that was made with BPF_F_LINK and the like.
    """

    id: int
    type: int
    key_size: int
    value_size: int
    max_entries: int
    flags: int
    name: str
    btf_id: int
    key_type_id: int
    value_type_id: int
    map_extra: int
    ifindex: int = 0
    vmlinux_value_type_id: int = 0
    netns_dev: int = 0
    netns_ino: int = 0
    btf_vmlinux_id: int = 0


@dataclass(frozen=True, slots=True)
class BtfInfo:
    """struct bpf_btf_info; ``data`` is the blob itself. ``name`` is "vmlinux" or a module's."""

    id: int
    name: str
    kernel: bool
    data: bytes


@dataclass(frozen=True, slots=True)
class LinkInfo:
    """struct bpf_link_info. The last three only where the kind of link has one."""

    id: int
    type: int
    prog_id: int
    attach_type: int | None = None
    ifindex: int = 0
    name: str = ""


@dataclass(frozen=True, slots=True)
class PerfEventLink:
    """Options of a link to a perf event. A cookie needs Linux 5.15."""

    cookie: int = 0


@dataclass(frozen=True, slots=True)
class TracingLink:
    """Options of a link of a tracing program; both only for BPF_LINK_CREATE since Linux 5.18."""

    btf_id: int = 0
    cookie: int = 0


@dataclass(frozen=True, slots=True)
class KprobeMultiLink:
    """Options of a kprobe.multi link: names or addresses of functions, not both."""

    symbols: Sequence[str] = ()
    addresses: Sequence[int] = ()
    cookies: Sequence[int] = ()
    flags: int = 0


@dataclass(frozen=True, slots=True)
class UprobeMultiLink:
    """Options of a uprobe.multi link: offsets into the file at ``path``."""

    path: str
    offsets: Sequence[int]
    ref_ctr_offsets: Sequence[int] = ()
    cookies: Sequence[int] = ()
    flags: int = 0
    pid: int = 0


@dataclass(frozen=True, slots=True)
class RelativeLink:
    """Options of a tcx, netkit or cgroup link: its place among the others."""

    relative: int = 0
    expected_revision: int = 0


@dataclass(frozen=True, slots=True)
class NetfilterLink:
    """Options of a netfilter link."""

    family: int
    hook: int
    priority: int = 0
    flags: int = 0


@dataclass(frozen=True, slots=True)
class IterLink:
    """Options of an iterator: union bpf_iter_link_info as bytes."""

    info: bytes


LinkOptions = (
    PerfEventLink
    | TracingLink
    | KprobeMultiLink
    | UprobeMultiLink
    | RelativeLink
    | NetfilterLink
    | IterLink
)


@dataclass(frozen=True, slots=True)
class PerfEvent:
    """Attributes of perf_event_open(2): struct perf_event_attr, as far as it is used.

    ``config1`` and ``config2`` are addresses or lengths; a name instead of the first is
    ``path``: the function of a kprobe or the file of a uprobe. With ``freq`` the period is a
    frequency. ``wakeup_events`` is a number of bytes with ``watermark``.
    """

    type: int
    config: int = 0
    config1: int = 0
    config2: int = 0
    path: str = ""
    sample_period: int = 0
    sample_type: int = 0
    read_format: int = 0
    wakeup_events: int = 0
    freq: bool = False
    watermark: bool = False
    disabled: bool = False
    inherit: bool = False
    exclude_user: bool = False
    exclude_kernel: bool = False
    exclude_idle: bool = False
    enable_on_exec: bool = False


@dataclass(frozen=True, slots=True)
class XdpState:
    """What runs on a network device. Program ids, 0 for none."""

    attached: int
    """XDP_ATTACHED_*: 0 nothing, 1 driver, 2 generic, 3 hardware, 4 several of them."""
    prog_id: int = 0
    driver_id: int = 0
    generic_id: int = 0
    hardware_id: int = 0


@dataclass(frozen=True, slots=True)
class TcPlace:
    """Where a filter is: device, side of clsact (TC_H_MIN_*), priority, handle.

    A priority or handle of 0 is for the kernel to choose. ``protocol`` is an ETH_P_*.
    """

    ifindex: int
    hook: int
    priority: int = 0
    handle: int = 0
    protocol: int = 3

    def __str__(self) -> str:
        return (
            f"of device {self.ifindex}, hook {self.hook:#x}, priority {self.priority}, "
            f"handle {self.handle:#x}"
        )


@dataclass(frozen=True, slots=True)
class TcFilter:
    """A filter that is there. ``prog_id`` is 0 where ``kind`` is not "bpf"."""

    place: TcPlace
    kind: str
    prog_id: int = 0
    name: str = ""


@dataclass(frozen=True, slots=True)
class EncapRoute:
    """A route through a device that runs programs: LWT_BPF_* and a descriptor for each, or one
    at the end of a segment. ``name`` tells it from other routes.
    """

    family: int
    destination: bytes
    prefix_len: int
    ifindex: int
    programs: Sequence[tuple[int, int]] = ()
    seg6local_fd: int = 0
    name: str = ""
    gateway: bytes = b""
    table: int = 254
    metric: int = 0
    headroom: int = 0

    def __str__(self) -> str:
        address = socket.inet_ntop(self.family, self.destination)
        return f"{address}/{self.prefix_len} through device {self.ifindex}"
