"""The commands of bpf(2) on elements of maps: one at a time and in batches.

These are called millions of times, so their attributes and the memory the kernel writes to are made
once and used again. A call takes what it needs off a list and puts it back: threads that call at
the same time, which happens since the interpreter's lock is let go meanwhile, never share any.
"""

from __future__ import annotations

import ctypes
import errno
from typing import Any, NoReturn

from ..uapi.attr import bpf_attr_batch, bpf_attr_element, bpf_attr_map_elem, bpf_attr_map_update
from ..uapi.bpf import BpfCmd
from .call import Caller
from .command import BpfCalls, HasFileno
from .hints import hint_for_element
from .requests import Batch

# The cursor of a batch is a bucket's number, or a key where the map is a trie.
_CURSOR_BYTES = 8
_LOOKUP = int(BpfCmd.MAP_LOOKUP_ELEM)
_TAKE = int(BpfCmd.MAP_LOOKUP_AND_DELETE_ELEM)
_UPDATE = int(BpfCmd.MAP_UPDATE_ELEM)
_DELETE = int(BpfCmd.MAP_DELETE_ELEM)
_NEXT_KEY = int(BpfCmd.MAP_GET_NEXT_KEY)
_ELEM_BYTES = ctypes.sizeof(bpf_attr_map_elem)
_ENOENT = -errno.ENOENT
# Memory above this size is not worth keeping.
_KEPT_BYTES = 1 << 16


class _Slot:
    """Attributes of one call, and ``size`` bytes for what the kernel writes."""

    __slots__ = ("attr", "out", "reference")

    def __init__(self, size: int) -> None:
        self.out: Any = (ctypes.c_char * size)()  # an array type made at run time
        self.attr = bpf_attr_map_elem(value=ctypes.addressof(self.out))
        self.reference = ctypes.byref(self.attr)


class _UpdateSlot:
    """Attributes of one update."""

    __slots__ = ("attr", "reference")

    def __init__(self) -> None:
        self.attr = bpf_attr_map_update()
        self.reference = ctypes.byref(self.attr)


class LiveElement:
    """A key and a value in memory of their own, and calls that use them in place."""

    __slots__ = ("_attr", "_enter", "_fd", "_flags", "_reference", "key", "value")

    def __init__(self, caller: Caller, key_size: int, value_size: int) -> None:
        self.key: Any = (ctypes.c_char * key_size)()
        self.value: Any = (ctypes.c_char * value_size)()
        self._enter = caller.enter
        self._attr = bpf_attr_element(
            key=ctypes.addressof(self.key), value=ctypes.addressof(self.value)
        )
        self._reference = ctypes.byref(self._attr)
        self._fd = self._flags = 0

    def lookup(self, fd: int, flags: int = 0) -> int:
        """BPF_MAP_LOOKUP_ELEM."""
        if fd != self._fd or flags != self._flags:
            self._aim(fd, flags)
        return self._enter(_LOOKUP, self._reference, _ELEM_BYTES)

    def update(self, fd: int, flags: int = 0) -> int:
        """BPF_MAP_UPDATE_ELEM."""
        if fd != self._fd or flags != self._flags:
            self._aim(fd, flags)
        return self._enter(_UPDATE, self._reference, _ELEM_BYTES)

    def _aim(self, fd: int, flags: int) -> None:
        # Setting a field of a structure costs more than to see that it need not be set.
        self._fd = self._attr.map_fd = fd
        self._flags = self._attr.flags = flags


