"""Structures of functions for the kernel to call: BPF_MAP_TYPE_STRUCT_OPS (v5.6).

    ops = StructOps.create("tcp_congestion_ops", {"name": b"mine", "ssthresh": program, …})
    ops.register()      # until `unregister`
    with ops.attach():  # or, made with LINK (v6.4), as long as the link is open
        …

The functions are programs of type STRUCT_OPS, loaded for the members they are put into.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Self, Unpack

from ..btf.layout import size_of
from ..btf.types import Btf, FuncProto, Member, Ptr, Struct
from ..codec.codec import codec_of
from ..errors import EncodeError, NotSupportedError, SyscallError
from ..syscalls.api import SupportsFileno
from ..syscalls.fd import OwnedFd
from ..uapi.bpf import AttachType, MapFlag, MapType
from ..uapi.btf import BtfKind
from .slots import fd_of
from .typed import Options, TypedMap, system_of
from .types import told_types

_KEY = bytes(4)
_POINTER = struct.Struct("=Q")
_COMMON = struct.Struct("=iI")  # struct bpf_struct_ops_common_value: refcnt, state


class StructOpsState(IntEnum):
    """enum bpf_struct_ops_state."""

    INIT = 0  # BPF_STRUCT_OPS_STATE_INIT, v5.6
    INUSE = 1  # BPF_STRUCT_OPS_STATE_INUSE, v5.6
    TOBEFREE = 2  # BPF_STRUCT_OPS_STATE_TOBEFREE, v5.6
    READY = 3  # BPF_STRUCT_OPS_STATE_READY, v6.4


@dataclass(frozen=True, slots=True)
class StructOpsType:
    """A structure of the kernel that can be filled with programs.

    ``value_id`` is the kernel's type of the whole value, in which the structure begins at
    ``offset`` bytes. ``type_id`` is the structure's, which its programs are loaded for: each with
    the number of its member as the attach type.
    """

    name: str
    type_id: int
    value_id: int
    size: int
    offset: int
    members: tuple[Member, ...]

    def index(self, member: str) -> int:
        """The number of a member. Raises KeyError when there is none of that name."""
        for index, found in enumerate(self.members):
            if found.name == member:
                return index
        raise KeyError(f"struct {self.name} has no member '{member}'")


def struct_ops_type(btf: Btf, name: str) -> StructOpsType:
    """Find a structure. Raises NotSupportedError when the kernel does not take it from programs."""
    values = btf.by_name(f"bpf_struct_ops_{name}", {BtfKind.STRUCT})
    structs = btf.by_name(name, {BtfKind.STRUCT})
    if not values or not structs:
        raise NotSupportedError(f"struct_ops of struct {name}")
    value, record = btf.type(values[0]), btf.type(structs[0])
    assert isinstance(value, Struct)
    assert isinstance(record, Struct)
    data = next(m for m in value.members if m.name == "data")
    return StructOpsType(
        name, structs[0], values[0], value.size, data.bit_offset // 8, record.members
    )


class StructOps(TypedMap):
    """One structure, filled with programs."""

    default: ClassVar[MapType] = MapType.STRUCT_OPS

    @classmethod
    def create(
        cls, struct_name: str, members: Mapping[str, object], **options: Unpack[Options]
    ) -> Self:
        """Fill struct ``struct_name`` of the kernel: its functions with programs, others by value.

        With MapFlag.LINK it is registered by `attach`. Raises NotSupportedError when the kernel
        does not take that structure, EncodeError for a member that does not fit.
        """
        system = system_of(options)
        btf = system.facts.btf
        found = struct_ops_type(btf, struct_name)
        content = cls._filled(btf, found, members)
        options.setdefault("name", struct_name)
        # The kernel wants BTF of the program's, whatever is in it.
        with told_types(system, None, "u32", needed=True) as types:
            request = {"btf_fd": types["btf_fd"], "vmlinux_value_type_id": found.value_id}
            made = cls._make(4, found.size, 1, options, request=request)
        made._content = content
        return made

    _content: bytes | None = None

    @staticmethod
    def _filled(btf: Btf, found: StructOpsType, members: Mapping[str, object]) -> bytes:
        data = bytearray(found.size)
        for name, value in members.items():
            try:
                member = found.members[found.index(name)]
            except KeyError as error:
                raise EncodeError(value, str(error.args[0]), name) from None
            at = found.offset + member.bit_offset // 8
            pointer = btf.resolve(member.type_id)[1]
            if isinstance(pointer, Ptr) and isinstance(btf.resolve(pointer.type_id)[1], FuncProto):
                if not isinstance(value, int) and not hasattr(value, "fileno"):
                    raise EncodeError(value, "a program", name)
                program: SupportsFileno | int = value
                _POINTER.pack_into(data, at, fd_of(program))
                continue
            size = size_of(btf, member.type_id)
            data[at : at + size] = codec_of(btf, member.type_id).encode(value)
        return bytes(data)

    def register(self) -> None:
        """Give the structure to the kernel, which calls its functions from now on.

        Of a map made with LINK it is only made ready for `attach`. Raises SyscallError: EINVAL when
        a function that the kernel needs is missing, EEXIST when its name is taken, EBUSY when it
        was registered before.
        """
        if self._content is None:
            raise ValueError(f"{self.raw.subject} was opened, not created: others fill it")
        self.raw.update(_KEY, self._content)

    def unregister(self) -> None:
        """Take the structure back. Who uses it goes on until done, and only then it may be closed.

        Raises SyscallError: EOPNOTSUPP for a map made with LINK, whose link decides.
        """
        if not self.raw.delete(_KEY):
            raise SyscallError(errno.ENOENT, "BPF_MAP_DELETE_ELEM", self.raw.subject)

    def attach(self) -> OwnedFd:
        """Register it for as long as the link is open (v6.4); made with LINK. Closing unregisters.

        Raises SyscallError as `register` does.
        """
        if not self.raw.flags & MapFlag.LINK:
            raise ValueError(f"{self.raw.subject} was made without MapFlag.LINK: use register()")
        if self.state is StructOpsState.INIT:
            self.register()
        return self._system.syscalls.link_create(self.fileno(), 0, AttachType.STRUCT_OPS)

    @property
    def state(self) -> StructOpsState:
        """What has become of it."""
        found = self.raw.lookup(_KEY) or bytes(_COMMON.size)
        # Since v6.9 the count is a refcount_t, as wide.
        return StructOpsState(_COMMON.unpack_from(found)[1])
