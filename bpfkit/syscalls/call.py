"""syscall(2) through ctypes, with its errno and its retries."""

from __future__ import annotations

import ctypes
import errno
import platform
from typing import Any

from ..errors import NotSupportedError
from ..uapi.syscalls import SYSCALL_NUMBERS, SyscallNumbers

ENOTSUPP = 524
"""The kernel's own errno for "no such operation here", which no C library knows."""

_RETRIES = 5
_AGAIN = (errno.EAGAIN, errno.EINTR)


class Caller:
    """Enters the kernel. A result below zero is minus the errno."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._syscall = self._libc.syscall
        self._syscall.restype = ctypes.c_long
        self.numbers = numbers_of(platform.machine())
        self._bpf = self.numbers.bpf

    def bpf(self, command: int, attr: ctypes.Structure) -> int:
        """bpf(2)."""
        return self.enter(int(command), ctypes.byref(attr), ctypes.sizeof(attr))

    def enter(self, command: int, reference: Any, size: int) -> int:  # noqa: ANN401 - byref's own
        """bpf(2) with attributes that somebody keeps: ``reference`` is what byref() gave."""
        result: int = self._syscall(self._bpf, command, reference, size)
        return result if result >= 0 else self._enter_again(command, reference, size)

    def _enter_again(self, command: int, reference: Any, size: int) -> int:  # noqa: ANN401
        """What came of a call that failed, which is tried again where that may help."""
        for _ in range(_RETRIES - 1):
            code = ctypes.get_errno()
            # The verifier gives up with EAGAIN when a signal waits for this process.
            if code not in _AGAIN:
                return -code
            result: int = self._syscall(self._bpf, command, reference, size)
            if result >= 0:
                return result
        return -ctypes.get_errno()

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
