"""The commands of bpf(2) on maps, ids and pins. Elements of maps, programs and links are in files
of their own.

Names come from the kernel's commands; what each takes and gives is told in ``api.py``.
"""

from __future__ import annotations

import errno

from ..uapi.attr import bpf_attr_id, bpf_attr_map_create, bpf_attr_map_elem, bpf_attr_obj
from ..uapi.bpf import BPF_OBJ_NAME_LEN, BpfCmd, MapFlag
from .command import BpfCalls
from .elements import ElementCommands
from .fd import OwnedFd
from .hints import hint_for_freeze, hint_for_map
from .requests import MapCreate, ObjectKind

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


def kernel_name(name: str) -> bytes:
    """Cut a name to what the kernel takes: 15 bytes of letters, digits, ``_`` and ``.``."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "_.") else "_" for c in name)
    return plain.encode()[: BPF_OBJ_NAME_LEN - 1]


class MapCommands(ElementCommands):
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
            value_type_btf_obj_fd=request.value_type_btf_fd,
            map_token_fd=request.token_fd,
        )
        if self._token is not None and not request.token_fd:
            attr.map_token_fd = self._token.fileno()
            attr.map_flags |= MapFlag.TOKEN_FD
        what = f"map '{request.name}'"
        fd = self._caller.bpf(BpfCmd.MAP_CREATE, attr)
        if fd < 0:
            self._fail(BpfCmd.MAP_CREATE, -fd, what, hint_for_map(request, -fd))
        return OwnedFd(fd, what)

    def map_freeze(self, fd: int, *, subject: str = "") -> None:
        """BPF_MAP_FREEZE."""
        result = self._caller.bpf(BpfCmd.MAP_FREEZE, bpf_attr_map_elem(fd))
        if result < 0:
            self._fail(BpfCmd.MAP_FREEZE, -result, subject or f"map {fd}", hint_for_freeze(-result))


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

    def open_id(self, kind: ObjectKind, id: int, flags: int = 0) -> OwnedFd:
        """BPF_*_GET_FD_BY_ID."""
        what = f"{kind} {id}"
        attr = bpf_attr_id(start_id=id, open_flags=flags)
        return OwnedFd(self._command(_OPEN_ID[kind], attr, what), what)


_pin_hint = "the path must be new, in an existing folder of a BPF file system (/sys/fs/bpf)"
