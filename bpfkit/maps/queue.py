"""Queues and stacks: values without keys. BPF_MAP_TYPE_QUEUE and BPF_MAP_TYPE_STACK (v4.20).

Each call is atomic: of several who pop at the same time, each gets another value.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from typing import ClassVar, Generic, Self, Unpack

from ..errors import SyscallError
from ..uapi.bpf import MapType, UpdateFlag
from .keyed import V
from .typed import Options, TypedMap
from .types import wire_of
from .wire import AnyWire, Bytes, TypeLike


class Queue(TypedMap, Generic[V]):
    """Values that come out in the order in which they were put in."""

    default: ClassVar[MapType] = MapType.QUEUE

    @classmethod
    def create(cls, *, value: TypeLike, max_entries: int, **options: Unpack[Options]) -> Self:
        """Create one. Raises SyscallError, and TypeError for a value that is no type."""
        wire = wire_of(value)
        return cls._make(0, wire.size, max_entries, options, wires=(None, wire))

    def _set_wires(self, key: AnyWire | None, value: AnyWire | None) -> None:
        self._value: AnyWire = value or Bytes(self.raw.value_size)

    def push(self, value: V, *, drop_oldest: bool = False) -> None:
        """Add a value. Raises SyscallError (E2BIG) when full, unless the oldest may be dropped."""
        flags = UpdateFlag.EXIST if drop_oldest else UpdateFlag.ANY
        self.raw.update(b"", self._value.encode(value), flags)

    def try_push(self, value: V) -> bool:
        """Add a value; False when there is no room."""
        try:
            self.push(value)
        except SyscallError as error:
            if error.errno != errno.E2BIG:
                raise
            return False
        return True

    def pop(self) -> V:
        """Take the next value. Raises IndexError when there is none."""
        return self._found(self.raw.lookup_and_delete(b""), "pop from")

    def peek(self) -> V:
        """The next value, which stays. Raises IndexError when there is none."""
        return self._found(self.raw.lookup(b""), "peek at")

    def drain(self) -> Iterator[V]:
        """Take values until there are none, or as many as the map has room for."""
        for _ in range(self.raw.max_entries):
            found = self.raw.lookup_and_delete(b"")
            if found is None:
                return
            yield self._value.decode(found)

    def _found(self, data: bytes | None, what: str) -> V:
        if data is None:
            raise IndexError(f"{what} empty {self.raw.subject}")
        value: V = self._value.decode(data)
        return value


class Stack(Queue[V]):
    """Values of which the newest comes out first."""

    default: ClassVar[MapType] = MapType.STACK