class ElementCommands(BpfCalls):
    """Elements of maps."""

    def map_element(self, key_size: int, value_size: int) -> LiveElement:
        """Memory for a key and a value."""
        return LiveElement(self._caller, key_size, value_size)

    def __init__(self, caller: Caller, token: HasFileno | None = None) -> None:
        # LinuxSyscalls is put together from parts that each are begun by name.
        BpfCalls.__init__(self, caller, token)
        self._slots: dict[int, list[_Slot]] = {}
        self._updates: list[_UpdateSlot] = []

    def map_lookup(
        self, fd: int, key: bytes, size: int, flags: int = 0, *, subject: str = ""
    ) -> bytes | None:
        """BPF_MAP_LOOKUP_ELEM."""
        return self._read(_LOOKUP, fd, key, size, flags, subject)

    def map_lookup_and_delete(
        self, fd: int, key: bytes, size: int, flags: int = 0, *, subject: str = ""
    ) -> bytes | None:
        """BPF_MAP_LOOKUP_AND_DELETE_ELEM."""
        return self._read(_TAKE, fd, key, size, flags, subject)

    def map_next_key(
        self, fd: int, key: bytes | None, size: int, *, subject: str = ""
    ) -> bytes | None:
        """BPF_MAP_GET_NEXT_KEY."""
        return self._read(_NEXT_KEY, fd, key, size, 0, subject)

    def map_update(
        self, fd: int, key: bytes, value: bytes, flags: int = 0, *, subject: str = ""
    ) -> None:
        """BPF_MAP_UPDATE_ELEM."""
        try:
            slot = self._updates.pop()
        except IndexError:
            slot = _UpdateSlot()
        attr = slot.attr
        attr.map_fd = fd
        attr.key = key or None
        attr.value = value
        attr.flags = flags
        result = self._caller.enter(_UPDATE, slot.reference, _ELEM_BYTES)
        self._updates.append(slot)
        if result < 0:
            self._refuse(_UPDATE, -result, fd, subject)

    def map_delete(self, fd: int, key: bytes, *, subject: str = "") -> bool:
        """BPF_MAP_DELETE_ELEM."""
        attr = bpf_attr_map_elem(fd, key or None)
        result = self._caller.enter(_DELETE, ctypes.byref(attr), _ELEM_BYTES)
        if result < 0 and result != _ENOENT:
            self._refuse(_DELETE, -result, fd, subject)
        return result >= 0

    def map_contains(self, fd: int, value: bytes, *, subject: str = "") -> bool:
        """BPF_MAP_LOOKUP_ELEM of a bloom filter."""
        attr = bpf_attr_map_update(fd, None, value)
        result = self._caller.enter(_LOOKUP, ctypes.byref(attr), _ELEM_BYTES)
        if result < 0 and result != _ENOENT:
            self._refuse(_LOOKUP, -result, fd, subject)
        return result >= 0

    def map_lookup_batch(
        self,
        fd: int,
        cursor: bytes | None,
        key_size: int,
        value_size: int,
        count: int,
        *,
        delete: bool = False,
        flags: int = 0,
        subject: str = "",
    ) -> Batch:
        """BPF_MAP_LOOKUP_BATCH or BPF_MAP_LOOKUP_AND_DELETE_BATCH."""
        command = BpfCmd.MAP_LOOKUP_AND_DELETE_BATCH if delete else BpfCmd.MAP_LOOKUP_BATCH
        keys = (ctypes.c_char * (key_size * count))()
        values = (ctypes.c_char * (value_size * count))()
        here = ctypes.create_string_buffer(cursor or b"", max(key_size, _CURSOR_BYTES) + 1)
        following = (ctypes.c_char * max(key_size, _CURSOR_BYTES))()
        attr = bpf_attr_batch(
            in_batch=ctypes.addressof(here) if cursor is not None else 0,
            out_batch=ctypes.addressof(following),
            keys=ctypes.addressof(keys),
            values=ctypes.addressof(values),
            count=count,
            map_fd=fd,
            elem_flags=flags,
        )
        result = self._caller.bpf(command, attr)
        if result < 0 and result != _ENOENT:
            self._refuse(command, -result, fd, subject)
        read = attr.count
        return Batch(
            read,
            bytes(memoryview(keys)[: read * key_size]),
            bytes(memoryview(values)[: read * value_size]),
            following.raw if result >= 0 else None,
        )

    def map_update_batch(
        self, fd: int, keys: bytes, values: bytes, count: int, flags: int = 0, *, subject: str = ""
    ) -> None:
        """BPF_MAP_UPDATE_BATCH."""
        key_bytes = (ctypes.c_char * len(keys)).from_buffer_copy(keys)
        value_bytes = (ctypes.c_char * len(values)).from_buffer_copy(values)
        attr = bpf_attr_batch(
            keys=ctypes.addressof(key_bytes),
            values=ctypes.addressof(value_bytes),
            count=count,
            map_fd=fd,
            elem_flags=flags,
        )
        result = self._caller.bpf(BpfCmd.MAP_UPDATE_BATCH, attr)
        if result < 0:
            self._refuse(BpfCmd.MAP_UPDATE_BATCH, -result, fd, subject)

    def map_delete_batch(self, fd: int, keys: bytes, count: int, *, subject: str = "") -> int:
        """BPF_MAP_DELETE_BATCH."""
        key_bytes = (ctypes.c_char * len(keys)).from_buffer_copy(keys)
        attr = bpf_attr_batch(keys=ctypes.addressof(key_bytes), count=count, map_fd=fd)
        result = self._caller.bpf(BpfCmd.MAP_DELETE_BATCH, attr)
        if result < 0 and result != _ENOENT:
            self._refuse(BpfCmd.MAP_DELETE_BATCH, -result, fd, subject)
        return int(attr.count)

    def _read(
        self, command: int, fd: int, key: bytes | None, size: int, flags: int, subject: str
    ) -> bytes | None:
        try:
            slots = self._slots[size]
        except KeyError:
            slots = self._slots[size] = []
        try:
            slot = slots.pop()
        except IndexError:
            slot = _Slot(size)
        attr = slot.attr
        attr.map_fd = fd
        attr.key = key or None
        attr.flags = flags
        result = self._caller.enter(command, slot.reference, _ELEM_BYTES)
        found = slot.out.raw if result >= 0 else None
        if size <= _KEPT_BYTES:
            slots.append(slot)
        if result < 0 and result != _ENOENT:
            self._refuse(command, -result, fd, subject)
        return found

    def _refuse(self, command: int, code: int, fd: int, subject: str) -> NoReturn:
        kind = BpfCmd(command)
        self._fail(kind, code, subject or f"map {fd}", hint_for_element(kind, code))
