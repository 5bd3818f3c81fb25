"""Which hooks of the network and of cgroups the kernel has, by attach type.

BPF_PROG_ATTACH looks at the attach type before it looks at anything else: with a descriptor that
cannot be, a kernel that knows the type says EBADF, another one EINVAL. Hooks that are named only
when a program is loaded are tried so, and programs in DEVMAP and CPUMAP by a map that has room for
them.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from ..errors import SyscallError
from ..syscalls.api import Syscalls
from ..syscalls.requests import MapCreate
from ..uapi.bpf import AttachType, MapType, ProgFlag, ProgType
from ..uapi.releases import ATTACH_RELEASES, FLAG_RELEASES
from .probe import Facts, Feature, Probe, Support
from .programs import load_nothing, nothing

_UNCLEAR = frozenset({errno.EPERM, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENOSYS})
_NOWHERE = 0x7FFFFFFF  # a descriptor that nobody has
_VALUE_WITH_PROGRAM = 8  # struct bpf_devmap_val, struct bpf_cpumap_val

_LOADED = (AttachType.SK_REUSEPORT_SELECT, AttachType.SK_REUSEPORT_SELECT_OR_MIGRATE)
_IN_MAPS = {AttachType.XDP_DEVMAP: MapType.DEVMAP, AttachType.XDP_CPUMAP: MapType.CPUMAP}
_ATTACHED = (
    *(kind for kind in AttachType if kind.name.startswith(("CGROUP_", "SK_SKB_"))),
    AttachType.SK_MSG_VERDICT,
    AttachType.LIRC_MODE2,
    AttachType.FLOW_DISSECTOR,
    AttachType.SK_LOOKUP,
    AttachType.LSM_CGROUP,
)
FRAGS = "program_flag/xdp_has_frags"
_CONFIG = {
    "CGROUP_": "CGROUP_BPF",
    "SK_SKB_": "BPF_STREAM_PARSER",
    "SK_MSG_": "NET_SOCK_MSG",
    "LSM_": "BPF_LSM",
    "LIRC_": "BPF_LIRC_MODE2",
}


def feature_name(kind: AttachType) -> str:
    """The feature's name."""
    return f"attach_type/{kind.name.lower()}"


def _option(name: str) -> str:
    return next((option for prefix, option in _CONFIG.items() if name.startswith(prefix)), "")


FEATURES = (
    *(
        Feature(feature_name(kind), ATTACH_RELEASES[kind], config=_option(kind.name))
        for kind in (*_ATTACHED, *_LOADED, *_IN_MAPS)
    ),
    Feature(FRAGS, FLAG_RELEASES[ProgFlag.XDP_HAS_FRAGS], "c2f2cdbeffda"),
)


def probes(syscalls: Syscalls, facts: Facts) -> Mapping[str, Probe]:
    """Return the probe of each attach type."""
    found: dict[str, Callable[[], Support]] = {}
    for kind in _ATTACHED:
        found[feature_name(kind)] = partial(_probe_attached, syscalls, kind)
    for kind in _LOADED:
        found[feature_name(kind)] = partial(_probe_loaded, syscalls, facts, kind)
    for kind, map_type in _IN_MAPS.items():
        found[feature_name(kind)] = partial(_probe_in_map, syscalls, map_type)
    found[FRAGS] = partial(_probe_frags, syscalls, facts)
    return found


def _probe_attached(syscalls: Syscalls, kind: AttachType) -> Support:
    try:
        syscalls.prog_attach(_NOWHERE, _NOWHERE, kind)
    except SyscallError as error:
        if error.errno == errno.EBADF:
            return Support.YES
        return Support.UNKNOWN if error.errno in _UNCLEAR else Support.NO
    return Support.UNKNOWN


def _probe_loaded(syscalls: Syscalls, facts: Facts, kind: AttachType) -> Support:
    # Kernels that do not know this one ask nothing, so something that cannot be is tried first.
    impossible = load_nothing(syscalls, facts, ProgType.SK_REUSEPORT, AttachType.SK_LOOKUP)
    if not isinstance(impossible, SyscallError):
        impossible.close()
        return Support.NO
    program = load_nothing(syscalls, facts, ProgType.SK_REUSEPORT, kind)
    if isinstance(program, SyscallError):
        return Support.UNKNOWN if program.errno in _UNCLEAR else Support.NO
    program.close()
    return Support.YES


def _probe_in_map(syscalls: Syscalls, kind: MapType) -> Support:
    try:
        syscalls.map_create(MapCreate(kind, 4, _VALUE_WITH_PROGRAM, 1)).close()
    except SyscallError as error:
        return Support.UNKNOWN if error.errno in _UNCLEAR else Support.NO
    return Support.YES


def _probe_frags(syscalls: Syscalls, facts: Facts) -> Support:
    request = replace(nothing(ProgType.XDP, facts), flags=ProgFlag.XDP_HAS_FRAGS)
    try:
        syscalls.prog_load(request).close()
    except SyscallError as error:
        return Support.UNKNOWN if error.errno in _UNCLEAR else Support.NO
    return Support.YES
