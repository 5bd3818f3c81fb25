"""Live maps, one module for each family. Names are imported when first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .arena import Arena as Arena
    from .array import ArrayMap as ArrayMap
    from .bloom import BloomFilter as BloomFilter
    from .cgroup_storage import CgroupKey as CgroupKey
    from .cgroup_storage import CgroupStorage as CgroupStorage
    from .cgroup_storage import PerCpuCgroupStorage as PerCpuCgroupStorage
    from .hash import HashMap as HashMap
    from .hash import LruHashMap as LruHashMap
    from .hash import ResizableHashMap as ResizableHashMap
    from .insns import InsnArray as InsnArray
    from .insns import InsnPlace as InsnPlace
    from .lpm import LpmTrie as LpmTrie
    from .of_maps import ArrayOfMaps as ArrayOfMaps
    from .of_maps import HashOfMaps as HashOfMaps
    from .percpu import LruPerCpuHashMap as LruPerCpuHashMap
    from .percpu import PerCpuArrayMap as PerCpuArrayMap
    from .percpu import PerCpuHashMap as PerCpuHashMap
    from .progs import CgroupArray as CgroupArray
    from .progs import PerfEventArray as PerfEventArray
    from .progs import ProgArray as ProgArray
    from .queue import Queue as Queue
    from .queue import Stack as Stack
    from .redirect import CpuEntry as CpuEntry
    from .redirect import CpuMap as CpuMap
    from .redirect import DeviceEntry as DeviceEntry
    from .redirect import DevMap as DevMap
    from .redirect import DevMapHash as DevMapHash
    from .redirect import XskMap as XskMap
    from .rings import RingBuf as RingBuf
    from .rings import UserRingBuf as UserRingBuf
    from .sockets import ReuseportSockArray as ReuseportSockArray
    from .sockets import SockHash as SockHash
    from .sockets import SockMap as SockMap
    from .stacks import BuildIdFrame as BuildIdFrame
    from .stacks import StackTraceMap as StackTraceMap
    from .storage import CgroupLocalStorage as CgroupLocalStorage
    from .storage import InodeStorage as InodeStorage
    from .storage import Pidfd as Pidfd
    from .storage import SkStorage as SkStorage
    from .storage import TaskStorage as TaskStorage
    from .struct_ops import StructOps as StructOps
    from .typed import TypedMap as TypedMap

_HOMES = {
    "Arena": "arena",
    "ArrayMap": "array",
    "ArrayOfMaps": "of_maps",
    "BloomFilter": "bloom",
    "BuildIdFrame": "stacks",
    "CgroupArray": "progs",
    "CgroupKey": "cgroup_storage",
    "CgroupLocalStorage": "storage",
    "CgroupStorage": "cgroup_storage",
    "CpuEntry": "redirect",
    "CpuMap": "redirect",
    "DevMap": "redirect",
    "DevMapHash": "redirect",
    "DeviceEntry": "redirect",
    "HashMap": "hash",
    "HashOfMaps": "of_maps",
    "InodeStorage": "storage",
    "InsnArray": "insns",
    "InsnPlace": "insns",
    "LpmTrie": "lpm",
    "LruHashMap": "hash",
    "LruPerCpuHashMap": "percpu",
    "PerCpuArrayMap": "percpu",
    "PerCpuCgroupStorage": "cgroup_storage",
    "PerCpuHashMap": "percpu",
    "PerfEventArray": "progs",
    "Pidfd": "storage",
    "ProgArray": "progs",
    "Queue": "queue",
    "ResizableHashMap": "hash",
    "ReuseportSockArray": "sockets",
    "RingBuf": "rings",
    "SkStorage": "storage",
    "SockHash": "sockets",
    "SockMap": "sockets",
    "Stack": "queue",
    "StackTraceMap": "stacks",
    "StructOps": "struct_ops",
    "TaskStorage": "storage",
    "TypedMap": "typed",
    "UserRingBuf": "rings",
    "XskMap": "redirect",
}
__all__ = [
    "Arena",
    "ArrayMap",
    "ArrayOfMaps",
    "BloomFilter",
    "BuildIdFrame",
    "CgroupArray",
    "CgroupKey",
    "CgroupLocalStorage",
    "CgroupStorage",
    "CpuEntry",
    "CpuMap",
    "DevMap",
    "DevMapHash",
    "DeviceEntry",
    "HashMap",
    "HashOfMaps",
    "InodeStorage",
    "InsnArray",
    "InsnPlace",
    "LpmTrie",
    "LruHashMap",
    "LruPerCpuHashMap",
    "PerCpuArrayMap",
    "PerCpuCgroupStorage",
    "PerCpuHashMap",
    "PerfEventArray",
    "Pidfd",
    "ProgArray",
    "Queue",
    "ResizableHashMap",
    "ReuseportSockArray",
    "RingBuf",
    "SkStorage",
    "SockHash",
    "SockMap",
    "Stack",
    "StackTraceMap",
    "StructOps",
    "TaskStorage",
    "TypedMap",
    "UserRingBuf",
    "XskMap",
]


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{home}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
