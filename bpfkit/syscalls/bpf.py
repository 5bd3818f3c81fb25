"""The commands of bpf(2) on maps, ids and pins. Programs and links are in files of their own.

Names come from the kernel's commands; what each takes and gives is told in ``api.py``.
"""

from __future__ import annotations

import ctypes
import errno
from typing import NoReturn

from ..errors import SyscallError
from ..uapi.attr import (
    bpf_attr_batch,
    bpf_attr_id,
    bpf_attr_map_create,
    bpf_attr_map_elem,
    bpf_attr_map_update,
    bpf_attr_obj,
)
from ..uapi.bpf import BPF_OBJ_NAME_LEN, BpfCmd
from .call import Caller
from .fd import OwnedFd
from .hints import hint_for_call, hint_for_map
from .requests import Batch, MapCreate, ObjectKind

_NEXT_ID = {
    ObjectKind.PROG: BpfCmd.PROG_GET_NEXT_ID,
    ObjectKind.MAP: BpfCmd.MAP_GET_NEXT_ID,
    ObjectKind.BTF: BpfCmd.BTF_GET_NEXT_ID,
    ObjectKind.LINK: BpfCmd.LINK_GET_NEXT_ID,
}
_OPEN_ID = {
    ObjectKind.PROG: BpfCmd.PROG_GET_FD_BY_ID,
    ObjectKind.MAP: BpfCmd.MAP_GET_FD_BY_ID,
    ObjectKind.BTF: BpfCmd.BTF_GET_FD_BY_ID,
    ObjectKind.LINK: BpfCmd.LINK_GET_FD_BY_ID,
}
# The cursor of a batch is a bucket's number, or a key where the map is a trie.
_CURSOR_BYTES = 8


def kernel_name(name: str) -> bytes:
    """Cut a name to what the kernel takes: 15 bytes of letters, digits, ``_`` and ``.``."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "_.") else "_" for c in name)
    return plain.encode()[: BPF_OBJ_NAME_LEN - 1]


class BpfCalls:
    """What all commands share."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def _command(
        self, command: BpfCmd, attr: ctypes.Structure, subject: str, hint: str | None = None
    ) -> int:
        result = self._caller.bpf(command, attr)
        if result < 0:
            self._fail(command, -result, subject, hint)
        return result

    def _fail(self, command: BpfCmd, code: int, subject: str, hint: str | None = None) -> NoReturn:
        raise SyscallError(
            code, str(command), subject, hint_for_call(command, code) if hint is None else hint
        )


