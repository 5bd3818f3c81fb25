"""Many places of one binary at once: uprobe.multi, and sessions, which see entry and return.

One bpf_link holds them all, made and closed by one system call. uprobe.multi came with Linux kernel
commit 89ae89f53d20 ("bpf: Add multi uprobe link") (in v6.6), sessions with d920179b3d48 ("bpf: Add
support for uprobe multi session attach") (in v6.13). Only programs that were loaded for it attach
so (``SEC("uprobe.multi")``). Where the kernel lacks it, each place gets a probe of its own.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import AttachError, FormatError, NotSupportedError, SyscallError
from ..syscalls.fd import OwnedFd
from ..syscalls.requests import UprobeMultiLink
from ..uapi.bpf import AttachType, UprobeMultiFlag
from .base import Attachable, Link
from .binary import Binary, Spot, open_binary
from .bpf_link import BpfLink
from .explain import Explanation
from .kprobe_multi import SINGLE_PROBES
from .perf import attach_to_events
from .uprobe import explain_uprobe, open_spot

if TYPE_CHECKING:
    from ..system import System


def attach_uprobe_multi(
    system: System,
    program: Attachable,
    binary: str | Binary,
    symbols: Sequence[str | int] = (),
    *,
    pattern: str = "",
    pid: int = -1,
    retprobe: bool = False,
    session: bool = False,
    cookies: Sequence[int] = (),
) -> Link:
    """Call ``program`` when a process passes any of several places in ``binary``.

    They are functions, or virtual addresses, or all functions whose name the regular expression
    ``pattern`` matches from its start. With ``session`` the program (``SEC("uprobe.session")``) is
    called at entry and at return, and may forgo the second call.

    Raises AttachError: one place that cannot be probed is enough.
    """
    hook = "uprobe.session" if session else "uretprobe.multi" if retprobe else "uprobe.multi"
    named = binary if isinstance(binary, str) else binary.name
    what = repr(pattern) if pattern else f"{len(symbols)} places"
    target = f"{hook} {named}:{what}"
    file = binary
    if isinstance(file, str):
        file = open_binary(system, file, pid, program, target)
    spots = _spots(file, symbols, pattern, program, target)
    return attach_spots(
        system,
        program,
        file,
        spots,
        hook=hook,
        target=target,
        pid=pid,
        retprobe=retprobe,
        session=session,
        cookies=cookies,
    )


def attach_spots(
    system: System,
    program: Attachable,
    file: Binary,
    spots: Sequence[Spot],
    *,
    hook: str,
    target: str,
    pid: int = -1,
    retprobe: bool = False,
    session: bool = False,
    cookies: Sequence[int] = (),
) -> Link:
    """Attach to places that were looked up. Raises AttachError."""
    at_once = session or system.features.has("link/uprobe_multi")
    try:
        if at_once:
            fd = _link(system, program, file, spots, pid, retprobe, session, cookies)
            return BpfLink(system, fd, hook=hook, program=program.name, target=target)
        events = _open_each(system, program, file, spots, target, pid, retprobe)
        return attach_to_events(system, program, events, hook=hook, target=target, cookies=cookies)
    except NotSupportedError as error:
        raise AttachError(program.name, target, str(error)) from error
    except SyscallError as error:
        why = explain_uprobe(error, program, file, pid, 0)
        if error.errno == errno.EINVAL and at_once:
            why = Explanation(
                "EINVAL: the kernel refused the program or a place",
                'the program must be loaded for it: SEC("uprobe.multi"), or attach_type'
                " TRACE_UPROBE_MULTI; sessions came with Linux 6.13",
            )
        raise AttachError(program.name, target, why.reason, why.hint) from error


def _spots(
    file: Binary, symbols: Sequence[str | int], pattern: str, program: Attachable, target: str
) -> list[Spot]:
    if not pattern:
        places = [
            file.spot("", s, 0, program.name, target)
            if isinstance(s, int)
            else file.spot(s, None, 0, program.name, target)
            for s in symbols
        ]
        if not places:
            raise AttachError(program.name, target, "no place is named")
        return places
    try:
        found = file.functions(re.compile(pattern.encode()))
    except (OSError, FormatError) as error:
        raise AttachError(program.name, target, f"{file.path}: {error}") from error
    if not found:
        raise AttachError(
            program.name,
            target,
            "no function of the file matches",
            "the beginning of the name must match; a stripped file has few names",
        )
    return found


def _link(
    system: System,
    program: Attachable,
    file: Binary,
    spots: Sequence[Spot],
    pid: int,
    retprobe: bool,
    session: bool,
    cookies: Sequence[int],
) -> OwnedFd:
    kind = AttachType.TRACE_UPROBE_SESSION if session else AttachType.TRACE_UPROBE_MULTI
    options = UprobeMultiLink(
        path=str(file.path),
        offsets=[spot.offset for spot in spots],
        cookies=cookies,
        flags=UprobeMultiFlag.RETURN if retprobe else 0,
        pid=max(pid, 0),
    )
    return system.syscalls.link_create(program.fileno(), 0, kind, options=options)


def _open_each(
    system: System,
    program: Attachable,
    file: Binary,
    spots: Sequence[Spot],
    target: str,
    pid: int,
    retprobe: bool,
) -> list[OwnedFd]:
    if len(spots) > SINGLE_PROBES:
        raise AttachError(
            program.name,
            target,
            f"{len(spots)} places would each need a probe, and {SINGLE_PROBES} are allowed",
            "take a narrower pattern; Linux 6.6 attaches to many at once",
        )
    events: list[OwnedFd] = []
    try:
        for spot in spots:
            events.append(open_spot(system, file, spot, target, retprobe=retprobe, pid=pid))
    except BaseException:
        for event in events:
            event.close()
        raise
    return events
