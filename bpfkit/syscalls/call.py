"""syscall(2) through ctypes, with its errno and its retries."""

from __future__ import annotations

import ctypes
import errno
import platform

from ..errors import NotSupportedError
from ..uapi.syscalls import SYSCALL_NUMBERS, SyscallNumbers

ENOTSUPP = 524
"""The kernel's own errno for "no such operation here", which no C library knows."""

_RETRIES = 5


class Caller:
    """Enters the kernel. A result below zero is minus the errno."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._syscall = self._libc.syscall
        self._syscall.restype = ctypes.c_long
        self.numbers = numbers_of(platform.machine())

    def bpf(self, command: int, attr: ctypes.Structure) -> int:
        """bpf(2)."""
        size = ctypes.sizeof(attr)
        for _ in range(_RETRIES):
            result = self._syscall(self.numbers.bpf, int(command), ctypes.byref(attr), size)
            if result >= 0:
                return int(result)
            code = ctypes.get_errno()
            # The verifier gives up with EAGAIN when a signal waits for this process.
            if code not in (errno.EAGAIN, errno.EINTR):
                return -code
        return -code

    def perf_event_open(
        self, attr: ctypes.Structure, pid: int, cpu: int, group_fd: int, flags: int
    ) -> int:
        """perf_event_open(2)."""
        result = self._syscall(
            self.numbers.perf_event_open, ctypes.byref(attr), pid, cpu, group_fd,
            ctypes.c_ulong(flags),
        )  # fmt: skip
        return int(result) if result >= 0 else -ctypes.get_errno()


def numbers_of(machine: str) -> SyscallNumbers:
    """Return the numbers of a machine. Raises NotSupportedError when it is unknown here."""
    try:
        return SYSCALL_NUMBERS[machine]
    except KeyError:
        raise NotSupportedError(
            f"machine '{machine}'", hint=f"known are {', '.join(SYSCALL_NUMBERS)}"
        ) from None
