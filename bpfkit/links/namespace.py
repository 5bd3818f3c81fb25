"""The network namespace something was attached in, for undoing it there.

A thread may move to another namespace meanwhile, where device 3 is another device. An open
`Namespace` keeps its namespace.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..errors import SyscallError
from ..syscalls.fd import OwnedFd

if TYPE_CHECKING:
    from ..system import System

_OWN = "/proc/thread-self/ns/net"


class Namespace:
    """The network namespace of the calling thread at this moment; close it when done."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._fd = _open(_OWN)
        self.number = os.fstat(self._fd.fileno()).st_ino
        """Which one it is."""

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Be in it. Raises SyscallError when that is not permitted."""
        with _open(_OWN) as here:
            if os.fstat(here.fileno()).st_ino == self.number:
                yield
                return
            self._system.syscalls.enter_namespace(self._fd.fileno())
            try:
                yield
            finally:
                self._system.syscalls.enter_namespace(here.fileno())

    def close(self) -> None:
        """Let it go. Calling it twice is harmless."""
        self._fd.close()


def _open(path: str) -> OwnedFd:
    try:
        return OwnedFd(os.open(path, os.O_RDONLY | os.O_CLOEXEC), "network namespace")
    except OSError as error:
        raise SyscallError(error.errno or 0, "open", path) from error
