"""Maps in memory that behave as the kernel's: what each type takes, gives and refuses."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass, field

from bpfkit.syscalls.call import ENOTSUPP
from bpfkit.syscalls.requests import MapCreate
from bpfkit.uapi.bpf import MapFlag, MapType, UpdateFlag

CPUS = 4
ARRAYS = frozenset({MapType.ARRAY, MapType.PERCPU_ARRAY, MapType.INSN_ARRAY})
PER_CPU = frozenset(
    {
        MapType.PERCPU_HASH, MapType.PERCPU_ARRAY, MapType.LRU_PERCPU_HASH,
        MapType.PERCPU_CGROUP_STORAGE,
    }
)  # fmt: skip
LRU = frozenset({MapType.LRU_HASH, MapType.LRU_PERCPU_HASH})
QUEUES = frozenset({MapType.QUEUE, MapType.STACK})
SLOTS = frozenset(
    {
        MapType.PROG_ARRAY, MapType.PERF_EVENT_ARRAY, MapType.CGROUP_ARRAY, MapType.ARRAY_OF_MAPS,
        MapType.SOCKMAP, MapType.REUSEPORT_SOCKARRAY, MapType.XSKMAP, MapType.DEVMAP,
        MapType.CPUMAP,
    }
)  # fmt: skip
OF_MAPS = frozenset({MapType.ARRAY_OF_MAPS, MapType.HASH_OF_MAPS})
BY_FD = frozenset(
    {
        MapType.PROG_ARRAY, MapType.PERF_EVENT_ARRAY, MapType.CGROUP_ARRAY, MapType.SOCKMAP,
        MapType.SOCKHASH, MapType.REUSEPORT_SOCKARRAY, MapType.XSKMAP,
    }
)  # fmt: skip
UNREADABLE = {
    MapType.PERF_EVENT_ARRAY: ENOTSUPP,
    MapType.CGROUP_ARRAY: ENOTSUPP,
    MapType.XSKMAP: errno.EOPNOTSUPP,
}
STORAGES = frozenset(
    {MapType.SK_STORAGE, MapType.INODE_STORAGE, MapType.TASK_STORAGE, MapType.CGRP_STORAGE}
)
CGROUP_STORAGES = frozenset({MapType.CGROUP_STORAGE, MapType.PERCPU_CGROUP_STORAGE})
NO_BATCHES = QUEUES | STORAGES | CGROUP_STORAGES | {MapType.BLOOM_FILTER, MapType.STACK_TRACE}


class Refused(Exception):  # noqa: N818 - it is an answer
    """The kernel's answer, an errno."""

    def __init__(self, code: int) -> None:
        self.code = code


