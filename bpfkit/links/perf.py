"""What kprobes, uprobes and tracepoints share: a perf event, and a program on it.

A bpf_link is preferred: it can be pinned and replaced, and it keeps the attachment apart from the
event. It came to perf events with Linux kernel commit b89fbfbb854c ("bpf: Implement minimal BPF
perf link") (in v5.15). Without it, the program is set on the event itself.

One event is enough for all CPUs: the program hangs on the probe, not on the event.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..errors import SyscallError
from ..syscalls.fd import OwnedFd
from ..syscalls.requests import PerfEvent
from ..uapi.bpf import AttachType
from ..uapi.perf_event import PerfType, SampleFormat
from .base import Attachable, Link, Method, tear_down

if TYPE_CHECKING:
    from ..system import System

# Kernels before 5.15 know no perf events in BPF_LINK_CREATE, those before 5.7 no such command.
_NO_PERF_LINK = frozenset({errno.EINVAL, errno.EBADF, errno.EOPNOTSUPP})


def open_tracepoint_event(system: System, number: int, subject: str, pid: int = -1) -> OwnedFd:
    """Open the perf event of a tracefs event, ``number`` being its id. Raises SyscallError."""
    event = PerfEvent(
        type=PerfType.TRACEPOINT,
        config=number,
        sample_type=SampleFormat.RAW,
        sample_period=1,
        wakeup_events=1,
        disabled=True,
    )
    return open_everywhere(system, event, subject, pid)


def open_everywhere(system: System, event: PerfEvent, subject: str, pid: int = -1) -> OwnedFd:
    """Open an event for one process, or on one CPU that stands for all. Raises SyscallError."""
    if pid >= 0:
        return system.syscalls.perf_event_open(event, pid, -1, subject=subject)
    cpu = system.facts.online_cpu_list[0]
    return system.syscalls.perf_event_open(event, -1, cpu, subject=subject)


def attach_to_event(
    system: System,
    program: Attachable,
    event: OwnedFd,
    *,
    hook: str,
    target: str,
    undo: Callable[[], None] | None = None,
) -> Link:
    """Put a program on a perf event and let the event run. ``event`` and ``undo`` are taken over.

    Raises SyscallError when neither way works; the event is closed and ``undo`` called then.
    """
    fds: list[OwnedFd] = [event]
    try:
        method = _connect(system, program, event, fds)
    except BaseException:
        tear_down(fds, undo)
        raise
    return Link(hook=hook, program=program.name, target=target, method=method, fds=fds, undo=undo)


def _connect(system: System, program: Attachable, event: OwnedFd, fds: list[OwnedFd]) -> Method:
    try:
        link = system.syscalls.link_create(program.fileno(), event.fileno(), AttachType.PERF_EVENT)
    except SyscallError as error:
        if error.errno not in _NO_PERF_LINK:
            raise
        system.syscalls.perf_event_set_bpf(event.fileno(), program.fileno())
        method = Method.PERF
    else:
        # The link goes first: it must not outlive its event.
        fds.insert(0, link)
        method = Method.LINK
    system.syscalls.perf_event_enable(event.fileno())
    return method
