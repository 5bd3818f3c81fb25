"""A structure of operations in the kernel's layout, and the map that registers it.

The object's idea of the structure and the kernel's are joined by the names of members, so that one
object serves every kernel that has the members it sets. Source: kernel/bpf/bpf_struct_ops.c (v5.6);
a map of such a structure has one element, whose value is struct bpf_struct_ops_NAME.
"""

from __future__ import annotations

import contextlib
import errno
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..btf.layout import member_bits, size_of
from ..btf.types import Btf, Member, Struct
from ..errors import LoadError, SyscallError
from ..handles.ids import open_module_btf
from ..obj.spec import StructOpsSpec
from ..syscalls.api import SupportsFileno, Syscalls
from ..syscalls.bpf import kernel_name
from ..syscalls.fd import OwnedFd
from ..syscalls.requests import MapCreate
from ..system import System
from ..uapi.bpf import MapFlag, MapType
from ..uapi.btf import BtfKind

KEY = bytes(4)
_PREFIX = "bpf_struct_ops_"
_POINTER = 8


@dataclass(frozen=True, slots=True)
class KernelStruct:
    """A structure of operations as the kernel has it. Sizes and offsets in bytes."""

    name: str
    types: Btf
    type_id: int
    value_type_id: int
    value_size: int
    data_offset: int
    module: str = ""

    @property
    def members(self) -> tuple[Member, ...]:
        """Its members, in the order by which programs name them."""
        found = self.types.type(self.type_id)
        assert isinstance(found, Struct)
        return found.members

    def index(self, member: str) -> int | None:
        """The number of a member, None when this kernel does not have it."""
        return next((i for i, m in enumerate(self.members) if m.name == member), None)


def find_struct(system: System, spec: StructOpsSpec, local: Btf) -> KernelStruct:
    """Find the kernel's structure of the same name. Raises LoadError when it has none."""
    # A name may end in ___flavour to tell several declarations of one structure apart.
    name = local.name(spec.type_id).partition("___")[0]
    for module, types in _types(system):
        for value_id in types.by_name(_PREFIX + name, (BtfKind.STRUCT,)):
            value = types.type(value_id)
            assert isinstance(value, Struct)
            data = next((m for m in value.members if m.name == "data"), None)
            if data is not None:
                type_id = types.resolve(data.type_id)[0]
                place = data.bit_offset // 8
                return KernelStruct(name, types, type_id, value_id, value.size, place, module)
    raise LoadError(
        f"'{spec.name}' implements struct {name}, which this kernel and its modules do not let"
        f" programs implement; those they do: {', '.join(_known(system)) or 'none'}"
    )


def operation_of(spec: StructOpsSpec, local: Btf, program: str, kernel: KernelStruct) -> int:
    """The number of the kernel's member that ``program`` implements. Raises LoadError."""
    offset = spec.operation(program)
    member = next((m for m in _members(local, spec) if m.bit_offset == 8 * (offset or 0)), None)
    index = kernel.index(member.name) if member is not None and offset is not None else None
    if member is None or index is None:
        what = f"'{member.name}'" if member is not None else f"at offset {offset}"
        raise LoadError(
            f"program '{program}' implements operation {what} of struct {kernel.name}, which this"
            " kernel does not have"
        )
    return index


def kernel_value(
    spec: StructOpsSpec, local: Btf, kernel: KernelStruct, programs: Mapping[str, SupportsFileno]
) -> bytes:
    """The element to write: what the object set, in the kernel's layout, and descriptors."""
    value = bytearray(kernel.value_size)
    named = {m.name: m for m in kernel.members}
    operations = dict(spec.programs)
    for member in _members(local, spec):
        offset, bits = member_bits(local, member)
        start, size = offset // 8, _bytes(local, member)
        content = spec.data[start : start + size]
        if start in operations:
            fd = programs[operations[start]].fileno()
            content = fd.to_bytes(_POINTER, sys.byteorder)
        elif not any(content):
            continue
        target = named.get(member.name)
        if target is None:
            raise LoadError(
                f"'{spec.name}' sets '{member.name}', which struct {kernel.name} of this kernel"
                " does not have"
            )
        if bits or member_bits(kernel.types, target)[1]:
            raise LoadError(f"'{spec.name}' sets '{member.name}', which is a bit-field")
        if _bytes(kernel.types, target) != size:
            raise LoadError(
                f"'{member.name}' of struct {kernel.name} has {_bytes(kernel.types, target)} bytes"
                f" in this kernel, not {size}"
            )
        place = kernel.data_offset + target.bit_offset // 8
        value[place : place + size] = content
    return bytes(value)


