"""Bring a map into the kernel, or take the one that is pinned where it should be."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import mmap
from pathlib import Path

from ..errors import LoadError, SyscallError
from ..obj.spec import MapSpec
from ..obj.special import doubled, explain
from ..syscalls.fd import OwnedFd
from ..syscalls.requests import MapCreate
from ..system import System
from ..uapi.bpf import MapFlag, MapType
from .base import Map
from .raw import open_map

_RINGS = (MapType.RINGBUF, MapType.USER_RINGBUF)
_UNKNOWN_ATTRIBUTE = (errno.EINVAL, errno.E2BIG, 524)  # 524 is the kernel's own ENOTSUPP
_SHAPE = (*_UNKNOWN_ATTRIBUTE, errno.EEXIST, errno.EOPNOTSUPP)
"""What the kernel says to fields of a value that it does not want there."""


def create_map(spec: MapSpec, system: System, btf_fd: int = 0) -> Map:
    """Create the map that ``spec`` describes, or open its pin.

    Raises SyscallError, and LoadError when what is pinned is another kind of map.
    """
    twice = doubled(spec.special)
    if twice is not None:
        raise LoadError(
            f"the values of map '{spec.name}' hold more than one {twice.name}; "
            "keep one in each value, or use several maps"
        )
    if spec.pin_path:
        pinned = _open_pin(spec, system)
        if pinned is not None:
            return pinned
    spec = _sized(spec, system)
    inner = create_map(spec.inner, system, btf_fd) if spec.inner is not None else None
    try:
        fd = _create(spec, system, btf_fd, inner.fileno() if inner is not None else 0)
    finally:
        if inner is not None:
            inner.close()
    created = open_map(fd, spec, system)
    try:
        if spec.initial is not None and spec.type is not MapType.ARENA:
            created.update(bytes(4), spec.initial)
        if spec.frozen:
            created.freeze()
        if spec.pin_path:
            Path(spec.pin_path).parent.mkdir(parents=True, exist_ok=True)
            system.syscalls.obj_pin(created.fileno(), spec.pin_path)
    except BaseException:
        created.close()
        raise
    return created


def _sized(spec: MapSpec, system: System) -> MapSpec:
    """The size as the kernel takes it.

    Perf buffers without one get a slot for each CPU that can ever be there; ring buffers are as
    large as a power of two of pages.
    """
    if spec.type is MapType.PERF_EVENT_ARRAY and not spec.max_entries:
        return dataclasses.replace(spec, max_entries=system.facts.possible_cpus)
    if spec.type in _RINGS and spec.max_entries:
        size = max(mmap.PAGESIZE, 1 << (spec.max_entries - 1).bit_length())
        return dataclasses.replace(spec, max_entries=size)
    return spec


def _create(spec: MapSpec, system: System, btf_fd: int, inner_fd: int) -> OwnedFd:
    request = MapCreate(
        type=spec.type,
        key_size=spec.key_size,
        value_size=spec.value_size,
        max_entries=spec.max_entries,
        flags=spec.flags | (MapFlag.NUMA_NODE if spec.numa_node is not None else 0),
        name=kernel_name(spec.name),
        inner_map_fd=inner_fd,
        numa_node=spec.numa_node or 0,
        map_extra=spec.extra,
        btf_fd=btf_fd if spec.typed else 0,
        key_type_id=spec.key_type_id if spec.typed and btf_fd else 0,
        value_type_id=spec.value_type_id if spec.typed and btf_fd else 0,
    )
    return _create_somehow(request, system, spec)


def new_map(request: MapCreate, system: System) -> Map:
    """Create a map as ``request`` says, without a name where the kernel takes none."""
    wanted = MapSpec(
        request.name, MapType(request.type), request.key_size, request.value_size,
        request.max_entries, request.flags,
    )  # fmt: skip
    spec = _sized(wanted, system)
    sized = dataclasses.replace(request, max_entries=spec.max_entries)
    fd = _create_somehow(sized, system, spec)
    return open_map(fd, spec, system)


def _create_somehow(request: MapCreate, system: System, spec: MapSpec) -> OwnedFd:
    try:
        return _with_memory(request, system)
    except SyscallError as error:
        if spec.special and error.errno in _SHAPE:
            hint = explain(spec.special, spec.type)
            raise SyscallError(error.errno or 0, error.call, error.subject, hint) from None
        if error.errno not in _UNKNOWN_ATTRIBUTE:
            raise
        refused = error
    # Some map types take no types, and old kernels no types, or no names, or no dots in them. The
    # map itself is what counts; what was wrong with it the first refusal tells best.
    untyped = dataclasses.replace(request, btf_fd=0, key_type_id=0, value_type_id=0)
    for attempt in (untyped, dataclasses.replace(untyped, name="")):
        with contextlib.suppress(SyscallError):
            return _with_memory(attempt, system)
    raise refused


def _with_memory(request: MapCreate, system: System) -> OwnedFd:
    # Maps were counted against RLIMIT_MEMLOCK until Linux kernel commit 755e5d55367a ("bpf:
    # Eliminate rlimit-based memory accounting for hashtab maps") and its series (in v5.11).
    try:
        return system.syscalls.map_create(request)
    except SyscallError as error:
        if error.errno != errno.EPERM or not system.syscalls.raise_memlock_limit():
            raise
        return system.syscalls.map_create(request)


def _open_pin(spec: MapSpec, system: System) -> Map | None:
    try:
        fd = system.syscalls.obj_get(spec.pin_path)
    except SyscallError as error:
        if error.errno == errno.ENOENT:
            return None
        raise
    try:
        info = system.syscalls.map_info(fd.fileno())
    except BaseException:
        fd.close()
        raise
    if (info.type, info.key_size, info.value_size) != (spec.type, spec.key_size, spec.value_size):
        fd.close()
        raise LoadError(
            f"map '{spec.name}' is pinned at {spec.pin_path} as {MapType(info.type)} with keys of "
            f"{info.key_size} and values of {info.value_size} bytes; the program declares "
            f"{spec.type} with {spec.key_size} and {spec.value_size}; remove the pin or change it"
        )
    return open_map(fd, dataclasses.replace(spec, max_entries=info.max_entries), system)


def kernel_name(name: str) -> str:
    """A name as the kernel takes it: letters, digits, underscores and dots, at most 15."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "_.") else "_" for c in name)[:15]
