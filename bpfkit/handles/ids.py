"""Every program, map, link and BTF of the kernel, by id."""

from __future__ import annotations

import errno
from collections.abc import Iterator

from ..errors import SyscallError
from ..syscalls.fd import OwnedFd
from ..syscalls.requests import BtfInfo, LinkInfo, MapInfo, ObjectKind, ProgInfo
from ..system import System


def ids(system: System, kind: ObjectKind) -> Iterator[int]:
    """Give the ids of a kind of object, lowest first."""
    found = system.syscalls.next_id(kind, 0)
    while found is not None:
        yield found
        found = system.syscalls.next_id(kind, found)


def opened(system: System, kind: ObjectKind) -> Iterator[OwnedFd]:
    """Give a descriptor of each object; it is closed when the next one is asked for.

    Objects that go away meanwhile are left out. Raises SyscallError without CAP_SYS_ADMIN.
    """
    for id in ids(system, kind):
        try:
            fd = system.syscalls.open_id(kind, id)
        except SyscallError as error:
            if error.errno == errno.ENOENT:
                continue
            raise
        with fd:
            yield fd


def programs(system: System) -> Iterator[ProgInfo]:
    """Tell about every program."""
    return (system.syscalls.prog_info(fd.fileno()) for fd in opened(system, ObjectKind.PROG))


def maps(system: System) -> Iterator[MapInfo]:
    """Tell about every map."""
    return (system.syscalls.map_info(fd.fileno()) for fd in opened(system, ObjectKind.MAP))


def links(system: System) -> Iterator[LinkInfo]:
    """Tell about every link."""
    return (system.syscalls.link_info(fd.fileno()) for fd in opened(system, ObjectKind.LINK))


def btfs(system: System) -> Iterator[BtfInfo]:
    """Tell about all BTF, the bytes included."""
    return (system.syscalls.btf_info(fd.fileno()) for fd in opened(system, ObjectKind.BTF))


def open_module_btf(system: System, module: str) -> OwnedFd | None:
    """Open the BTF of a kernel module, None when there is none; the caller closes it."""
    for id in ids(system, ObjectKind.BTF):
        try:
            fd = system.syscalls.open_id(ObjectKind.BTF, id)
        except SyscallError as error:
            if error.errno == errno.ENOENT:
                continue
            raise
        found = system.syscalls.btf_name(fd.fileno())
        if found == module:
            return fd
        fd.close()
    return None
