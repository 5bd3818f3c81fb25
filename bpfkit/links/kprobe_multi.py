"""Many kernel functions at once: kprobe.multi, and kprobe sessions, which see entry and return.

One bpf_link holds them all, made and closed by one system call. kprobe.multi came with Linux kernel
commit 0dcac2725406 ("bpf: Add multi kprobe link") (in v5.18), sessions with 535a3692ba72 ("bpf: Add
support for kprobe session attach") (in v6.10). Only programs that were loaded for it attach so
(``SEC("kprobe.multi")``). Where the kernel lacks it, each function gets a probe of its own; since
each takes milliseconds, their number is limited.
"""

from __future__ import annotations

import errno
import re
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import AttachError, SyscallError
from ..host.pmu import read_probe_pmu
from ..syscalls.fd import OwnedFd
from ..syscalls.requests import KprobeMultiLink, PerfEvent
from ..uapi.bpf import AttachType, KprobeMultiFlag
from .base import Attachable, Link
from .bpf_link import BpfLink
from .explain import Explanation, explain_kprobe
from .kernel_functions import KernelFunction, kernel_functions
from .kprobe import kprobe_facts
from .perf import attach_to_events, open_everywhere

if TYPE_CHECKING:
    from ..system import System

SINGLE_PROBES = 1000
"""How many functions may get a probe each where the kernel has no kprobe.multi."""


def attach_kprobe_multi(
    system: System,
    program: Attachable,
    functions: Sequence[str | int] = (),
    *,
    pattern: str = "",
    retprobe: bool = False,
    session: bool = False,
    cookies: Sequence[int] = (),
) -> Link:
    """Call ``program`` when the kernel enters any of several functions, or returns from one.

    They are names, or addresses, or all whose whole name the regular expression ``pattern``
    matches. With ``session`` the program (``SEC("kprobe.session")``) is called at both ends, and
    may forgo the second call. ``cookies`` gives each function what bpf_get_attach_cookie() returns
    there.

    Raises AttachError: one function that cannot be probed is enough.
    """
    hook = "kprobe.session" if session else "kretprobe.multi" if retprobe else "kprobe.multi"
    target = f"{hook} {pattern!r}" if pattern else f"{hook} of {len(functions)} functions"
    if pattern:
        found = _matching(system, program, pattern, target)
    else:
        found = [
            KernelFunction("", "", f) if isinstance(f, int) else KernelFunction(f, "")
            for f in functions
        ]
    if not found:
        raise AttachError(program.name, target, "no function is named")
    return attach_functions(
        system,
        program,
        found,
        hook=hook,
        target=target,
        session=session,
        retprobe=retprobe,
        cookies=cookies,
    )


def attach_functions(
    system: System,
    program: Attachable,
    functions: Sequence[KernelFunction],
    *,
    hook: str,
    target: str,
    retprobe: bool = False,
    session: bool = False,
    cookies: Sequence[int] = (),
) -> Link:
    """Attach to functions that were looked up. Raises AttachError."""
    if session or system.features.has("link/kprobe_multi"):
        try:
            fd = _link(system, program, functions, retprobe, session, cookies)
        except SyscallError as error:
            why = _explain(system, error, functions, session)
            raise AttachError(program.name, target, why.reason, why.hint) from error
        return BpfLink(system, fd, hook=hook, program=program.name, target=target)
    return _attach_each(system, program, functions, hook, target, retprobe, cookies)


def _matching(
    system: System, program: Attachable, pattern: str, target: str
) -> list[KernelFunction]:
    listed = kernel_functions(system, re.compile(pattern.encode()))
    # Of functions that share a name none can be meant without its address.
    count = Counter(f.name for f in listed)
    found = [f for f in listed if f.address or count[f.name] == 1]
    if not found:
        raise AttachError(
            program.name,
            target,
            "no function that can be probed matches",
            "the whole name must match; tracefs available_filter_functions lists candidates",
        )
    return found


def _link(
    system: System,
    program: Attachable,
    functions: Sequence[KernelFunction],
    retprobe: bool,
    session: bool,
    cookies: Sequence[int],
) -> OwnedFd:
    kind = AttachType.TRACE_KPROBE_SESSION if session else AttachType.TRACE_KPROBE_MULTI
    by_address = all(f.address for f in functions)
    options = KprobeMultiLink(
        symbols=() if by_address else [f.name for f in functions],
        addresses=[f.address for f in functions] if by_address else (),
        cookies=cookies,
        flags=KprobeMultiFlag.RETURN if retprobe else 0,
    )
    return system.syscalls.link_create(program.fileno(), 0, kind, options=options)


def _attach_each(
    system: System,
    program: Attachable,
    functions: Sequence[KernelFunction],
    hook: str,
    target: str,
    retprobe: bool,
    cookies: Sequence[int],
) -> Link:
    if len(functions) > SINGLE_PROBES:
        raise AttachError(
            program.name,
            target,
            f"{len(functions)} functions would each need a probe, and {SINGLE_PROBES} are allowed",
            "take a narrower pattern; Linux 5.18 attaches to many at once",
        )
    pmu = read_probe_pmu("kprobe", system.facts.root)
    if pmu is None:
        why = Explanation("the kernel has neither kprobe.multi nor kprobes as perf events")
        raise AttachError(program.name, target, why.reason, "it needs CONFIG_KPROBES")
    events: list[OwnedFd] = []
    current = functions[0]
    try:
        for current in functions:
            event = PerfEvent(
                type=pmu.type,
                config=retprobe << pmu.retprobe_bit,
                path=current.name,
                config2=current.address if not current.name else 0,
                sample_period=1,
                wakeup_events=1,
                disabled=True,
            )
            events.append(open_everywhere(system, event, target))
    except SyscallError as error:
        for event_fd in events:
            event_fd.close()
        facts = kprobe_facts(system)
        why = explain_kprobe(error.errno or 0, current.name, facts, retprobe=retprobe)
        where = f"{target}, at {current.name or hex(current.address)}"
        raise AttachError(program.name, where, why.reason, why.hint) from error
    try:
        return attach_to_events(system, program, events, hook=hook, target=target, cookies=cookies)
    except SyscallError as error:
        raise AttachError(program.name, target, str(error)) from error


def _explain(
    system: System, error: SyscallError, functions: Sequence[KernelFunction], session: bool
) -> Explanation:
    name = errno.errorcode.get(error.errno or 0, str(error.errno))
    facts = kprobe_facts(system)
    if error.errno in (errno.EPERM, errno.EACCES):
        return explain_kprobe(error.errno, functions[0].name, facts)
    known = facts.symbols()
    traceable = set(facts.traceable())
    for function in functions:
        if function.name and (
            (known and function.name not in known) or (traceable and function.name not in traceable)
        ):
            why = explain_kprobe(error.errno or 0, function.name, facts)
            return Explanation(f"'{function.name}': {why.reason}", why.hint)
    if session and error.errno == errno.EINVAL:
        return Explanation(
            f"{name}: the kernel refused the session",
            'sessions came with Linux 6.10, for programs of SEC("kprobe.session")',
        )
    if error.errno == errno.EINVAL:
        return Explanation(
            f"{name}: the kernel refused the program or a function",
            'the program must be loaded for it: SEC("kprobe.multi"), or attach_type'
            " TRACE_KPROBE_MULTI",
        )
    return Explanation(str(error))
