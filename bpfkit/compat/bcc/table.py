"""bcc.table: the names that scripts import from there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...uapi.bpf import MapType
from .tables.arrays import Array, ArrayBase
from .tables.base import TableBase
from .tables.buffers import PerfEventArray, RingBuf
from .tables.bulk import CData
from .tables.descriptors import CgroupArray, MapInMapArray, MapInMapHash, ProgArray
from .tables.hashes import HashTable, LpmTrie, LruHash
from .tables.opening import AnyTable, open_table
from .tables.percpu import LruPerCpuHash, PerCpuArray, PerCpuHash, Reducer
from .tables.queues import QueueStack
from .tables.redirect import CpuMap, DevMap, XskMap
from .tables.stacks import StackTrace
from .text import Text, to_text

if TYPE_CHECKING:
    from .bpf import BPF

BPF_MAP_TYPE_HASH = int(MapType.HASH)
BPF_MAP_TYPE_ARRAY = int(MapType.ARRAY)
BPF_MAP_TYPE_PROG_ARRAY = int(MapType.PROG_ARRAY)
BPF_MAP_TYPE_PERF_EVENT_ARRAY = int(MapType.PERF_EVENT_ARRAY)
BPF_MAP_TYPE_PERCPU_HASH = int(MapType.PERCPU_HASH)
BPF_MAP_TYPE_PERCPU_ARRAY = int(MapType.PERCPU_ARRAY)
BPF_MAP_TYPE_STACK_TRACE = int(MapType.STACK_TRACE)
BPF_MAP_TYPE_CGROUP_ARRAY = int(MapType.CGROUP_ARRAY)
BPF_MAP_TYPE_LRU_HASH = int(MapType.LRU_HASH)
BPF_MAP_TYPE_LRU_PERCPU_HASH = int(MapType.LRU_PERCPU_HASH)
BPF_MAP_TYPE_LPM_TRIE = int(MapType.LPM_TRIE)
BPF_MAP_TYPE_ARRAY_OF_MAPS = int(MapType.ARRAY_OF_MAPS)
BPF_MAP_TYPE_HASH_OF_MAPS = int(MapType.HASH_OF_MAPS)
BPF_MAP_TYPE_DEVMAP = int(MapType.DEVMAP)
BPF_MAP_TYPE_SOCKMAP = int(MapType.SOCKMAP)
BPF_MAP_TYPE_CPUMAP = int(MapType.CPUMAP)
BPF_MAP_TYPE_XSKMAP = int(MapType.XSKMAP)
BPF_MAP_TYPE_SOCKHASH = int(MapType.SOCKHASH)
BPF_MAP_TYPE_CGROUP_STORAGE = int(MapType.CGROUP_STORAGE)
BPF_MAP_TYPE_REUSEPORT_SOCKARRAY = int(MapType.REUSEPORT_SOCKARRAY)
BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE = int(MapType.PERCPU_CGROUP_STORAGE)
BPF_MAP_TYPE_QUEUE = int(MapType.QUEUE)
BPF_MAP_TYPE_STACK = int(MapType.STACK)
BPF_MAP_TYPE_SK_STORAGE = int(MapType.SK_STORAGE)
BPF_MAP_TYPE_DEVMAP_HASH = int(MapType.DEVMAP_HASH)
BPF_MAP_TYPE_STRUCT_OPS = int(MapType.STRUCT_OPS)
BPF_MAP_TYPE_RINGBUF = int(MapType.RINGBUF)
BPF_MAP_TYPE_INODE_STORAGE = int(MapType.INODE_STORAGE)
BPF_MAP_TYPE_TASK_STORAGE = int(MapType.TASK_STORAGE)

stars_max = 40
log2_index_max = 65
linear_index_max = 1025

map_type_name = {int(kind): kind.name for kind in MapType}

__all__ = [
    "BPF_MAP_TYPE_ARRAY",
    "BPF_MAP_TYPE_ARRAY_OF_MAPS",
    "BPF_MAP_TYPE_CGROUP_ARRAY",
    "BPF_MAP_TYPE_CGROUP_STORAGE",
    "BPF_MAP_TYPE_CPUMAP",
    "BPF_MAP_TYPE_DEVMAP",
    "BPF_MAP_TYPE_DEVMAP_HASH",
    "BPF_MAP_TYPE_HASH",
    "BPF_MAP_TYPE_HASH_OF_MAPS",
    "BPF_MAP_TYPE_INODE_STORAGE",
    "BPF_MAP_TYPE_LPM_TRIE",
    "BPF_MAP_TYPE_LRU_HASH",
    "BPF_MAP_TYPE_LRU_PERCPU_HASH",
    "BPF_MAP_TYPE_PERCPU_ARRAY",
    "BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE",
    "BPF_MAP_TYPE_PERCPU_HASH",
    "BPF_MAP_TYPE_PERF_EVENT_ARRAY",
    "BPF_MAP_TYPE_PROG_ARRAY",
    "BPF_MAP_TYPE_QUEUE",
    "BPF_MAP_TYPE_REUSEPORT_SOCKARRAY",
    "BPF_MAP_TYPE_RINGBUF",
    "BPF_MAP_TYPE_SK_STORAGE",
    "BPF_MAP_TYPE_SOCKHASH",
    "BPF_MAP_TYPE_SOCKMAP",
    "BPF_MAP_TYPE_STACK",
    "BPF_MAP_TYPE_STACK_TRACE",
    "BPF_MAP_TYPE_STRUCT_OPS",
    "BPF_MAP_TYPE_TASK_STORAGE",
    "BPF_MAP_TYPE_XSKMAP",
    "Array",
    "ArrayBase",
    "CgroupArray",
    "CpuMap",
    "DevMap",
    "HashTable",
    "LpmTrie",
    "LruHash",
    "LruPerCpuHash",
    "MapInMapArray",
    "MapInMapHash",
    "PerCpuArray",
    "PerCpuHash",
    "PerfEventArray",
    "ProgArray",
    "QueueStack",
    "RingBuf",
    "StackTrace",
    "Table",
    "TableBase",
    "XskMap",
    "get_table_type_name",
    "linear_index_max",
    "log2_index_max",
    "map_type_name",
    "stars_max",
]


def get_table_type_name(ttype: int) -> str:
    """The name of a map type without its prefix."""
    return map_type_name.get(ttype, "<unknown>")


def Table(  # noqa: N802 - bcc's name, of what was a class once
    bpf: BPF,
    map_id: int,
    map_fd: int,
    keytype: type[CData] | None,
    leaftype: type[CData] | None,
    name: Text,
    reducer: Reducer | None = None,
) -> AnyTable:
    """Open a table of ``bpf`` by name, as ``bpf.get_table()`` does; the numbers are not needed."""
    del map_id, map_fd
    return open_table(bpf, bpf.collection.maps[to_text(name)].raw, keytype, leaftype, reducer)
