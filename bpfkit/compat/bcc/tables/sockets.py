"""Tables of sockets, which bcc cannot open. A leaf is a socket or its descriptor.

What can be read is a socket's cookie, where the leaf is declared with 8 bytes; with 4 bytes the
kernel gives nothing (SyscallError, ENOSPC), and reading the whole table leaves those out.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from typing import NoReturn

from ....uapi.bpf import BpfCmd
from .arrays import SlotArray
from .bulk import CData
from .descriptors import Descriptors
from .hashes import HashTable


class SockMap(Descriptors, SlotArray):
    """Sockets by index: BPF_MAP_TYPE_SOCKMAP (v4.14)."""

    def _missing(self, code: int, call: BpfCmd) -> NoReturn:
        # Of an empty place this type says EINVAL where others say ENOENT.
        empty = code == errno.EINVAL and call is BpfCmd.MAP_DELETE_ELEM
        super()._missing(errno.ENOENT if empty else code, call)


class ReuseportArray(Descriptors, SlotArray):
    """Sockets of a reuseport group: BPF_MAP_TYPE_REUSEPORT_SOCKARRAY (v4.19)."""


class SockHash(Descriptors, HashTable):
    """Sockets by key: BPF_MAP_TYPE_SOCKHASH (v4.18)."""

    def iteritems(self) -> Iterator[tuple[CData, CData]]:
        """Iterate over keys and cookies."""
        for key in self:
            try:
                yield key, self[key]
            except KeyError:
                continue

    def items(self) -> list[tuple[CData, CData]]:  # type: ignore[override]  # bcc gives a list
        """All keys and cookies."""
        return list(self.iteritems())

    def values(self) -> list[CData]:  # type: ignore[override]  # bcc gives a list
        """All cookies."""
        return [cookie for _, cookie in self.iteritems()]

    def itervalues(self) -> Iterator[CData]:
        """Iterate over the cookies."""
        return iter(self.values())

    def __len__(self) -> int:
        return sum(1 for _ in self.map.keys())  # noqa: SIM118 - a map is no dict

    def clear(self) -> None:
        """Take out every socket."""
        for key in list(self.map.keys()):
            self.map.delete(key)
