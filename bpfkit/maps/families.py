"""Which class a map type gets."""

from __future__ import annotations

from ..obj.spec import MapSpec
from ..syscalls.fd import OwnedFd
from ..system import System
from ..uapi.bpf import MapType
from .array import ArrayMap
from .base import Map
from .descriptors import DescriptorArray, DescriptorMap
from .lpm import LpmTrie
from .percpu import PerCpuMap
from .queue import QueueMap
from .stacks import StackTraceMap

_CLASSES: dict[MapType, type[Map]] = {
    MapType.ARRAY: ArrayMap,
    MapType.PERCPU_HASH: PerCpuMap,
    MapType.PERCPU_ARRAY: PerCpuMap,
    MapType.LRU_PERCPU_HASH: PerCpuMap,
    MapType.PERCPU_CGROUP_STORAGE: PerCpuMap,
    MapType.QUEUE: QueueMap,
    MapType.STACK: QueueMap,
    MapType.STACK_TRACE: StackTraceMap,
    MapType.LPM_TRIE: LpmTrie,
    MapType.PROG_ARRAY: DescriptorArray,
    MapType.PERF_EVENT_ARRAY: DescriptorArray,
    MapType.CGROUP_ARRAY: DescriptorArray,
    MapType.ARRAY_OF_MAPS: DescriptorArray,
    MapType.HASH_OF_MAPS: DescriptorMap,
}


def open_map(fd: OwnedFd, spec: MapSpec, system: System) -> Map:
    """Take over ``fd``, which ``spec`` describes, as a map of its family."""
    return _CLASSES.get(spec.type, Map)(fd, spec, system)
