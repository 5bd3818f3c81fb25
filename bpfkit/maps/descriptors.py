"""Arrays of descriptors: programs to call, perf events to write to, cgroups, maps.

BPF_MAP_TYPE_PROG_ARRAY (v4.2), BPF_MAP_TYPE_PERF_EVENT_ARRAY (v4.3), BPF_MAP_TYPE_CGROUP_ARRAY
(v4.8), BPF_MAP_TYPE_ARRAY_OF_MAPS and BPF_MAP_TYPE_HASH_OF_MAPS (v4.12). A descriptor goes in; what
comes out, where reading is possible at all, is an id.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator

from ..errors import SyscallError
from ..syscalls.api import SupportsFileno
from .array import index_key
from .base import Map


class DescriptorMap(Map):
    """A map whose values are descriptors."""

    def put(self, key: bytes, what: SupportsFileno) -> None:
        """Put a program, event, cgroup or map under a key."""
        self.update(key, what.fileno().to_bytes(4, sys.byteorder))

    def id(self, key: bytes) -> int | None:
        """The id of what is under a key, None when nothing is.

        Raises SyscallError (ENOTSUPP) for perf events and cgroups, which have none.
        """
        found = self.lookup(key)
        return None if found is None else int.from_bytes(found, sys.byteorder)


class DescriptorArray(DescriptorMap):
    """One whose keys are indexes."""

    def set(self, index: int, what: SupportsFileno) -> None:
        """Put something at ``index``."""
        self.put(index_key(index), what)

    def clear(self, index: int) -> bool:
        """Take out what is at ``index``; False when nothing was."""
        return self.delete(index_key(index))

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
