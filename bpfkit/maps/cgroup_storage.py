"""Storage of programs attached to cgroups: BPF_MAP_TYPE_CGROUP_STORAGE (v4.19),
BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE (v4.20). The newer kind is `CgroupLocalStorage`.

An element comes when a program that uses the map is attached to a cgroup, and goes when it is
detached: user space reads and changes elements, it neither adds nor removes any. The key is the
cgroup's id and the attach type, or the id alone for a value that all attach types share (v5.9).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Generic, NoReturn, Self, Unpack

from ..uapi.bpf import AttachType, MapType, UpdateFlag
from .keyed import KeyedMap, V
from .percpu import PerCpuValues
from .typed import Options
from .types import wire_of
from .wire import AnyWire, TypeLike

_KEY = struct.Struct("=QI4x")  # struct bpf_cgroup_storage_key
_ID = struct.Struct("=Q")


@dataclass(frozen=True, slots=True)
class CgroupKey:
    """struct bpf_cgroup_storage_key. ``attach_type`` counts only where it is in the key."""

    cgroup_id: int
    attach_type: int = 0

    @classmethod
    def of(cls, path: str | Path, attach_type: AttachType = AttachType.CGROUP_INET_INGRESS) -> Self:
        """The key of a cgroup by its directory: its id is the directory's inode number."""
        return cls(Path(path).stat().st_ino, attach_type)


class CgroupKeys:
    """Keys with or without the attach type."""

    __slots__ = ("_packer", "size")

    def __init__(self, size: int) -> None:
        self._packer = _KEY if size == _KEY.size else _ID
        self.size = size

    def encode(self, value: CgroupKey) -> bytes:
        """One key."""
        if self.size == _KEY.size:
            return self._packer.pack(value.cgroup_id, value.attach_type)
        return self._packer.pack(value.cgroup_id)

    def decode(self, data: bytes) -> CgroupKey:
        """One key."""
        return CgroupKey(*self._packer.unpack(data))

    def encode_many(self, values: Iterable[CgroupKey]) -> bytes:
        """Keys in a row."""
        return b"".join(map(self.encode, values))

    def decode_many(self, data: bytes) -> Sequence[CgroupKey]:
        """Keys of a row."""
        return [CgroupKey(*found) for found in self._packer.iter_unpack(data)]


class CgroupStorage(KeyedMap[CgroupKey, V], Generic[V]):
    """Values of programs attached to cgroups, by `CgroupKey`."""

    default: ClassVar[MapType] = MapType.CGROUP_STORAGE

    @classmethod
    def create(cls, *, value: TypeLike, shared: bool = False, **options: Unpack[Options]) -> Self:
        """Create one; ``shared`` by all attach types of a cgroup."""
        wire = wire_of(value)
        size = _ID.size if shared else _KEY.size
        return cls._make(size, wire.size, 0, options, wires=(None, wire))

    def _set_wires(self, key: AnyWire | None, value: AnyWire | None) -> None:
        super()._set_wires(CgroupKeys(self.raw.key_size), value)

    def __setitem__(self, key: CgroupKey, value: V) -> None:
        """Change an element. Raises SyscallError (ENOENT) when nothing is attached there."""
        self.put(key, value, UpdateFlag.EXIST)

    def __delitem__(self, key: CgroupKey) -> NoReturn:
        raise TypeError(f"elements of {self.raw.subject} go when the program is detached")

    def pop(self, key: CgroupKey, *default: object) -> NoReturn:
        """Elements go when the program is detached: TypeError."""
        del default
        self.__delitem__(key)


class PerCpuCgroupStorage(PerCpuValues[CgroupKey, V], CgroupStorage[list[V]]):
    """The same with a value for each CPU."""

    default: ClassVar[MapType] = MapType.PERCPU_CGROUP_STORAGE
