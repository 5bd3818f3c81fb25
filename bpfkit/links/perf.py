"""What kprobes, uprobes and tracepoints share: a perf event, and a program on it.

A bpf_link is preferred: it can be pinned and replaced, and it keeps the attachment apart from the
event. It came to perf events with Linux kernel commit b89fbfbb854c ("bpf: Implement minimal BPF
perf link") (in v5.15). Without it, the program is set on the event itself.

One event is enough for all CPUs: the program hangs on the probe, not on the event.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..errors import AttachError, SyscallError
from ..syscalls.fd import OwnedFd
from ..syscalls.requests import PerfEvent, PerfEventLink
from ..uapi.bpf import AttachType
from ..uapi.perf_event import PerfType, SampleFormat
from .base import Attachable, Closable, Link, Method, tear_down
from .bpf_link import BpfLink

if TYPE_CHECKING:
    from ..system import System

# Kernels before 5.15 know no perf events in BPF_LINK_CREATE, those before 5.7 no such command.
_NO_PERF_LINK = frozenset({errno.EINVAL, errno.EBADF, errno.EOPNOTSUPP})


class PerfLink(BpfLink):
    """A bpf_link and the perf event under it, or several of both that are one attachment."""

    def __init__(
        self,
        system: System,
        fds: Sequence[Closable],
        *,
        hook: str,
        program: str,
        target: str,
        links: int = 1,
        undo: Callable[[], None] | None = None,
    ) -> None:
        """Take over ``fds``, of which the first ``links`` are bpf_links, and ``undo``."""
        Link.__init__(
            self,
            hook=hook,
            program=program,
            target=target,
            method=Method.LINK,
            fds=fds,
            undo=undo,
        )
        self._system = system
        self._first = links


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
    cookie: int = 0,
) -> Link:
    """Put a program on a perf event and let the event run. ``event`` and ``undo`` are taken over.

    Raises SyscallError when neither way works, and AttachError when there are no cookies; the event
    is closed and ``undo`` called then.
    """
    return attach_to_events(
        system, program, [event], hook=hook, target=target, undo=undo, cookies=[cookie]
    )


def attach_to_events(
    system: System,
    program: Attachable,
    events: Sequence[OwnedFd],
    *,
    hook: str,
    target: str,
    undo: Callable[[], None] | None = None,
    cookies: Sequence[int] = (),
) -> Link:
    """Put a program on each of several events: one attachment. See `attach_to_event`."""
    links: list[OwnedFd] = []
    try:
        if any(cookies) and not system.features.has("helper/bpf_get_attach_cookie"):
            raise AttachError(
                program.name,
                target,
                "this kernel has no attach cookies",
                "they came with Linux 5.15: attach without one",
            )
        for event, cookie in zip(events, cookies or [0] * len(events), strict=True):
            links += _connect(system, program, event, cookie)
    except BaseException:
        tear_down((*links, *events), undo)
        raise
    if not links:
        return Link(
            hook=hook,
            program=program.name,
            target=target,
            method=Method.PERF,
            fds=events,
            undo=undo,
        )
    # The links go first: one must not outlive its event, and they end the calls at once.
    fds = (*links, *events)
    return PerfLink(
        system,
        fds,
        hook=hook,
        program=program.name,
        target=target,
        links=len(links),
        undo=undo,
    )


def _connect(
    system: System, program: Attachable, event: OwnedFd, cookie: int
) -> tuple[OwnedFd, ...]:
    """Connect the two and enable the event; return the link, if this kernel makes one."""
    links: tuple[OwnedFd, ...] = ()
    options = PerfEventLink(cookie) if cookie else None
    try:
        links = (
            system.syscalls.link_create(
                program.fileno(), event.fileno(), AttachType.PERF_EVENT, options=options
            ),
        )
    except SyscallError as error:
        if error.errno not in _NO_PERF_LINK or cookie:
            raise
        system.syscalls.perf_event_set_bpf(event.fileno(), program.fileno())
    try:
        system.syscalls.perf_event_enable(event.fileno())
    except BaseException:
        for link in links:
            link.close()
        raise
    return links
