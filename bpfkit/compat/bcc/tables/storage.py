"""Tables of what belongs to an object of the kernel, which bcc cannot open.

A socket's, a file's or a cgroup's storage is found by a descriptor of it, a task's by a pidfd. The
kernel does not list the objects, so these tables have elements but no keys: walking one raises
SyscallError (EOPNOTSUPP).
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from typing import NoReturn

from ....uapi.bpf import BpfCmd
from .base import TableBase
from .bulk import CData
from .descriptors import descriptor
from .errors import TableError
from .hashes import HashTable


class LocalStorage(TableBase):
    """BPF_MAP_TYPE_SK_STORAGE (v5.2), INODE_STORAGE (v5.10), TASK_STORAGE (v5.11), CGRP_STORAGE
    (v6.2).

    ``t[sock]``, ``t[pidfd]``: the key is a descriptor, or an object that has one.
    """

    def _key(self, key: CData) -> CData:
        number = descriptor(key)
        return super()._key(self.Key(number) if isinstance(number, int) else number)

    def __iter__(self) -> Iterator[CData]:
        self._no_keys()

    def __len__(self) -> int:
        self._no_keys()

    def iteritems(self) -> Iterator[tuple[CData, CData]]:
        """There are no keys to walk over."""
        self._no_keys()

    def itervalues(self) -> Iterator[CData]:
        """There are no keys to walk over."""
        self._no_keys()

    def items(self) -> NoReturn:
        """There are no keys to walk over."""
        self._no_keys()

    def values(self) -> NoReturn:
        """There are no keys to walk over."""
        self._no_keys()

    def _no_keys(self) -> NoReturn:
        call, code = BpfCmd.MAP_GET_NEXT_KEY, errno.EOPNOTSUPP
        hint = "the kernel does not list whose storage there is; ask for one by its descriptor"
        words = f"table '{self.map.name}' has no keys to walk over"
        raise TableError(words, code, str(call), self.map.subject, hint)


class CgroupStorage(HashTable):
    """BPF_MAP_TYPE_CGROUP_STORAGE (v4.19): made by the kernel when a program is attached."""
