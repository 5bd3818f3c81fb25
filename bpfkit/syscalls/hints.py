"""What to try when the kernel says no: from a call and its errno to one sentence."""

from __future__ import annotations

import errno
from enum import IntEnum
from typing import TypeVar

from ..uapi.bpf import AttachType, BpfCmd, MapType, ProgType, first_release
from ..uapi.releases import ATTACH_RELEASES, FLAG_RELEASES
from .call import ENOTSUPP
from .requests import MapCreate, ProgLoad

_E = TypeVar("_E", bound=IntEnum)
PERMISSION = "run as root or grant CAP_BPF"
_NETWORK = frozenset(
    {
        ProgType.SCHED_CLS, ProgType.SCHED_ACT, ProgType.XDP, ProgType.CGROUP_SKB,
        ProgType.CGROUP_SOCK, ProgType.CGROUP_SOCK_ADDR, ProgType.SK_SKB, ProgType.SK_MSG,
        ProgType.LWT_IN, ProgType.LWT_OUT, ProgType.LWT_XMIT, ProgType.SK_LOOKUP,
        ProgType.SK_REUSEPORT, ProgType.FLOW_DISSECTOR, ProgType.NETFILTER,
    }
)  # fmt: skip
_TRACING = frozenset(
    {
        ProgType.KPROBE, ProgType.TRACEPOINT, ProgType.PERF_EVENT, ProgType.RAW_TRACEPOINT,
        ProgType.RAW_TRACEPOINT_WRITABLE, ProgType.TRACING, ProgType.LSM, ProgType.EXT,
    }
)  # fmt: skip


def member_of(kind: type[_E], value: int) -> _E | None:
    """Return the member of an enumeration with this value, None when it is not known here."""
    try:
        return kind(value)
    except ValueError:
        return None


def hint_for_call(command: BpfCmd, code: int) -> str:
    """A hint for any command of bpf(2); empty when there is none."""
    match code:
        case errno.EPERM | errno.EACCES:
            if command in (BpfCmd.OBJ_PIN, BpfCmd.OBJ_GET):
                return "the path must be on a BPF file system (mount -t bpf bpf /sys/fs/bpf)"
            return PERMISSION
        case errno.ENOSYS:
            return "this kernel is built without CONFIG_BPF_SYSCALL"
        case errno.ENOSPC if command is BpfCmd.MAP_LOOKUP_BATCH:
            return "ask for more elements at a time"
        case _ if code == ENOTSUPP:
            return "524 is the kernel's ENOTSUPP: this object does not have the operation"
    return ""


_UPDATES = (BpfCmd.MAP_UPDATE_ELEM, BpfCmd.MAP_UPDATE_BATCH)
_ELEMENT_HINTS = {
    errno.EPERM: "the descriptor does not allow it: opened for reading or writing alone, or frozen",
    errno.EACCES: "the kernel does not let user space do this to the map's values",
    errno.EEXIST: "there is such an element, and the flags say it must be new",
    errno.EBUSY: "a program is using the element right now, or the slot is taken; try again",
    errno.EDEADLK: "a program was interrupted while it changed the same part of the map; try again",
    errno.EBADF: "the value is no descriptor of what this map holds",
    errno.ENOMEM: "there is no memory for another element right now",
    errno.EOPNOTSUPP: "this map does not have the operation for user space",
    ENOTSUPP: "this map does not have the operation for user space",
}
_UPDATE_HINTS = {
    errno.E2BIG: "the map is full, or the key is beyond its end",
    errno.ENOSPC: "the trie is full",
    errno.ENOENT: "there is no such element, and the flags say it must exist",
    errno.EINVAL: "key, value or flags are not what this map type takes",
}
_DELETE_HINTS = {errno.EINVAL: "elements of this map type stay: set them to zero instead"}


def hint_for_element(command: BpfCmd, code: int) -> str | None:
    """A hint for an operation on elements of a map; None when there is none of its own."""
    if command in _UPDATES and code in _UPDATE_HINTS:
        return _UPDATE_HINTS[code]
    if command is BpfCmd.MAP_DELETE_ELEM and code in _DELETE_HINTS:
        return _DELETE_HINTS[code]
    return _ELEMENT_HINTS.get(code)


def hint_for_freeze(code: int) -> str | None:
    """A hint for a map that was not frozen; None when there is none of its own."""
    if code in (errno.EPERM, errno.EBUSY):
        return "it is frozen already, its descriptor is for reading, or it is mapped writable"
    return None


def hint_for_map(request: MapCreate, code: int) -> str:
    """A hint for a map that was not created."""
    if code == errno.EPERM:
        return PERMISSION + "; before Linux 5.11 also raise RLIMIT_MEMLOCK (ulimit -l)"
    if code == errno.E2BIG:
        return (
            f"key_size {request.key_size}, value_size {request.value_size} or max_entries "
            f"{request.max_entries} is larger than the kernel allows"
        )
    if code == errno.ENOMEM:
        return f"{request.max_entries} elements need more memory than there is: lower max_entries"
    if code in (errno.EINVAL, errno.EOPNOTSUPP, ENOTSUPP):
        return _map_shape(request)
    return ""


def _map_shape(request: MapCreate) -> str:
    kind = member_of(MapType, request.type)
    if kind is None:
        return f"map type {request.type} is unknown"
    shape = (
        f"key_size {request.key_size}, value_size {request.value_size}, "
        f"max_entries {request.max_entries}, flags {request.flags:#x}"
    )
    text = f"{kind} came with Linux {first_release(kind)}; check {shape}"
    if kind is MapType.RINGBUF:
        text += "; its max_entries must be a power of two of at least one page, its sizes 0"
    return text


def hint_for_program(request: ProgLoad, code: int) -> str:
    """A hint for a program that was not loaded, before anybody has read the verifier's log."""
    if code == errno.EPERM:
        if request.type in _NETWORK:
            return PERMISSION + " and CAP_NET_ADMIN"
        if request.type in _TRACING:
            return PERMISSION + " and CAP_PERFMON"
        return PERMISSION
    if code == errno.E2BIG:
        count = len(request.insns) // 8
        return (
            f"the program has {count} instructions, or the verifier gave up after a million: "
            "split it, or bound its loops tighter"
        )
    kind = member_of(ProgType, request.type)
    if code == errno.EINVAL and kind is not None:
        return _program_releases(request, kind)
    return ""


def _program_releases(request: ProgLoad, kind: ProgType) -> str:
    """Which release has the type, what it is attached to and each of its flags."""
    parts = [f"{kind} came with Linux {first_release(kind)}"]
    hook = member_of(AttachType, request.expected_attach_type)
    if request.expected_attach_type and hook is not None:
        parts.append(f"{hook} with {ATTACH_RELEASES[hook]}")
    for flag, release in FLAG_RELEASES.items():
        if request.flags & flag:
            parts.append(f"BPF_F_{flag.name} with {release}")
    return ", ".join(parts)
