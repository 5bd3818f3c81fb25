"""Which raw class a map type gets: they differ in what their keys are."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator

from ..errors import SyscallError
from ..obj.spec import MapSpec
from ..syscalls.fd import OwnedFd
from ..system import System
from ..uapi.bpf import MapType
from .base import Map


def index_key(index: int) -> bytes:
    """The key of an index: four bytes in the machine's order."""
    return index.to_bytes(4, sys.byteorder)


class RawArray(Map):
    """An array: every index below ``max_entries`` is there."""

    def keys(self) -> Iterator[bytes]:
        """Every index, in order; the kernel is not asked."""
        return map(index_key, range(self.max_entries))


class RawSlots(Map):
    """An array of descriptors, whose slots may be empty."""

    def keys(self) -> Iterator[bytes]:
        """The indexes that hold something, where the kernel tells; else every index."""
        for index in range(self.max_entries):
            key = index_key(index)
            try:
                if self.lookup(key) is None:
                    continue
            except SyscallError as error:
                if error.errno in (errno.EPERM, errno.EBADF):
                    raise
            yield key


class RawValues(Map):
    """A queue, stack, filter or ring: it has no keys."""

    def keys(self) -> Iterator[bytes]:
        """There are none."""
        return iter(())

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """There are none."""
        return iter(())


_CLASSES: dict[MapType, type[Map]] = {
    MapType.ARRAY: RawArray,
    MapType.PERCPU_ARRAY: RawArray,
    MapType.PROG_ARRAY: RawSlots,
    MapType.PERF_EVENT_ARRAY: RawSlots,
    MapType.CGROUP_ARRAY: RawSlots,
    MapType.ARRAY_OF_MAPS: RawSlots,
    MapType.DEVMAP: RawSlots,
    MapType.CPUMAP: RawSlots,
    MapType.XSKMAP: RawSlots,
    MapType.SOCKMAP: RawSlots,
    MapType.REUSEPORT_SOCKARRAY: RawSlots,
    MapType.QUEUE: RawValues,
    MapType.STACK: RawValues,
    MapType.BLOOM_FILTER: RawValues,
    MapType.RINGBUF: RawValues,
    MapType.USER_RINGBUF: RawValues,
    MapType.ARENA: RawValues,
}


def open_map(fd: OwnedFd, spec: MapSpec, system: System) -> Map:
    """Take over ``fd``, which ``spec`` describes, as a map of its family."""
    return _CLASSES.get(spec.type, Map)(fd, spec, system)
