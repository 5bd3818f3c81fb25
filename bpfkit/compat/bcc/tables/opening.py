"""Which kind of table a map gets, and opening it with its classes."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

from ....errors import NotSupportedError
from ....maps.base import Map
from ....uapi.bpf import MapType
from ..text import WE
from ..types import record_view, view
from .arrays import Array
from .base import TableBase
from .buffers import EventSource, PerfEventArray, RingBuf
from .bulk import CData
from .descriptors import CgroupArray, MapInMapArray, MapInMapHash, ProgArray
from .hashes import HashTable, LpmTrie, LruHash
from .percpu import LruPerCpuHash, PerCpu, PerCpuArray, PerCpuCgroupStorage, PerCpuHash, Reducer
from .queues import BloomFilter, Keyless, QueueStack
from .redirect import CpuMap, DevMap, DevMapHash, XskMap
from .sockets import ReuseportArray, SockHash, SockMap
from .stacks import StackTrace
from .storage import CgroupStorage, LocalStorage

if TYPE_CHECKING:
    from ..bpf import BPF

AnyTable = TableBase | Keyless

_CLASSES: dict[MapType, type[TableBase] | type[Keyless]] = {
    MapType.HASH: HashTable,
    MapType.ARRAY: Array,
    MapType.PROG_ARRAY: ProgArray,
    MapType.PERF_EVENT_ARRAY: PerfEventArray,
    MapType.PERCPU_HASH: PerCpuHash,
    MapType.PERCPU_ARRAY: PerCpuArray,
    MapType.STACK_TRACE: StackTrace,
    MapType.CGROUP_ARRAY: CgroupArray,
    MapType.LRU_HASH: LruHash,
    MapType.LRU_PERCPU_HASH: LruPerCpuHash,
    MapType.LPM_TRIE: LpmTrie,
    MapType.ARRAY_OF_MAPS: MapInMapArray,
    MapType.HASH_OF_MAPS: MapInMapHash,
    MapType.DEVMAP: DevMap,
    MapType.SOCKMAP: SockMap,
    MapType.CPUMAP: CpuMap,
    MapType.XSKMAP: XskMap,
    MapType.SOCKHASH: SockHash,
    MapType.CGROUP_STORAGE: CgroupStorage,
    MapType.REUSEPORT_SOCKARRAY: ReuseportArray,
    MapType.PERCPU_CGROUP_STORAGE: PerCpuCgroupStorage,
    MapType.QUEUE: QueueStack,
    MapType.STACK: QueueStack,
    MapType.SK_STORAGE: LocalStorage,
    MapType.DEVMAP_HASH: DevMapHash,
    MapType.RINGBUF: RingBuf,
    MapType.INODE_STORAGE: LocalStorage,
    MapType.TASK_STORAGE: LocalStorage,
    MapType.BLOOM_FILTER: BloomFilter,
    MapType.CGRP_STORAGE: LocalStorage,
}

# What is no value in the object's types: descriptors, as bcc's macros declare them.
_DESCRIPTORS = {
    MapType.PROG_ARRAY: ctypes.c_uint,
    MapType.PERF_EVENT_ARRAY: ctypes.c_uint,
    MapType.CGROUP_ARRAY: ctypes.c_uint,
    MapType.ARRAY_OF_MAPS: ctypes.c_int,
    MapType.HASH_OF_MAPS: ctypes.c_int,
}


def table_class(map: Map) -> type[TableBase] | type[Keyless]:
    """The class for a map; NotSupportedError for a type that has no elements to read."""
    kind = _CLASSES.get(map.type)
    if kind is None:
        raise NotSupportedError(
            f"{map.type} '{map.name}' as a table (Unknown table type {int(map.type)})",
            hint="use the map itself: bpf.collection.maps[name]",
            who=WE,
        )
    return kind


def open_table(
    bpf: BPF,
    map: Map,
    keytype: type[CData] | None = None,
    leaftype: type[CData] | None = None,
    reducer: Reducer | None = None,
) -> AnyTable:
    """The table of a map of ``bpf``, with the classes of its declaration where none are given."""
    kind = table_class(map)
    spec = bpf.collection.spec
    declared = spec.maps[map.name]
    leaf = leaftype or _DESCRIPTORS.get(map.type)
    leaf = leaf or view(spec.btf, declared.value_type_id, map.value_size)
    if issubclass(kind, Keyless):
        return kind(bpf, map, leaf)
    key = keytype or view(spec.btf, declared.key_type_id, map.key_size)
    if issubclass(kind, PerCpu):
        return kind(bpf, map, key, leaf, reducer)
    if issubclass(kind, EventSource):
        return kind(bpf, map, key, leaf, record_view(spec.btf, declared.event_type_id))
    return kind(bpf, map, key, leaf)
