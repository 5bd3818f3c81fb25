"""Programs that are in the kernel already: by id, by pin, by descriptor.

What comes out is a `Program` like one that was loaded here, except that its log is not known.
"""

from __future__ import annotations

import os

from ..syscalls.fd import OwnedFd
from ..syscalls.requests import ObjectKind
from ..system import System
from ..uapi.bpf import ProgType
from .program import Program


def open_program_id(system: System, id: int) -> Program:
    """Open a program by its id; the caller closes it.

    Raises SyscallError: ENOENT when there is none, EPERM without CAP_SYS_ADMIN.
    """
    return program_of(system, system.syscalls.open_id(ObjectKind.PROG, id))


def open_program_pin(system: System, path: str | os.PathLike[str]) -> Program:
    """Open a pinned program; the caller closes it.

    Raises SyscallError: ENOENT when nothing is pinned there, EINVAL when it is something else.
    """
    return program_of(system, system.syscalls.obj_get(os.fspath(path)))


def program_of(system: System, fd: OwnedFd) -> Program:
    """Take over a descriptor of a program. Raises SyscallError when it is of something else."""
    try:
        info = system.syscalls.prog_info(fd.fileno())
        return Program(fd, info.name or f"id {info.id}", ProgType(info.type), system)
    except BaseException:
        fd.close()
        raise
