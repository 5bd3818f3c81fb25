"""Local storage: a value at a socket, file, task or cgroup, which goes away together with it.

BPF_MAP_TYPE_SK_STORAGE (v5.2), BPF_MAP_TYPE_INODE_STORAGE (v5.10), BPF_MAP_TYPE_TASK_STORAGE
(v5.11), BPF_MAP_TYPE_CGRP_STORAGE (v6.2). The key is a descriptor of what has the value. Nothing
can be listed from user space: a program of an iterator can.
"""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Iterator
from typing import Any, ClassVar, Generic, Self, TypeVar, Unpack

from ..uapi.bpf import MapFlag, MapType, UpdateFlag
from .keyed import V
from .slots import HasFd, HasPath, opened
from .typed import Options, TypedMap, system_of
from .types import told_types, wire_of
from .wire import AnyWire, Bytes, TypeLike

O = TypeVar("O")  # noqa: E741 - the owner of a value
_FD = struct.Struct("=i")


class LocalStorage(TypedMap, Generic[O, V]):
    """Values at what they belong to. Setting one is atomic for who reads it through the map."""

    @classmethod
    def create(cls, *, value: TypeLike, **options: Unpack[Options]) -> Self:
        """Create one. Raises SyscallError, and TypeError for a value that is no type."""
        wire = wire_of(value)
        system = system_of(options)
        options["flags"] = options.get("flags", 0) | MapFlag.NO_PREALLOC
        with told_types(system, "s32", value, needed=True) as request:
            return cls._make(_FD.size, wire.size, 0, options, wires=(None, wire), request=request)

    def _set_wires(self, key: AnyWire | None, value: AnyWire | None) -> None:
        self._value: AnyWire = value or Bytes(self.raw.value_size)

    def __getitem__(self, owner: O) -> V:
        with self._key(owner) as key:
            found = self.raw.lookup(key)
        if found is None:
            raise KeyError(owner)
        value: V = self._value.decode(found)
        return value

    def get(self, owner: O, default: V | None = None) -> V | None:
        """The value of ``owner``, ``default`` when it has none."""
        try:
            return self[owner]
        except KeyError:
            return default

    def put(self, owner: O, value: V, flags: int = UpdateFlag.ANY) -> None:
        """Set the value of ``owner`` as ``flags`` say: NOEXIST, EXIST, LOCK.

        Raises SyscallError: EBADF when it is no descriptor of the right kind.
        """
        data = self._value.encode(value)
        with self._key(owner) as key:
            self.raw.update(key, data, flags)

    def __setitem__(self, owner: O, value: V) -> None:
        self.put(owner, value)

    def __delitem__(self, owner: O) -> None:
        with self._key(owner) as key:
            there = self.raw.delete(key)
        if not there:
            raise KeyError(owner)

    def __contains__(self, owner: O) -> bool:
        with self._key(owner) as key:
            return self.raw.lookup(key) is not None

    @contextlib.contextmanager
    def _key(self, owner: O) -> Iterator[bytes]:
        with self._opened(owner) as fd:
            yield _FD.pack(fd)

    def _opened(self, owner: Any) -> contextlib.AbstractContextManager[int]:  # noqa: ANN401 - an O
        """A descriptor of ``owner`` for one call."""
        return opened(owner)


class SkStorage(LocalStorage[HasFd, V]):
    """Values at sockets: ``storage[sock] = 5``."""

    default: ClassVar[MapType] = MapType.SK_STORAGE


class InodeStorage(LocalStorage[HasPath, V]):
    """Values at files: by path, or by an open file."""

    default: ClassVar[MapType] = MapType.INODE_STORAGE


class CgroupLocalStorage(LocalStorage[HasPath, V]):
    """Values at cgroups of version 2, by directory or a descriptor of it."""

    default: ClassVar[MapType] = MapType.CGRP_STORAGE


class TaskStorage(LocalStorage["int | Pidfd", V]):
    """Values at tasks: by process id, or by pidfd (`Pidfd`), which is never another process's.

    A process id means the first thread of the process.
    """

    default: ClassVar[MapType] = MapType.TASK_STORAGE

    @contextlib.contextmanager
    def _opened(self, owner: int | Pidfd) -> Iterator[int]:
        if isinstance(owner, Pidfd):
            yield owner.fileno()
            return
        fd = os.pidfd_open(owner)
        try:
            yield fd
        finally:
            os.close(fd)


class Pidfd:
    """A pidfd of the caller's, to tell it from a process id."""

    def __init__(self, fd: int) -> None:
        """Mark ``fd``; it stays the caller's."""
        self._fd = fd

    def fileno(self) -> int:
        """The descriptor."""
        return self._fd
