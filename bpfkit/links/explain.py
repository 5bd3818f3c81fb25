"""Why a program cannot be attached: from what the kernel tells about itself to a way out.

Pure functions over names: who calls them gathers the names, and only after an attachment failed,
because the lists have a hundred thousand entries.
"""

from __future__ import annotations

import difflib
import errno
import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from itertools import islice

# What compilers append to a function they split, cloned or trimmed.
_SUFFIX = re.compile(r"\.(isra|constprop|part|cold|llvm)\b.*")
_DATA_KINDS = frozenset("bBdDrR")
# What architectures put before the name of a system call; the compatible ones do not count.
_ENTRIES = ("__x64_sys_", "__arm64_sys_", "__s390x_sys_", "__riscv_sys_")
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Explanation:
    """``reason`` completes "cannot attach … to …:"; ``hint`` says what to try, or is empty."""

    reason: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class KprobeFacts:
    """What an explanation may need to know, each asked for once and only if it matters."""

    has_kprobes: Callable[[], bool | None]
    """Whether CONFIG_KPROBES is set; None when that cannot be found out."""
    symbols: Callable[[], dict[str, str]]
    """Name to kallsyms type letter."""
    blacklist: Callable[[], Collection[str]]
    """Names in debugfs ``kprobes/blacklist``; empty when it cannot be read."""
    traceable: Callable[[], Collection[str]]
    """Names in tracefs ``available_filter_functions``; empty when it cannot be read."""
    modules: Callable[[], Collection[str] | None] = lambda: None
    """Names of the loaded modules; None when that cannot be found out."""
    lockdown: Callable[[], str] = lambda: ""
    """How the kernel is locked down: "integrity", "confidentiality", or nothing."""
    traced: Callable[[str], bool] = lambda name: False
    """Whether fentry can attach to the function: the kernel's BTF has it."""


def explain_kprobe(
    code: int, function: str, facts: KprobeFacts, *, offset: int = 0, retprobe: bool = False
) -> Explanation:
    """Say why the kernel refused a kprobe on ``function`` with errno ``code``."""
    if facts.has_kprobes() is False:
        return Explanation(
            "this kernel is built without kprobes (CONFIG_KPROBES is not set)",
            "use a tracepoint, a raw tracepoint or fentry instead",
        )
    if code in (errno.EPERM, errno.EACCES):
        return _explain_permission(code, facts)
    return (
        _explain_module(function, facts)
        or _explain_name(function.rpartition(":")[2], facts)
        or _explain_place(code, function, offset, retprobe)
        or _explain_notrace(function, facts)
        or Explanation(f"{errno.errorcode.get(code, str(code))}: the kernel refused the probe")
    )


def _explain_permission(code: int, facts: KprobeFacts) -> Explanation:
    name = errno.errorcode[code]
    if facts.lockdown():
        return Explanation(
            f"{name}: the kernel is locked down ({facts.lockdown()}), which forbids kprobes",
            "boot with lockdown=none, or use a tracepoint",
        )
    return Explanation(f"{name}: not permitted", "run as root, or with CAP_BPF and CAP_PERFMON")


def _explain_module(function: str, facts: KprobeFacts) -> Explanation | None:
    """Say that the module of ``module:function`` is missing."""
    module, colon, _ = function.rpartition(":")
    loaded = facts.modules() if colon else None
    if loaded is None or module in loaded:
        return None
    near = difflib.get_close_matches(module, sorted(loaded), n=3, cutoff=0.6)
    hint = f"load it (modprobe {module})" + (f"; loaded are {_list(near)}" if near else "")
    return Explanation(f"module '{module}' is not loaded", hint)


def _explain_name(function: str, facts: KprobeFacts) -> Explanation | None:
    symbols = facts.symbols()
    if symbols and function not in symbols:
        return explain_missing(function, symbols)
    if symbols.get(function, "t") in _DATA_KINDS:
        return Explanation("this is data, not a function")
    if function in facts.blacklist():
        return Explanation(
            "the kernel forbids probes there (it is in debugfs kprobes/blacklist)",
            _other(function, facts, "attach to one of its callers"),
        )
    return None


def _explain_notrace(function: str, facts: KprobeFacts) -> Explanation | None:
    # Of several names of one function only one is listed, so this is the last thing to suspect.
    traceable = facts.traceable()
    if traceable and function not in traceable:
        return Explanation(
            "the function seems to be marked notrace (available_filter_functions lacks it)",
            "attach to one of its callers, or use a tracepoint",
        )
    return None


def _other(function: str, facts: KprobeFacts, hint: str) -> str:
    """``hint``, and fentry where that would do."""
    traceable = function in facts.traceable() and facts.traced(function)
    return f"{hint}, or use fentry" if traceable else hint


