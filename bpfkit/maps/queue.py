"""Queues and stacks: values without keys. BPF_MAP_TYPE_QUEUE and BPF_MAP_TYPE_STACK (v4.20)."""

from __future__ import annotations

import errno
from collections.abc import Iterator

from ..errors import SyscallError
from ..uapi.bpf import UpdateFlag
from .base import Map


class QueueMap(Map):
    """A queue (first in, first out) or a stack (last in, first out)."""

    def push(self, value: bytes, *, drop_oldest: bool = False) -> bool:
        """Add a value; False when there is no room, unless the oldest may be dropped."""
        flags = UpdateFlag.EXIST if drop_oldest else UpdateFlag.ANY
        try:
            self.update(b"", value, flags)
        except SyscallError as error:
            if error.errno != errno.E2BIG:
                raise
            return False
        return True

    def pop(self) -> bytes | None:
        """Take the next value; None when there is none."""
        return self.lookup_and_delete(b"")

    def peek(self) -> bytes | None:
        """The next value, which stays; None when there is none."""
        return self.lookup(b"")

    def keys(self) -> Iterator[bytes]:
        """A queue has no keys."""
        return iter(())

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """A queue has no keys; see `pop`."""
        return iter(())
