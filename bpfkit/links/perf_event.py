"""Programs on perf events: called each time a counter has counted a period, hardware or software.

A counter belongs to one CPU, so an event everywhere is one for each CPU that is online. They came
with Linux kernel commit 0515e5999a46 ("bpf: introduce BPF_PROG_TYPE_PERF_EVENT program type") (in
v4.9).
"""

from __future__ import annotations

import contextlib
import errno
from typing import TYPE_CHECKING

from ..errors import AttachError, SyscallError
from ..syscalls.requests import PerfEvent
from ..uapi.perf_event import PerfHw, PerfSw, PerfType
from .base import Attachable, Link
from .explain import Explanation
from .perf import attach_to_events

if TYPE_CHECKING:
    from ..system import System

_NAMES = {PerfType.HARDWARE: PerfHw, PerfType.SOFTWARE: PerfSw}


def attach_perf_event(
    system: System,
    program: Attachable,
    type: int,
    config: int,
    *,
    period: int = 0,
    frequency: int = 0,
    pid: int = -1,
    cpu: int = -1,
    group_fd: int = -1,
    inherit: bool = False,
    exclude_user: bool = False,
    exclude_kernel: bool = False,
    cookie: int = 0,
) -> Link:
    """Call ``program`` each time a counter has counted ``period``, or ``frequency`` times a second.

    ``type`` and ``config`` are a PerfType and one of its events. Of process ``pid``, with what it
    starts from now on if ``inherit``; on one CPU, else on each that is online.

    Raises AttachError that says why, and what to try.
    """
    target = f"perf event {event_name(type, config)}"
    if bool(period) == bool(frequency):
        raise AttachError(
            program.name, target, "it takes a period or a frequency, one of the two", ""
        )
    event = PerfEvent(
        type=type,
        config=config,
        sample_period=period or frequency,
        freq=bool(frequency),
        inherit=inherit,
        exclude_user=exclude_user,
        exclude_kernel=exclude_kernel,
        disabled=group_fd < 0,
    )
    return attach_counter(
        system, program, event, target, pid=pid, cpu=cpu, group_fd=group_fd, cookie=cookie
    )


def attach_counter(
    system: System,
    program: Attachable,
    event: PerfEvent,
    target: str,
    *,
    pid: int = -1,
    cpu: int = -1,
    group_fd: int = -1,
    every_cpu: bool = False,
    cookie: int = 0,
) -> Link:
    """Attach to an event that is described in full. ``every_cpu``: one for each, also of a process.

    Raises AttachError.
    """
    if cpu >= 0:
        cpus: tuple[int, ...] = (cpu,)
    else:
        cpus = (-1,) if pid >= 0 and not every_cpu else system.facts.online_cpu_list
    try:
        with contextlib.ExitStack() as undo:
            events = []
            for number in cpus:
                fd = system.syscalls.perf_event_open(event, pid, number, group_fd, subject=target)
                undo.callback(fd.close)
                events.append(fd)
            undo.pop_all()
        return attach_to_events(
            system,
            program,
            events,
            hook="perf_event",
            target=target,
            cookies=[cookie] * len(events),
        )
    except SyscallError as error:
        why = _explain(system, error, program, event, pid)
        raise AttachError(program.name, target, why.reason, why.hint) from error


def event_name(type: int, config: int) -> str:
    """The kernel's name of an event, or its numbers: "PERF_COUNT_SW_CPU_CLOCK", "raw 0x1c2"."""
    try:
        kind = PerfType(type)
    except ValueError:
        return f"{config:#x} of source {type}"
    names = _NAMES.get(kind)
    if names is not None and config in names._value2member_map_:
        return str(names(config))
    return f"{kind} {config:#x}"


def _explain(
    system: System, error: SyscallError, program: Attachable, event: PerfEvent, pid: int
) -> Explanation:
    name = errno.errorcode.get(error.errno or 0, str(error.errno))
    match error.errno:
        case errno.ENOENT | errno.EOPNOTSUPP | errno.ENODEV:
            return Explanation(
                f"{name}: this machine does not have the event",
                "virtual machines often lack hardware counters; PERF_COUNT_SW_CPU_CLOCK is"
                " everywhere",
            )
        case errno.ESRCH:
            return Explanation(f"{name}: there is no process {pid}", "it may have ended")
        case errno.EPERM | errno.EACCES:
            return Explanation(
                f"{name}: not permitted",
                "run as root, or with CAP_BPF and CAP_PERFMON;"
                " /proc/sys/kernel/perf_event_paranoid may forbid it",
            )
        case errno.EINVAL if event.freq:
            limit = _maximum_rate(system)
            return Explanation(
                f"{name}: the kernel refused the event, its frequency or the program"
                f" ({program.type})",
                f"at most {limit} times a second (/proc/sys/kernel/perf_event_max_sample_rate)"
                if limit
                else "",
            )
        case errno.EINVAL:
            return Explanation(
                f"{name}: the kernel refused the event, its period or the program ({program.type})"
            )
    return Explanation(str(error))


def _maximum_rate(system: System) -> str:
    path = system.facts.root / "proc/sys/kernel/perf_event_max_sample_rate"
    try:
        return path.read_text().strip()
    except OSError:
        return ""