def _explain_place(code: int, function: str, offset: int, retprobe: bool) -> Explanation | None:
    name = errno.errorcode.get(code, str(code))
    if offset and retprobe:
        return Explanation(f"{name}: a return probe takes no offset", "attach with offset 0")
    if offset and code in (errno.EINVAL, errno.EILSEQ, errno.ERANGE):
        return Explanation(
            f"{name}: 0x{offset:x} bytes into the function no instruction begins",
            f"disassemble {function} to find the instruction's first byte",
        )
    if code == errno.EADDRNOTAVAIL:
        return Explanation(
            f"{name}: several functions have this name", "attach by address, or use fentry"
        )
    if code == errno.EBUSY:
        return Explanation(f"{name}: the place is in use", "try again")
    return None


def explain_missing(function: str, names: Collection[str]) -> Explanation:
    """Say what to take for a function that the kernel does not have."""
    variants = sorted(n for n in names if n.startswith(function + ".") and _SUFFIX.search(n))
    callable_variants = [n for n in variants if ".cold" not in n]
    if callable_variants:
        return Explanation(
            f"the compiler left only {_list(callable_variants)} of this function",
            f"attach to '{callable_variants[0]}', whose arguments may differ",
        )
    near = nearest(function, names)
    reason = "the kernel has no such function: it is misspelt, inlined or in a module not loaded"
    return Explanation(reason, f"did you mean {_list(near)}?" if near else "")


def nearest(wanted: str, names: Iterable[str], count: int = 3) -> list[str]:
    """The names most like ``wanted``, the best first."""
    bare = wanted.removeprefix("sys_")
    # Padding before a function has a symbol, but no instruction that a probe could stop at.
    pool = [n for n in names if not n.startswith("__pfx_")]
    # The kernel's function of a system call has a prefix that depends on the architecture.
    exact = [n for n in pool if n != wanted and n.endswith(f"_sys_{bare}")]
    # Comparing with every name takes seconds: look only at those of like length and beginning.
    slack = max(3, len(wanted) // 3)
    alike = {n for n in pool if n[:2] == wanted[:2] and abs(len(n) - len(wanted)) <= slack}
    close = difflib.get_close_matches(wanted, sorted(alike), n=count, cutoff=0.75)
    return list(islice(dict.fromkeys([*sorted(exact, key=_entry_first), *close]), count))


def _entry_first(name: str) -> tuple[bool, str]:
    """Order the functions of a system call: the one bcc's scripts mean, then parts and others."""
    return not name.startswith(_ENTRIES), name


def explain_tracepoint(category: str, event: str, known: Iterable[tuple[str, str]]) -> Explanation:
    """Say what to take for a tracepoint that the kernel does not have."""
    events = list(known)
    if not events:
        return Explanation("tracefs lists no events", "run as root with tracefs mounted")
    elsewhere = [f"{c}:{e}" for c, e in events if e == event and c != category]
    if elsewhere:
        return Explanation("the event is in another category", f"use {_list(elsewhere)}")
    wanted = f"{category}:{event}"
    siblings = [e for c, e in events if c == category]
    near = difflib.get_close_matches(event, siblings, n=3, cutoff=0.6)
    if near:
        hint = f"did you mean {_list([f'{category}:{e}' for e in near])}?"
        return Explanation("the kernel has no such tracepoint", hint)
    near = difflib.get_close_matches(wanted, [f"{c}:{e}" for c, e in events], n=3, cutoff=0.75)
    if near:
        return Explanation("the kernel has no such tracepoint", f"did you mean {_list(near)}?")
    what = "event" if siblings else "category of events"
    return Explanation(f"the kernel has no such {what}", "tracefs events/ lists those it has")


def _list(names: list[str]) -> str:
    text = ", ".join(f"'{name}'" for name in names[:SHOWN])
    return f"{text} and {len(names) - SHOWN} more" if len(names) > SHOWN else text


def explain_raw_tracepoint(name: str, known: Iterable[tuple[str, str]]) -> Explanation:
    """Say what to take for a raw tracepoint that the kernel does not have.

    Every tracepoint that tracefs lists is a raw one under its event's name, except those of single
    system calls, which are made from sys_enter and sys_exit.
    """
    bare = name.rpartition(":")[2]
    for whole in ("sys_enter", "sys_exit"):
        if bare.startswith(whole + "_"):
            return Explanation(
                "single system calls have no raw tracepoint",
                f"attach to '{whole}' and compare the number, or use 'syscalls:{bare}'",
            )
    events = sorted({e for c, e in known if c != "syscalls"} | {"sys_enter", "sys_exit"})
    if bare != name and bare in events:
        return Explanation("raw tracepoints have no category", f"use '{bare}'")
    near = difflib.get_close_matches(bare, events, n=3, cutoff=0.6)
    hint = f"did you mean {_list(near)}?" if near else "its module may not be loaded"
    return Explanation("the kernel has no such raw tracepoint", hint)
