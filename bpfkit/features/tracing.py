"""Which attach types of BTF-based programs the kernel has.

Each is tried on type 1 of the kernel, which is a number: a kernel that knows the attach type
complains about that, another one says EINVAL and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from ..errors import SyscallError
from ..syscalls.api import Syscalls
from ..syscalls.call import ENOTSUPP
from ..syscalls.fd import OwnedFd
from ..syscalls.requests import MapCreate
from ..uapi.bpf import AttachType, MapFlag, MapType, ProgType
from .probe import Facts, Feature, Probe, Support
from .programs import COMPLAINT, LOG_BYTES, UNCLEAR, nothing

# Type of the program, first release, what brought it, option.
_TYPES = {
    AttachType.TRACE_RAW_TP: (ProgType.TRACING, "5.5", "f1b9509c2fb0", "BPF_EVENTS"),
    AttachType.TRACE_FENTRY: (ProgType.TRACING, "5.5", "fec56f5890d9", "BPF_EVENTS"),
    AttachType.TRACE_FEXIT: (ProgType.TRACING, "5.5", "fec56f5890d9", "BPF_EVENTS"),
    AttachType.MODIFY_RETURN: (ProgType.TRACING, "5.7", "ae24082331d9", "BPF_EVENTS"),
    AttachType.LSM_MAC: (ProgType.LSM, "5.7", "fc611f47f218", "BPF_LSM"),
    AttachType.TRACE_ITER: (ProgType.TRACING, "5.8", "15d83c4d7cef", "BPF_EVENTS"),
    AttachType.TRACE_FSESSION: (ProgType.TRACING, "7.0", "", "BPF_EVENTS"),
}
STRUCT_OPS_LINK = Feature("link/struct_ops", "6.4", "68b04864ca42", config="BPF_JIT")
FEATURES = (
    *(
        Feature(f"attach_type/{kind.name.lower()}", since, commit, config)
        for kind, (_, since, commit, config) in _TYPES.items()
    ),
    STRUCT_OPS_LINK,
)


def probes(syscalls: Syscalls, facts: Facts) -> Mapping[str, Probe]:
    """Return the probe of each attach type."""
    found: dict[str, Probe] = {
        f"attach_type/{kind.name.lower()}": partial(_probe, syscalls, facts, type_, kind)
        for kind, (type_, *_) in _TYPES.items()
    }
    found[STRUCT_OPS_LINK.name] = partial(_probe_struct_ops, syscalls)
    return found


def _probe(syscalls: Syscalls, facts: Facts, type_: ProgType, kind: AttachType) -> Support:
    result, log = syscalls.prog_log(nothing(type_, facts, kind), LOG_BYTES)
    if isinstance(result, OwnedFd):
        result.close()
        return Support.YES
    if COMPLAINT.search(log.text):
        return Support.YES
    return Support.UNKNOWN if result.errno in UNCLEAR else Support.NO


def _probe_struct_ops(syscalls: Syscalls) -> Support:
    """Whether a map of a structure may be made for a link: the flags are looked at first."""
    request = MapCreate(MapType.STRUCT_OPS, 4, 4, 1, flags=MapFlag.LINK, vmlinux_value_type_id=1)
    try:
        syscalls.map_create(request).close()
    except SyscallError as error:
        if error.errno == ENOTSUPP:
            return Support.YES
        return Support.UNKNOWN if error.errno in UNCLEAR else Support.NO
    return Support.YES
