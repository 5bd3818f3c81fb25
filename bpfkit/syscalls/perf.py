"""perf_event_open(2) and its ioctls."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import platform

from ..errors import SyscallError
from ..uapi.perf_event import (
    PERF_EVENT_IOC_DISABLE,
    PERF_EVENT_IOC_ENABLE,
    PERF_EVENT_IOC_SET_BPF,
    PERF_FLAG_FD_CLOEXEC,
    perf_event_attr,
)
from .call import Caller
from .fd import OwnedFd
from .requests import PerfEvent


class PerfCommands:
    """perf events."""

    def __init__(self, caller: Caller) -> None:
        self._perf_caller = caller
        # On PowerPC the direction of an ioctl is encoded in another way, and "none" is not zero.
        ppc = platform.machine().startswith("ppc")
        self._enable = PERF_EVENT_IOC_ENABLE | (0x20000000 if ppc else 0)
        self._disable = PERF_EVENT_IOC_DISABLE | (0x20000000 if ppc else 0)
        self._set_bpf = (PERF_EVENT_IOC_SET_BPF & 0xFFFFFF) | (0x80000000 if ppc else 0x40000000)

    def perf_event_open(
        self,
        event: PerfEvent,
        pid: int = -1,
        cpu: int = -1,
        group_fd: int = -1,
        *,
        subject: str = "",
    ) -> OwnedFd:
        """Open an event."""
        attr = perf_event_attr(
            type=event.type,
            size=ctypes.sizeof(perf_event_attr),
            config=event.config,
            config1=event.config1,
            config2=event.config2,
            sample_period=event.sample_period,
            sample_type=event.sample_type,
            read_format=event.read_format,
            wakeup_events=event.wakeup_events,
            freq=event.freq,
            watermark=event.watermark,
            disabled=event.disabled,
            inherit=event.inherit,
            exclude_user=event.exclude_user,
            exclude_kernel=event.exclude_kernel,
            exclude_idle=event.exclude_idle,
            enable_on_exec=event.enable_on_exec,
        )
        path = ctypes.create_string_buffer(event.path.encode())
        if event.path:
            attr.config1 = ctypes.addressof(path)
        what = subject or f"perf event type {event.type} config {event.config:#x}"
        fd = self._perf_caller.perf_event_open(attr, pid, cpu, group_fd, PERF_FLAG_FD_CLOEXEC)
        if fd < 0:
            raise SyscallError(-fd, "perf_event_open", what, _hint(-fd))
        return OwnedFd(fd, what)

    def perf_event_set_bpf(self, event_fd: int, prog_fd: int) -> None:
        """Put a program on an event."""
        self._ioctl(event_fd, self._set_bpf, prog_fd, "PERF_EVENT_IOC_SET_BPF")

    def perf_event_enable(self, event_fd: int) -> None:
        """Let it count."""
        self._ioctl(event_fd, self._enable, 0, "PERF_EVENT_IOC_ENABLE")

    def perf_event_disable(self, event_fd: int) -> None:
        """Stop it."""
        self._ioctl(event_fd, self._disable, 0, "PERF_EVENT_IOC_DISABLE")

    def _ioctl(self, fd: int, number: int, argument: int, name: str) -> None:
        try:
            fcntl.ioctl(fd, number, argument)
        except OSError as error:
            code = error.errno or 0
            raise SyscallError(code, name, f"perf event {fd}", _hint(code)) from error


def _hint(code: int) -> str:
    if code in (errno.EPERM, errno.EACCES):
        return (
            "run as root or grant CAP_PERFMON; /proc/sys/kernel/perf_event_paranoid may forbid it"
        )
    if code == errno.EMFILE:
        return "too many open files: raise the limit (ulimit -n)"
    if code in (errno.ENOENT, errno.EOPNOTSUPP):
        return "this machine has no such event; virtual machines often lack hardware counters"
    return ""