@dataclass(frozen=True, slots=True)
class StructOpsMap:
    """A filled map. Without ``link`` the structure is registered already."""

    name: str
    fd: OwnedFd
    link: bool

    def fileno(self) -> int:
        """The descriptor."""
        return self.fd.fileno()

    def close(self) -> None:
        """Close the descriptor. What is registered stays."""
        self.fd.close()


def make_map(
    system: System,
    spec: StructOpsSpec,
    local: Btf,
    kernel: KernelStruct,
    programs: Mapping[str, SupportsFileno],
    btf_fd: int,
) -> StructOpsMap:
    """Create the map and fill it; the caller closes it. ``btf_fd`` is the object's own BTF.

    A structure that wants no link is registered by that. Raises LoadError and SyscallError.
    """
    value = kernel_value(spec, local, kernel, programs)
    request = MapCreate(
        type=MapType.STRUCT_OPS,
        key_size=len(KEY),
        value_size=kernel.value_size,
        max_entries=1,
        flags=MapFlag.LINK if spec.link else 0,
        name=kernel_name(spec.name).decode(),
        btf_fd=btf_fd,
        vmlinux_value_type_id=kernel.value_type_id,
    )
    with contextlib.ExitStack() as stack:
        if kernel.module:
            types = open_module_btf(system, kernel.module)
            if types is None:
                raise LoadError(f"the module '{kernel.module}' is not loaded any more")
            stack.enter_context(types)
            flags = request.flags | MapFlag.VTYPE_BTF_OBJ_FD
            request = replace(request, flags=flags, value_type_btf_fd=types.fileno())
        fd, linked = _create(system.syscalls, request)
    try:
        system.syscalls.map_update(fd.fileno(), KEY, value, subject=f"struct_ops '{spec.name}'")
    except BaseException:
        fd.close()
        raise
    return StructOpsMap(spec.name, fd, linked)


def _create(calls: Syscalls, request: MapCreate) -> tuple[OwnedFd, bool]:
    """Create a map for a link, else one that registers by itself: links came with Linux 6.4."""
    wanted = bool(request.flags & MapFlag.LINK)
    try:
        return calls.map_create(request), wanted
    except SyscallError as error:
        if not wanted or error.errno != errno.EINVAL:
            raise
    return calls.map_create(replace(request, flags=request.flags & ~MapFlag.LINK)), False


def _members(local: Btf, spec: StructOpsSpec) -> tuple[Member, ...]:
    found = local.type(spec.type_id)
    assert isinstance(found, Struct)
    return found.members


def _bytes(types: Btf, member: Member) -> int:
    return size_of(types, member.type_id)


def _types(system: System) -> list[tuple[str, Btf]]:
    facts = system.facts
    modules = [(name, facts.module_btf(name)) for name in facts.modules_with_btf()]
    return [("", facts.btf), *((name, types) for name, types in modules if types is not None)]


def _known(system: System) -> list[str]:
    names = (
        types.name(type_id)
        for _, types in _types(system)
        for type_id in types.own_ids()
        if types.kind(type_id) is BtfKind.STRUCT
    )
    found = {name.removeprefix(_PREFIX) for name in names if name.startswith(_PREFIX)}
    return sorted(found - {"common_value", "desc", "value", "map", "link", "arg_info"})
