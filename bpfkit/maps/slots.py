"""What maps of descriptors share: a program, event, cgroup, socket or map goes in by descriptor.

What comes out, where reading is possible at all, is an id. The kernel keeps what was put in alive;
the descriptor may be closed. Replacing one is atomic.
"""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Generic

from ..syscalls.api import SupportsFileno
from .array import Index
from .keyed import K
from .typed import TypedMap
from .wire import AnyWire, Bytes

HasFd = SupportsFileno | int
"""Something with a descriptor, or its number."""
HasPath = SupportsFileno | int | str | Path
"""The same, or the path of a file that is opened while it is needed."""
_U32 = struct.Struct("=I")
_U64 = struct.Struct("=Q")


def fd_of(what: HasFd) -> int:
    """The number of a descriptor."""
    return what if isinstance(what, int) else what.fileno()


@contextlib.contextmanager
def opened(what: HasPath, flags: int = os.O_RDONLY) -> Iterator[int]:
    """The descriptor of something, or of a path that is opened for as long as it is needed."""
    if isinstance(what, str | Path):
        fd = os.open(what, flags | os.O_CLOEXEC)
        try:
            yield fd
        finally:
            os.close(fd)
    else:
        yield fd_of(what)


class SlotMap(TypedMap, Generic[K]):
    """Keys whose values are descriptors."""

    _indexed = True
    """Whether its keys are indexes."""
    tells_missing = True
    """Whether the kernel says that there was nothing to delete."""

    def _set_wires(self, key: AnyWire | None, value: AnyWire | None) -> None:
        plain = key or Bytes(self.raw.key_size)
        self._key: AnyWire = Index(self.raw.max_entries) if self._indexed else plain

    def put(self, key: K, what: HasFd, flags: int = 0) -> None:
        """Put something under a key as ``flags`` say: NOEXIST, EXIST.

        Raises SyscallError: EBADF when it is no descriptor of what the map holds, EINVAL when it
        is of the wrong kind.
        """
        self.raw.update(self._key.encode(key), self._content(what), flags)

    def __setitem__(self, key: K, what: HasFd) -> None:
        self.put(key, what)

    def __delitem__(self, key: K) -> None:
        if not self.raw.delete(self._key.encode(key)):
            raise KeyError(key)

    def _content(self, what: HasFd) -> bytes:
        """A descriptor as the map's value."""
        packer = _U64 if self.raw.value_size == _U64.size else _U32
        return packer.pack(fd_of(what))

    def _number(self, key: K) -> int:
        """The number that is read under a key. Raises KeyError when nothing is there."""
        found = self.raw.lookup(self._key.encode(key))
        if found is None:
            raise KeyError(key)
        number: int = (_U64 if len(found) == _U64.size else _U32).unpack(found)[0]
        return number


class ReadableSlots(SlotMap[K]):
    """Descriptors of which ids can be read back."""

    def id_at(self, key: K) -> int:
        """The id of what is under a key. Raises KeyError when nothing is."""
        return self._number(key)

    def __contains__(self, key: K) -> bool:
        return self.raw.lookup(self._key.encode(key)) is not None

    def keys(self) -> Iterator[K]:
        """Give the keys under which something is."""
        return (self._key.decode(key) for key in self.raw.keys())  # noqa: SIM118 - a map is no dict

    def __iter__(self) -> Iterator[K]:
        return self.keys()

    def __len__(self) -> int:
        """Count what is there: the kernel is asked for each key."""
        return sum(1 for _ in self.keys())
