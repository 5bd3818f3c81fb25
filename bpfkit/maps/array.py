"""Arrays: BPF_MAP_TYPE_ARRAY (v3.19). Every index below ``max_entries`` is there, zero at first.

A value of up to 8 bytes is read and written whole; a larger one may be torn by a program that
writes it at the same time, unless it has a spin lock and LOCK is used.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from typing import Any, ClassVar, Generic, NoReturn, Self, Unpack

from ..errors import EncodeError
from ..syscalls.api import MappedMemory
from ..uapi.bpf import MapFlag, MapType
from .keyed import KeyedMap, V
from .made import made_keyed
from .typed import Options
from .wire import AnyWire, Numbers, TypeLike


class Index(Numbers):
    """An index of ``count`` elements; negative ones count from the end."""

    __slots__ = ("_count",)

    def __init__(self, count: int) -> None:
        super().__init__("I")
        self._count = count

    def encode(self, value: float) -> bytes:
        """One index. Raises IndexError beyond the end."""
        if not isinstance(value, int):
            raise EncodeError(value, "an index")
        index = value + self._count if value < 0 else value
        if not 0 <= index < self._count:
            raise IndexError(f"there is no element {value} of {self._count}")
        return self._pack(index)

    def encode_many(self, values: Any) -> bytes:  # noqa: ANN401 - as its base takes
        """Indexes in a row."""
        return b"".join(map(self.encode, values))


class IndexedMap(KeyedMap[int, V], Generic[V]):
    """What arrays share: indexes are keys, and none is ever missing."""

    @classmethod
    def create(cls, *, value: TypeLike, max_entries: int, **options: Unpack[Options]) -> Self:
        """Create one. Raises SyscallError, and TypeError for a value that is no type."""
        return made_keyed(cls, "u32", value, max_entries, options)

    def _set_wires(self, key: AnyWire | None, value: AnyWire | None) -> None:
        super()._set_wires(Index(self.raw.max_entries), value)

    def __contains__(self, key: int) -> bool:
        return isinstance(key, int) and -self.raw.max_entries <= key < self.raw.max_entries

    def __delitem__(self, key: int) -> NoReturn:
        raise TypeError(f"elements of {self.raw.subject} stay: set them to zero instead")

    def __len__(self) -> int:
        """``max_entries``; the kernel is not asked."""
        return self.raw.max_entries

    def keys(self) -> Iterator[int]:
        """Every index, in order; the kernel is not asked."""
        return iter(range(self.raw.max_entries))

    def pop(self, key: int, *default: object) -> NoReturn:
        """Elements of an array stay: TypeError."""
        del default
        self.__delitem__(key)

    def clear(self) -> None:
        """Set every element to zeroes."""
        zero = bytes(self.raw.buffer_size)
        key = self._encode_key
        self.raw.update_many([(key(i), zero) for i in range(self.raw.max_entries)])


class ArrayMap(IndexedMap[V]):
    """An array. With MMAPABLE it can be read and written as memory."""

    default: ClassVar[MapType] = MapType.ARRAY

    def memory(self, *, writable: bool = False) -> MappedMemory:
        """Map the elements of a map made with MMAPABLE; close it when done.

        Elements lie `stride` bytes apart. Plain loads and stores: nothing but an aligned word is
        atomic. Raises SyscallError: EPERM to write what is frozen or RDONLY.
        """
        size = -(-self.stride * self.raw.max_entries // mmap.PAGESIZE) * mmap.PAGESIZE
        return self._map(size, writable=writable)

    @property
    def stride(self) -> int:
        """Bytes from one element to the next in `memory`."""
        return -(-self.raw.value_size // 8) * 8

    @property
    def mmapable(self) -> bool:
        """Whether it was made with MMAPABLE."""
        return bool(self.raw.flags & MapFlag.MMAPABLE)