@dataclass
class FakeMap:
    """A map. ``values`` is what it holds; of queues and stacks ``queue``."""

    request: MapCreate
    id: int = 1
    map_ids: Callable[[int], int | None] = lambda fd: None
    """The id of the map of a descriptor."""
    values: dict[bytes, bytes] = field(default_factory=dict)
    queue: list[bytes] = field(default_factory=list)
    frozen: bool = False
    memory: bytearray = field(default_factory=bytearray)

    def __post_init__(self) -> None:
        if self.type in ARRAYS:
            for index in range(self.request.max_entries):
                self.values[index.to_bytes(4, "little")] = bytes(self.value_size)

    @property
    def type(self) -> MapType:
        return MapType(self.request.type)

    @property
    def value_size(self) -> int:
        """As the kernel copies it."""
        size = self.request.value_size
        return -(-size // 8) * 8 * CPUS if self.type in PER_CPU else size

    # ------------------------------------------------------------ reading

    def lookup(self, key: bytes, flags: int) -> bytes | None:
        self._may(MapFlag.WRONLY)
        if self.type in QUEUES:
            return self._next()
        if self.type in UNREADABLE:
            raise Refused(UNREADABLE[self.type])
        if flags & UpdateFlag.CPU:
            raise Refused(errno.EINVAL)  # an older kernel
        assert len(key) == self.request.key_size
        if self.type is MapType.LPM_TRIE:
            return self._longest(key)
        return self.values.get(self._owner(key))

    def contains(self, value: bytes) -> bool:
        assert self.type is MapType.BLOOM_FILTER
        return value in self.values

    def next_key(self, key: bytes | None) -> bytes | None:
        if self.type in QUEUES | STORAGES | {MapType.BLOOM_FILTER}:
            raise Refused(ENOTSUPP)
        keys = list(self.values)
        at = keys.index(key) + 1 if key in keys else 0
        return keys[at] if at < len(keys) else None

    # ------------------------------------------------------------ writing

    def update(self, key: bytes, value: bytes, flags: int) -> None:
        self._may(MapFlag.RDONLY)
        if self.frozen:
            raise Refused(errno.EPERM)
        if flags & (UpdateFlag.CPU | UpdateFlag.ALL_CPUS):
            raise Refused(errno.EINVAL)
        assert len(value) == self.value_size, (len(value), self.value_size)
        if self.type in QUEUES:
            self._push(value, flags)
        elif self.type is MapType.BLOOM_FILTER:
            self.values[value] = b""
        elif self.type in (MapType.STACK_TRACE, MapType.RINGBUF, MapType.ARENA):
            raise Refused(errno.EINVAL)
        else:
            self._put(key, value, flags)

    def _put(self, key: bytes, value: bytes, flags: int) -> None:
        assert len(key) == self.request.key_size
        key = self._owner(key)
        if self.type in SLOTS | ARRAYS:
            index = int.from_bytes(key, "little")
            if index >= self.request.max_entries:
                raise Refused(errno.E2BIG)
        if self.type is MapType.LPM_TRIE:
            key = masked(key)
        there = key in self.values
        if flags & UpdateFlag.NOEXIST and there:
            raise Refused(errno.EEXIST)
        if not there and (flags & UpdateFlag.EXIST or self.type in CGROUP_STORAGES):
            raise Refused(errno.ENOENT)
        value = self._stored(value)
        room = self.request.max_entries or 1 << 20
        if not there and len(self.values) >= room:
            if self.type not in LRU:
                raise Refused(errno.ENOSPC if self.type is MapType.LPM_TRIE else errno.E2BIG)
            del self.values[next(iter(self.values))]
        if self.type is MapType.CPUMAP and not any(value[:4]):
            self.values.pop(key, None)
        else:
            self.values[key] = value

    def _stored(self, value: bytes) -> bytes:
        """What reading gives for what was written: ids for descriptors."""
        if self.type in OF_MAPS:
            found = self.map_ids(int.from_bytes(value, "little"))
            if found is None:
                raise Refused(errno.EBADF)
            return found.to_bytes(4, "little")
        if self.type in BY_FD:
            self._fd(value)
            return (1000 + int.from_bytes(value, "little")).to_bytes(len(value), "little")
        if self.type in (MapType.DEVMAP, MapType.DEVMAP_HASH, MapType.CPUMAP):
            program = value[4:]
            return value[:4] + (bytes(4) if program == b"\xff" * 4 else program)
        return value

    def delete(self, key: bytes) -> bool:
        self._may(MapFlag.RDONLY)
        if self.frozen:
            raise Refused(errno.EPERM)
        if self.type in ARRAYS | CGROUP_STORAGES | QUEUES | {MapType.BLOOM_FILTER}:
            raise Refused(errno.EINVAL)
        key = self._owner(key)
        if self.type is MapType.LPM_TRIE:
            key = masked(key)
        if self.type is MapType.SOCKMAP and key not in self.values:
            raise Refused(errno.EINVAL)
        there = self.values.pop(key, None) is not None
        return there or self.type in (MapType.XSKMAP, MapType.DEVMAP)

    def take(self, key: bytes) -> bytes | None:
        if self.type in QUEUES:
            found = self._next()
            if found is not None:
                self.queue.remove(found) if self.type is MapType.QUEUE else self.queue.pop()
            return found
        if self.type in ARRAYS | {MapType.LPM_TRIE}:
            raise Refused(ENOTSUPP)
        return self.values.pop(key, None)

    # ------------------------------------------------------------ parts

    def _push(self, value: bytes, flags: int) -> None:
        if flags & UpdateFlag.NOEXIST:
            raise Refused(errno.EINVAL)
        if len(self.queue) == self.request.max_entries:
            if not flags & UpdateFlag.EXIST:
                raise Refused(errno.E2BIG)
            del self.queue[0]
        self.queue.append(value)

    def _next(self) -> bytes | None:
        if not self.queue:
            return None
        return self.queue[0 if self.type is MapType.QUEUE else -1]

    def _longest(self, key: bytes) -> bytes | None:
        wanted = int.from_bytes(key[:4], "little")
        for bits in range(wanted, -1, -1):
            found = self.values.get(masked(bits.to_bytes(4, "little") + key[4:]))
            if found is not None:
                return found
        return None

    def _owner(self, key: bytes) -> bytes:
        """The key, or of a storage what its descriptor is of."""
        if self.type not in STORAGES:
            return key
        found = self._fd(key)
        return f"{found.st_dev}:{found.st_ino}".encode()

    def _fd(self, data: bytes) -> os.stat_result:
        try:
            return os.fstat(int.from_bytes(data, "little"))
        except (OSError, OverflowError):
            raise Refused(errno.EBADF) from None

    def _may(self, forbidden: MapFlag) -> None:
        if self.request.flags & forbidden:
            raise Refused(errno.EPERM)


def masked(key: bytes) -> bytes:
    """A prefix whose other bits are zero, as the kernel compares it."""
    bits = int.from_bytes(key[:4], "little")
    room = len(key) - 4
    whole = int.from_bytes(key[4:], "big")
    shift = 8 * room - bits
    return key[:4] + (whole >> shift << shift).to_bytes(room, "big")


class PlainMap(FakeMap):
    """A map that keeps what it is given, whatever its type: to see what was passed on."""

    def __post_init__(self) -> None:
        if self.type in (MapType.ARRAY, MapType.PERCPU_ARRAY):
            for index in range(self.request.max_entries):
                self.values[index.to_bytes(4, "little")] = bytes(self.request.value_size)

    def lookup(self, key: bytes, flags: int) -> bytes | None:
        return self.values.get(key)

    def contains(self, value: bytes) -> bool:
        return value in self.values.values()

    def next_key(self, key: bytes | None) -> bytes | None:
        keys = list(self.values)
        at = keys.index(key) + 1 if key in keys else 0
        return keys[at] if at < len(keys) else None

    def update(self, key: bytes, value: bytes, flags: int) -> None:
        if self.frozen:
            raise Refused(errno.EPERM)
        if flags == UpdateFlag.NOEXIST and key in self.values:
            raise Refused(errno.EEXIST)
        if flags == UpdateFlag.EXIST and key not in self.values:
            raise Refused(errno.ENOENT)
        if key not in self.values and len(self.values) >= self.request.max_entries:
            raise Refused(errno.E2BIG)
        self.values[key] = value

    def delete(self, key: bytes) -> bool:
        return self.values.pop(key, None) is not None

    def take(self, key: bytes) -> bytes | None:
        return self.values.pop(key, None)
