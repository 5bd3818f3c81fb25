"""Which typed class a map type gets, and the typed map of an object's map."""

from __future__ import annotations

from ..btf.types import Btf
from ..obj.spec import MapSpec
from ..system import System
from ..uapi.bpf import MapType
from .arena import Arena
from .array import ArrayMap
from .base import Map
from .bloom import BloomFilter
from .cgroup_storage import CgroupStorage, PerCpuCgroupStorage
from .hash import HashMap, LruHashMap, ResizableHashMap
from .insns import InsnArray
from .lpm import LpmTrie
from .of_maps import ArrayOfMaps, HashOfMaps
from .percpu import LruPerCpuHashMap, PerCpuArrayMap, PerCpuHashMap
from .progs import CgroupArray, PerfEventArray, ProgArray
from .queue import Queue, Stack
from .redirect import CpuMap, DevMap, DevMapHash, XskMap
from .rings import RingBuf, UserRingBuf
from .sockets import ReuseportSockArray, SockHash, SockMap
from .stacks import StackTraceMap
from .storage import CgroupLocalStorage, InodeStorage, SkStorage, TaskStorage
from .struct_ops import StructOps
from .typed import TypedMap

_FAMILIES: tuple[type[TypedMap], ...] = (
    HashMap, ArrayMap, ProgArray, PerfEventArray, PerCpuHashMap, PerCpuArrayMap, StackTraceMap,
    CgroupArray, LruHashMap, LruPerCpuHashMap, LpmTrie, ArrayOfMaps, HashOfMaps, DevMap, SockMap,
    CpuMap, XskMap, SockHash, CgroupStorage, ReuseportSockArray, PerCpuCgroupStorage, Queue, Stack,
    SkStorage, DevMapHash, StructOps, RingBuf, InodeStorage, TaskStorage, BloomFilter, UserRingBuf,
    CgroupLocalStorage, Arena, InsnArray, ResizableHashMap,
)  # fmt: skip
CLASSES: dict[MapType, type[TypedMap]] = {family.default: family for family in _FAMILIES}


def typed_map(raw: Map, system: System, spec: MapSpec, btf: Btf | None) -> TypedMap:
    """Stand over ``raw``, whose keys and values have the types that ``spec`` names in ``btf``.

    The map stays its owner's: closing either closes both.
    """
    return CLASSES[raw.type]._over(raw, system, btf, spec)
