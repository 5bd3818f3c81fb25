"""Kprobes: a program at a kernel function's entry, at its return, or at an instruction inside it.

Two ways, the first that exists is taken. The perf PMU "kprobe" makes a probe that lives in a
descriptor; it came with Linux kernel commit e12f03d7031a ("perf/core: Implement the 'perf_kprobe'
PMU") (in v4.17). Before that, and where ``maxactive`` is wanted (the PMU has no place for it), an
entry is written to tracefs ``kprobe_events``, which outlives the process and is removed by the
link.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import AttachError, NotSupportedError, SyscallError
from ..host.pmu import read_probe_pmu
from ..syscalls.fd import OwnedFd
from ..syscalls.requests import PerfEvent
from ..uapi.btf import BtfKind
from .base import Attachable, Link
from .explain import KprobeFacts, explain_kprobe
from .perf import attach_to_event, open_everywhere, open_tracepoint_event

if TYPE_CHECKING:
    from ..system import System

GROUP = "kprobes"
_MAX_FUNCTION = 40  # an event's name has at most 63 characters, some of which make it unique


def attach_kprobe(
    system: System,
    program: Attachable,
    function: str,
    *,
    offset: int = 0,
    retprobe: bool = False,
    maxactive: int = 0,
    cookie: int = 0,
) -> Link:
    """Call ``program`` when the kernel enters ``function``, or returns from it.

    ``offset`` counts bytes into the function, of an entry probe only. ``maxactive`` is how many
    calls of a return probe may be under way at once, 0 for the kernel's choice. ``module:function``
    names a function of a module. ``cookie`` is what bpf_get_attach_cookie() gives there, since
    Linux 5.15.

    Raises AttachError that says why, and what to try.
    """
    hook = "kretprobe" if retprobe else "kprobe"
    target = f"{hook} {function}" + (f"+0x{offset:x}" if offset else "")
    undo: Callable[[], None] | None = None
    try:
        event = None if maxactive else _open_pmu(system, function, offset, retprobe, target)
        if event is None:
            event, undo = _open_through_tracefs(
                system, function, offset, retprobe, maxactive, target
            )
        return attach_to_event(
            system, program, event, hook=hook, target=target, undo=undo, cookie=cookie
        )
    except (SyscallError, NotSupportedError) as error:
        code = error.errno if isinstance(error, SyscallError) and error.errno else errno.ENOENT
        why = explain_kprobe(code, function, kprobe_facts(system), offset=offset, retprobe=retprobe)
        raise AttachError(program.name, target, why.reason, why.hint) from error


def probe_definition(name: str, place: str, *, retprobe: bool = False, maxactive: int = 0) -> str:
    """Emit the line for ``kprobe_events``: ``p:GROUP/NAME PLACE`` or ``rMAXACTIVE:…``."""
    kind = f"r{maxactive or ''}" if retprobe else "p"
    return f"{kind}:{GROUP}/{name} {place}"


def event_name(function: str, retprobe: bool) -> str:
    """Make up a name that no other event has."""
    readable = re.sub(r"\W", "_", function)[:_MAX_FUNCTION]
    return f"{'r' if retprobe else 'p'}_{readable}_{secrets.token_hex(6)}"


def _open_pmu(
    system: System, function: str, offset: int, retprobe: bool, target: str
) -> OwnedFd | None:
    """Open the probe as an event of the kprobe PMU; None when this kernel has none."""
    pmu = read_probe_pmu("kprobe", system.facts.root)
    if pmu is None:
        return None
    event = PerfEvent(
        type=pmu.type,
        config=retprobe << pmu.retprobe_bit,
        path=function,
        config2=offset,
        sample_period=1,
        wakeup_events=1,
        disabled=True,
    )
    return open_everywhere(system, event, target)


def _open_through_tracefs(
    system: System, function: str, offset: int, retprobe: bool, maxactive: int, target: str
) -> tuple[OwnedFd, Callable[[], None]]:
    path = system.facts.tracefs.path / "kprobe_events"
    name = event_name(function, retprobe)
    place = f"{function}+{offset}" if offset else function
    _append(path, probe_definition(name, place, retprobe=retprobe, maxactive=maxactive))
    undo = partial(remove_event, path, name)
    try:
        number = system.facts.tracefs.event_id(GROUP, name)
        if number is None:
            raise SyscallError(errno.ENOENT, "read", f"the id of event {GROUP}/{name}")
        return open_tracepoint_event(system, number, target), undo
    except BaseException:
        undo()
        raise


def remove_event(path: Path, name: str) -> None:
    """Take an entry out of ``kprobe_events``; one that is gone already is fine."""
    for attempt in range(10):
        try:
            _append(path, f"-:{GROUP}/{name}")
        except SyscallError as error:
            if error.errno == errno.ENOENT:
                return
            if error.errno != errno.EBUSY or attempt == 9:
                raise
            time.sleep(0.01)  # the event's last user is still being let go
        else:
            return


def _append(path: Path, line: str) -> None:
    # Without O_APPEND, opening would remove everybody's entries. Python's own append mode seeks to
    # the end first, which these files refuse.
    try:
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        try:
            os.write(fd, line.encode() + b"\n")
        finally:
            os.close(fd)
    except OSError as error:
        raise SyscallError(error.errno or 0, "write", f"{path} ({line})") from error


def kprobe_facts(system: System) -> KprobeFacts:
    """What this kernel says about its functions, for explanations."""
    facts = system.facts

    def has_kprobes() -> bool | None:
        if facts.config_text() is not None:
            return facts.config("CONFIG_KPROBES") == "y"
        # Without the configuration, the function that registers probes tells, if names are shown.
        return facts.has_symbol("register_kprobe") or (None if not kinds() else False)

    def kinds() -> dict[str, str]:
        return {symbol.name: symbol.kind for symbol in facts.kallsyms.symbols()}

    def traceable() -> set[str]:
        return {line.split()[0] for line in facts.tracefs.available_filter_functions()}

    return KprobeFacts(
        has_kprobes,
        kinds,
        facts.kprobe_blacklist,
        traceable,
        facts.module_names,
        facts.lockdown,
        lambda name: bool(facts.btf.by_name(name, (BtfKind.FUNC,))),
    )
