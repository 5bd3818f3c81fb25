"""Tables without keys: queues, stacks and bloom filters."""

from __future__ import annotations

import ctypes
import errno
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ....errors import SyscallError
from ....maps.base import Map
from ....uapi.bpf import BpfCmd, UpdateFlag
from . import formatting
from .bulk import CLASSES, CData
from .described import Described
from .errors import table_error

if TYPE_CHECKING:
    from ..bpf import BPF


class Keyless(Described):
    """What they share: a class for leaves, and none for keys."""

    def __init__(self, bpf: BPF, map: Map, leaf: type[CData]) -> None:
        self.bpf = bpf
        self.map = map
        self.Leaf = leaf

    def push(self, leaf: CData, flags: int = 0) -> None:
        """Add a leaf; with flags `QueueStack.BPF_EXIST` a full queue drops its oldest.

        Raises Exception when there is no room.
        """
        try:
            self.map.update(b"", self._bytes(leaf), flags)
        except SyscallError as error:
            raise table_error("Could not push to table", error) from error

    def _bytes(self, leaf: CData) -> bytes:
        if not isinstance(leaf, CLASSES):
            raise TypeError(f"table '{self.map.name}' takes ctypes values, as table.Leaf({leaf!r})")
        data = bytes(leaf)
        if len(data) != self.map.value_size:
            raise TypeError(
                f"table '{self.map.name}': {type(leaf).__name__} has {len(data)} bytes, its C type "
                f"has {self.map.value_size}"
            )
        return data

    def leaf_sprintf(self, leaf: CData) -> bytes:
        """A leaf as bcc writes it."""
        return formatting.emit(leaf)

    def leaf_scanf(self, leaf_str: bytes | str) -> CData:
        """The leaf that `leaf_sprintf` wrote. Raises ValueError for other text."""
        return formatting.parse(self.Leaf, leaf_str, "leaf")


class QueueStack(Keyless):
    """A queue or a stack: BPF_MAP_TYPE_QUEUE and BPF_MAP_TYPE_STACK (v4.20)."""

    BPF_EXIST = int(UpdateFlag.EXIST)

    def pop(self) -> CData:
        """Take the next leaf. Raises KeyError when there is none."""
        data = self.map.lookup_and_delete(b"")
        if data is None:
            raise KeyError("Could not pop from table")
        return self.Leaf.from_buffer_copy(data)

    def peek(self) -> CData:
        """The next leaf, which stays. Raises KeyError when there is none."""
        data = self.map.lookup(b"")
        if data is None:
            raise KeyError("Could not peek table")
        return self.Leaf.from_buffer_copy(data)

    def itervalues(self) -> Iterator[CData]:
        """Take leaves out, at most as many as there is room for: a program may go on pushing."""
        for _ in range(self.max_entries):
            data = self.map.lookup_and_delete(b"")
            if data is None:
                return
            yield self.Leaf.from_buffer_copy(data)

    def values(self) -> list[CData]:
        """Take all leaves out."""
        return list(self.itervalues())


class BloomFilter(Keyless):
    """What was pushed, probably: BPF_MAP_TYPE_BLOOM_FILTER (v5.16), which bcc cannot open."""

    def __contains__(self, leaf: CData) -> bool:
        """Whether a leaf may have been pushed; False is certain."""
        value = (ctypes.c_char * self.map.value_size).from_buffer_copy(self._bytes(leaf))
        code = self.map.in_place().peek(value)
        if code not in (0, errno.ENOENT):
            raise SyscallError(code, str(BpfCmd.MAP_LOOKUP_ELEM), self.map.subject)
        return not code
