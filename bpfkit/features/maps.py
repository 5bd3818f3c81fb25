"""Which map types the kernel has: each is created, as small as its kind allows."""

from __future__ import annotations

import contextlib
import errno
import mmap
from collections.abc import Mapping
from functools import partial

from ..errors import SyscallError
from ..syscalls.api import Syscalls
from ..syscalls.call import ENOTSUPP
from ..syscalls.requests import MapCreate
from ..uapi.bpf import MapFlag, MapType, first_release
from .btf import load_int
from .probe import Facts, Feature, Probe, Support

# Answers that tell nothing about the map type.
_UNCLEAR = frozenset({errno.EPERM, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENOSYS})
_PAGE = mmap.PAGESIZE
_CGROUP_KEY_BYTES = 16  # struct bpf_cgroup_storage_key
_STORAGE = frozenset(
    {MapType.SK_STORAGE, MapType.INODE_STORAGE, MapType.TASK_STORAGE, MapType.CGRP_STORAGE}
)
_OF_MAPS = frozenset({MapType.ARRAY_OF_MAPS, MapType.HASH_OF_MAPS})

# (key_size, value_size, max_entries, flags) where (4, 4, 1, 0) will not do.
_SHAPES: dict[MapType, tuple[int, int, int, int]] = {
    MapType.STACK_TRACE: (4, 8, 1, 0),
    MapType.LPM_TRIE: (8, 8, 1, MapFlag.NO_PREALLOC),
    MapType.QUEUE: (0, 4, 1, 0),
    MapType.STACK: (0, 4, 1, 0),
    MapType.BLOOM_FILTER: (0, 4, 1, 0),
    MapType.RINGBUF: (0, 0, _PAGE, 0),
    MapType.USER_RINGBUF: (0, 0, _PAGE, 0),
    MapType.CGROUP_STORAGE: (_CGROUP_KEY_BYTES, 8, 0, 0),
    MapType.PERCPU_CGROUP_STORAGE: (_CGROUP_KEY_BYTES, 8, 0, 0),
    MapType.SK_STORAGE: (4, 4, 0, MapFlag.NO_PREALLOC),
    MapType.INODE_STORAGE: (4, 4, 0, MapFlag.NO_PREALLOC),
    MapType.TASK_STORAGE: (4, 4, 0, MapFlag.NO_PREALLOC),
    MapType.CGRP_STORAGE: (4, 4, 0, MapFlag.NO_PREALLOC),
    MapType.STRUCT_OPS: (4, 4, 1, 0),
    MapType.ARENA: (0, 0, 1, MapFlag.MMAPABLE),
    MapType.INSN_ARRAY: (4, 16, 1, 0),
    MapType.RHASH: (4, 4, 1, MapFlag.NO_PREALLOC),
}
_CONFIG = {
    MapType.CGROUP_ARRAY: "CGROUPS",
    MapType.CGROUP_STORAGE: "CGROUP_BPF",
    MapType.PERCPU_CGROUP_STORAGE: "CGROUP_BPF",
    MapType.XSKMAP: "XDP_SOCKETS",
    MapType.SOCKMAP: "NET",
    MapType.SOCKHASH: "NET",
    MapType.DEVMAP: "NET",
    MapType.DEVMAP_HASH: "NET",
    MapType.CPUMAP: "NET",
    MapType.STRUCT_OPS: "BPF_JIT",
    MapType.INODE_STORAGE: "BPF_LSM",
    MapType.PERF_EVENT_ARRAY: "PERF_EVENTS",
    MapType.STACK_TRACE: "PERF_EVENTS",
}

MAP_TYPES = tuple(kind for kind in MapType if kind is not MapType.UNSPEC)
BATCH = Feature("map/batch", "5.6", "cb4d03ab499d")
MMAPABLE = Feature("map/mmap", "5.5", "fc9702273e2e")
FEATURES = (
    *(
        Feature(f"map_type/{kind.name.lower()}", first_release(kind), config=_CONFIG.get(kind, ""))
        for kind in MAP_TYPES
    ),
    BATCH,
    MMAPABLE,
)


def probes(syscalls: Syscalls, facts: Facts) -> Mapping[str, Probe]:
    """Return the probe of each map type."""
    del facts
    found: dict[str, Probe] = {
        f"map_type/{kind.name.lower()}": partial(probe_map_type, syscalls, kind)
        for kind in MAP_TYPES
    }
    found[BATCH.name] = partial(probe_batch, syscalls)
    found[MMAPABLE.name] = partial(_try, syscalls, MapCreate(
        MapType.ARRAY, 4, 4, 1, MapFlag.MMAPABLE
    ))  # fmt: skip
    return found


def probe_map_type(syscalls: Syscalls, kind: MapType) -> Support:
    """Try to create a map of this type."""
    key_size, value_size, max_entries, flags = _SHAPES.get(kind, (4, 4, 1, 0))
    request = MapCreate(kind, key_size, value_size, max_entries, flags)
    if kind in _OF_MAPS:
        return _with_inner(syscalls, request)
    if kind in _STORAGE:
        return _with_types(syscalls, request)
    if kind is MapType.STRUCT_OPS:
        # Of a kernel structure that no module implements, it says ENOTSUPP once it knows the type.
        structured = MapCreate(kind, 4, 4, 1, vmlinux_value_type_id=1)
        return _try(syscalls, structured, also=frozenset({ENOTSUPP}))
    return _try(syscalls, request)


def probe_batch(syscalls: Syscalls) -> Support:
    """Read an array in one batch."""
    try:
        with syscalls.map_create(MapCreate(MapType.ARRAY, 4, 4, 1)) as map:
            syscalls.map_lookup_batch(map.fileno(), None, 4, 4, 1)
    except SyscallError as error:
        return Support.UNKNOWN if error.errno in _UNCLEAR else Support.NO
    return Support.YES


def _try(syscalls: Syscalls, request: MapCreate, also: frozenset[int] = frozenset()) -> Support:
    try:
        syscalls.map_create(request).close()
    except SyscallError as error:
        if error.errno in also:
            return Support.YES
        return Support.UNKNOWN if error.errno in _UNCLEAR else Support.NO
    return Support.YES


def _with_inner(syscalls: Syscalls, request: MapCreate) -> Support:
    try:
        inner = syscalls.map_create(MapCreate(MapType.HASH, 4, 4, 1))
    except SyscallError:
        return Support.UNKNOWN
    with inner:
        return _try(
            syscalls, MapCreate(request.type, 4, 4, 1, inner_map_fd=inner.fileno())
        )  # fmt: skip


def _with_types(syscalls: Syscalls, request: MapCreate) -> Support:
    with contextlib.ExitStack() as stack:
        try:
            btf = stack.enter_context(load_int(syscalls))
        except SyscallError as error:
            return Support.UNKNOWN if error.errno in _UNCLEAR else Support.NO
        return _try(
            syscalls,
            MapCreate(
                request.type,
                request.key_size,
                request.value_size,
                request.max_entries,
                request.flags,
                btf_fd=btf.fileno(),
                key_type_id=1,
                value_type_id=1,
            ),
        )
