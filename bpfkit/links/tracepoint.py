"""Tracepoints: events the kernel's developers placed, named ``category:event``.

The program gets the record that tracefs describes in ``events/CATEGORY/EVENT/format``. One perf
event is enough for all CPUs: the program hangs on the tracepoint, not on the event.

Tracepoint programs came with Linux kernel commit 98b5c2c65c29 ("perf, bpf: allow bpf programs
attach to tracepoints") (in v4.7).
"""

from __future__ import annotations

import errno
import re
from typing import TYPE_CHECKING

from ..errors import AttachError, SyscallError
from .base import Attachable, Link
from .closing import close_links
from .explain import Explanation, explain_tracepoint
from .perf import attach_to_event, open_tracepoint_event

if TYPE_CHECKING:
    from ..system import System


def attach_tracepoint(
    system: System, program: Attachable, category: str, event: str, *, cookie: int = 0
) -> Link:
    """Call ``program`` each time the kernel passes the tracepoint.

    ``cookie`` is what bpf_get_attach_cookie() gives there, since Linux 5.15.

    Raises AttachError, with the nearest names when there is no such tracepoint.
    """
    target = f"tracepoint {category}:{event}"
    tracefs = system.facts.tracefs
    number = tracefs.event_id(category, event)
    if number is None:
        why = explain_tracepoint(category, event, tracefs.events())
        raise AttachError(program.name, target, why.reason, why.hint)
    try:
        fd = open_tracepoint_event(system, number, target)
        return attach_to_event(system, program, fd, hook="tracepoint", target=target, cookie=cookie)
    except SyscallError as error:
        why = _explain(error, program)
        raise AttachError(program.name, target, why.reason, why.hint) from error


def matching_tracepoints(system: System, pattern: re.Pattern[str]) -> list[tuple[str, str]]:
    """(category, event) of every tracepoint whose ``category:event`` a pattern matches from its
    start.
    """
    return [(c, e) for c, e in system.facts.tracefs.events() if pattern.match(f"{c}:{e}")]


def attach_tracepoints(
    system: System, program: Attachable, pattern: str, *, cookie: int = 0
) -> list[Link]:
    """Attach to every tracepoint whose ``category:event`` a regular expression matches.

    Raises AttachError, with nothing left attached, when none matches or one is refused.
    """
    found = matching_tracepoints(system, re.compile(pattern))
    if not found:
        raise AttachError(
            program.name,
            f"tracepoints {pattern!r}",
            "no tracepoint matches",
            "the pattern is for 'category:event'; tracefs events/ lists them",
        )
    links: list[Link] = []
    try:
        for category, event in found:
            links.append(attach_tracepoint(system, program, category, event, cookie=cookie))
    except BaseException:
        close_links(links)
        raise
    return links


def _explain(error: SyscallError, program: Attachable) -> Explanation:
    if error.errno == errno.EACCES and error.call != "perf_event_open":
        return Explanation(str(error), "the program reads beyond the record of this tracepoint")
    if error.errno == errno.EEXIST:
        return Explanation(str(error), "the program is attached there already")
    if error.errno in (errno.EPERM, errno.EACCES):
        return Explanation(str(error), "run as root, or with CAP_BPF and CAP_PERFMON")
    if error.errno == errno.EINVAL:
        return Explanation(str(error), f"the program is a {program.type}, not one for tracepoints")
    return Explanation(str(error))
