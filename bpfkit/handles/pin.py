"""Pins: names in a BPF file system that keep maps, programs and links alive."""

from __future__ import annotations

import errno
from pathlib import Path

from ..errors import SyscallError
from ..syscalls.api import SupportsFileno
from ..syscalls.fd import OwnedFd
from ..system import System


def pin(system: System, what: SupportsFileno, path: str) -> None:
    """Give an object a name; folders on the way are made.

    Raises SyscallError: EEXIST when the name is taken, EPERM when it is not in a BPF file system.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    system.syscalls.obj_pin(what.fileno(), path)


def open_pin(system: System, path: str) -> OwnedFd | None:
    """Open what has a name, None when nothing has; the caller closes it."""
    try:
        return system.syscalls.obj_get(path)
    except SyscallError as error:
        if error.errno == errno.ENOENT:
            return None
        raise


def unpin(path: str) -> bool:
    """Take a name away; False when there was none. The object lives on while it is used."""
    try:
        Path(path).unlink()
    except FileNotFoundError:
        return False
    return True
