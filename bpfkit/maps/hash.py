"""Hashes: BPF_MAP_TYPE_HASH (v3.19), BPF_MAP_TYPE_LRU_HASH (v4.10), BPF_MAP_TYPE_RHASH (v7.3).

    counts = HashMap.create(name="counts", key="u32", value="u64", max_entries=1000)
    counts[1] = 5
    dict(counts.items())

A full HASH refuses another key with E2BIG; an LRU_HASH drops one that was not used for long; an
RHASH grows as it is filled.
"""

from __future__ import annotations

from typing import ClassVar, Self, Unpack

from ..uapi.bpf import MapFlag, MapType
from .keyed import K, KeyedMap, V
from .made import made_keyed
from .typed import Options
from .wire import TypeLike


class HashMap(KeyedMap[K, V]):
    """A hash. With NO_PREALLOC its elements take memory only when they are there."""

    default: ClassVar[MapType] = MapType.HASH
    needed: ClassVar[int] = 0
    """Flags that the type cannot do without."""

    @classmethod
    def create(
        cls, *, key: TypeLike, value: TypeLike, max_entries: int, **options: Unpack[Options]
    ) -> Self:
        """Create one. Raises SyscallError, and TypeError for a key or value that is no type."""
        options["flags"] = options.get("flags", 0) | cls.needed
        return made_keyed(cls, key, value, max_entries, options)


class LruHashMap(HashMap[K, V]):
    """A hash that drops an element that was not used for long when it is full.

    Reading from user space does not count as use. Each CPU keeps a list of free elements, so that
    one is dropped a little before the map is full; NO_COMMON_LRU makes the lists the CPUs' own.
    """

    default: ClassVar[MapType] = MapType.LRU_HASH


class ResizableHashMap(HashMap[K, V]):
    """A hash that grows and shrinks with what it holds, up to ``max_entries``."""

    default: ClassVar[MapType] = MapType.RHASH
    needed: ClassVar[int] = MapFlag.NO_PREALLOC
