"""The memory of arenas: mapped when the object is loaded, with the first values of its globals.

Programs that use an arena are verified for the address at which it lies in this process, so it is
mapped before any of them is loaded, and stays as long as the object. Pages come into being when
somebody touches them here or a program asks for them; what a program has freed is gone for both.
"""

from __future__ import annotations

import errno
import mmap

from ..errors import SyscallError
from ..obj.spec import MapSpec
from ..syscalls.api import MappedMemory
from ..system import System
from .base import Map


def map_arena(arena: Map, declared: MapSpec, system: System, *, fresh: bool = True) -> MappedMemory:
    """Map all of an arena, writable, where ``map_extra`` says.

    A ``fresh`` one gets the first values of its globals; one that was pinned keeps what it holds.
    Raises SyscallError: EEXIST when something else lies at that address, EINVAL when the arena lies
    at another one for good.
    """
    try:
        memory = system.syscalls.mmap(
            arena.fileno(),
            declared.max_entries * mmap.PAGESIZE,
            arena.subject,
            writable=True,
            address=declared.extra,
        )
    except SyscallError as error:
        if fresh or error.errno != errno.EINVAL:
            raise
        hint = "a pinned arena stays at the address where it was mapped first: give it a map_extra"
        raise SyscallError(errno.EINVAL, error.call, error.subject, hint) from None
    if fresh:
        content = declared.initial or b""
        start = declared.initial_offset
        memory.view[start : start + len(content)] = content
    return memory