class MapCommands(BpfCalls):
    """Maps."""

    def map_create(self, request: MapCreate) -> OwnedFd:
        """BPF_MAP_CREATE."""
        attr = bpf_attr_map_create(
            map_type=request.type,
            key_size=request.key_size,
            value_size=request.value_size,
            max_entries=request.max_entries,
            map_flags=request.flags,
            inner_map_fd=request.inner_map_fd,
            numa_node=request.numa_node,
            map_name=kernel_name(request.name),
            map_ifindex=request.ifindex,
            btf_fd=request.btf_fd,
            btf_key_type_id=request.key_type_id,
            btf_value_type_id=request.value_type_id,
            btf_vmlinux_value_type_id=request.vmlinux_value_type_id,
            map_extra=request.map_extra,
        )
        what = f"map '{request.name}'"
        fd = self._caller.bpf(BpfCmd.MAP_CREATE, attr)
        if fd < 0:
            self._fail(BpfCmd.MAP_CREATE, -fd, what, hint_for_map(request, -fd))
        return OwnedFd(fd, what)

    def map_lookup(
        self, fd: int, key: bytes, size: int, flags: int = 0, *, subject: str = ""
    ) -> bytes | None:
        """BPF_MAP_LOOKUP_ELEM."""
        return self._read(BpfCmd.MAP_LOOKUP_ELEM, fd, key, size, flags, subject)

    def map_lookup_and_delete(
        self, fd: int, key: bytes, size: int, flags: int = 0, *, subject: str = ""
    ) -> bytes | None:
        """BPF_MAP_LOOKUP_AND_DELETE_ELEM."""
        return self._read(BpfCmd.MAP_LOOKUP_AND_DELETE_ELEM, fd, key, size, flags, subject)

    def map_update(
        self, fd: int, key: bytes, value: bytes, flags: int = 0, *, subject: str = ""
    ) -> None:
        """BPF_MAP_UPDATE_ELEM."""
        attr = bpf_attr_map_update(fd, key or None, value, flags)
        result = self._caller.bpf(BpfCmd.MAP_UPDATE_ELEM, attr)
        if result < 0:
            self._fail_update(-result, fd, subject)

    def _fail_update(self, code: int, fd: int, subject: str) -> NoReturn:
        hint = {
            errno.E2BIG: "the map is full, or the key is beyond its end",
            errno.EEXIST: "there is such an element, and the flags say it must be new",
            errno.ENOENT: "there is no such element, and the flags say it must exist",
            errno.EPERM: "the map is read-only for user space, or frozen",
        }.get(code)
        self._fail(BpfCmd.MAP_UPDATE_ELEM, code, subject or f"map {fd}", hint)

    def map_delete(self, fd: int, key: bytes, *, subject: str = "") -> bool:
        """BPF_MAP_DELETE_ELEM."""
        attr = bpf_attr_map_elem(fd, key)
        result = self._caller.bpf(BpfCmd.MAP_DELETE_ELEM, attr)
        if result < 0 and result != -errno.ENOENT:
            self._fail(BpfCmd.MAP_DELETE_ELEM, -result, subject or f"map {fd}")
        return result >= 0

    def map_next_key(
        self, fd: int, key: bytes | None, size: int, *, subject: str = ""
    ) -> bytes | None:
        """BPF_MAP_GET_NEXT_KEY."""
        return self._read(BpfCmd.MAP_GET_NEXT_KEY, fd, key, size, 0, subject)

    def _read(
        self, command: BpfCmd, fd: int, key: bytes | None, size: int, flags: int, subject: str
    ) -> bytes | None:
        out = (ctypes.c_char * size)()
        attr = bpf_attr_map_elem(fd, key or None, ctypes.addressof(out), flags)
        result = self._caller.bpf(command, attr)
        if result >= 0:
            return out.raw
        if result != -errno.ENOENT:
            self._fail(command, -result, subject or f"map {fd}")
        return None

    def map_lookup_batch(
        self,
        fd: int,
        cursor: bytes | None,
        key_size: int,
        value_size: int,
        count: int,
        *,
        delete: bool = False,
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
        )
        result = self._caller.bpf(command, attr)
        if result < 0 and result != -errno.ENOENT:
            self._fail(command, -result, subject or f"map {fd}")
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
        self._command(BpfCmd.MAP_UPDATE_BATCH, attr, subject or f"map {fd}")

    def map_delete_batch(self, fd: int, keys: bytes, count: int, *, subject: str = "") -> int:
        """BPF_MAP_DELETE_BATCH."""
        key_bytes = (ctypes.c_char * len(keys)).from_buffer_copy(keys)
        attr = bpf_attr_batch(keys=ctypes.addressof(key_bytes), count=count, map_fd=fd)
        result = self._caller.bpf(BpfCmd.MAP_DELETE_BATCH, attr)
        if result < 0 and result != -errno.ENOENT:
            self._fail(BpfCmd.MAP_DELETE_BATCH, -result, subject or f"map {fd}")
        return int(attr.count)

    def map_freeze(self, fd: int, *, subject: str = "") -> None:
        """BPF_MAP_FREEZE."""
        self._command(BpfCmd.MAP_FREEZE, bpf_attr_map_elem(fd), subject or f"map {fd}")


class ObjectCommands(BpfCalls):
    """Pins and ids."""

    def obj_pin(self, fd: int, path: str) -> None:
        """BPF_OBJ_PIN."""
        attr = bpf_attr_obj(path.encode(), fd)
        self._command(BpfCmd.OBJ_PIN, attr, f"'{path}'", _pin_hint)

    def obj_get(self, path: str, flags: int = 0) -> OwnedFd:
        """BPF_OBJ_GET."""
        attr = bpf_attr_obj(path.encode(), 0, flags)
        return OwnedFd(self._command(BpfCmd.OBJ_GET, attr, f"'{path}'"), f"object pinned at {path}")

    def next_id(self, kind: ObjectKind, after: int) -> int | None:
        """BPF_*_GET_NEXT_ID."""
        attr = bpf_attr_id(start_id=after)
        result = self._caller.bpf(_NEXT_ID[kind], attr)
        if result == -errno.ENOENT:
            return None
        if result < 0:
            self._fail(_NEXT_ID[kind], -result, f"{kind} ids after {after}")
        return int(attr.next_id)

    def open_id(self, kind: ObjectKind, id: int) -> OwnedFd:
        """BPF_*_GET_FD_BY_ID."""
        what = f"{kind} {id}"
        return OwnedFd(self._command(_OPEN_ID[kind], bpf_attr_id(start_id=id), what), what)


_pin_hint = "the path must be new, in an existing folder of a BPF file system (/sys/fs/bpf)"
