"""Maps of sockets: BPF_MAP_TYPE_SOCKMAP (v4.14), BPF_MAP_TYPE_SOCKHASH (v4.18),
BPF_MAP_TYPE_REUSEPORT_SOCKARRAY (v4.19).

A socket goes in by descriptor and leaves when it is closed. What is read back is its cookie, the
number that SO_COOKIE gives. The kernel keeps no reference that would hold the socket open.
"""

from __future__ import annotations

import errno
from typing import ClassVar, Self, Unpack

from ..errors import SyscallError
from ..uapi.bpf import MapType
from .keyed import K
from .slots import ReadableSlots
from .typed import Options
from .types import wire_of
from .wire import AnyWire, TypeLike

_COOKIE_BYTES = 8


class SocketMap(ReadableSlots[K]):
    """What maps of sockets share: ``map[key] = sock``; ``map[key]`` is the socket's cookie."""

    def __getitem__(self, key: K) -> int:
        return self.id_at(key)

    def __delitem__(self, key: K) -> None:
        try:
            super().__delitem__(key)
        except SyscallError as error:
            # An array of sockets says EINVAL of a slot that is empty.
            if error.errno != errno.EINVAL or key in self:
                raise
            raise KeyError(key) from None


class SockMap(SocketMap[int]):
    """Sockets by index, for programs that redirect data from one to another.

    TCP sockets must be connected (or listening), UDP and Unix ones are taken since Linux 5.12 to
    5.15. Raises SyscallError (EOPNOTSUPP) for another socket.
    """

    default: ClassVar[MapType] = MapType.SOCKMAP

    @classmethod
    def create(cls, *, max_entries: int, **options: Unpack[Options]) -> Self:
        """Create an empty one."""
        return cls._make(4, _COOKIE_BYTES, max_entries, options)


class SockHash(SocketMap[K]):
    """Sockets by key."""

    default: ClassVar[MapType] = MapType.SOCKHASH
    _indexed = False

    @classmethod
    def create(cls, *, key: TypeLike, max_entries: int, **options: Unpack[Options]) -> Self:
        """Create an empty one."""
        wires: tuple[AnyWire, None] = (wire_of(key), None)
        return cls._make(wires[0].size, _COOKIE_BYTES, max_entries, options, wires=wires)


class ReuseportSockArray(SocketMap[int]):
    """Sockets of one SO_REUSEPORT group, for a program to choose from.

    A socket is put in before or after it is bound, with SO_REUSEPORT set; a TCP one must listen.
    """

    default: ClassVar[MapType] = MapType.REUSEPORT_SOCKARRAY

    @classmethod
    def create(cls, *, max_entries: int, **options: Unpack[Options]) -> Self:
        """Create an empty one."""
        return cls._make(4, _COOKIE_BYTES, max_entries, options)
