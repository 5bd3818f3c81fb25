"""Which hooks a name leads to on this kernel, before anything is attached: `explain_attach`."""

from __future__ import annotations

import re

from ..system import System
from ..uapi.btf import BtfKind
from .explain import KprobeFacts, explain_missing, nearest
from .kprobe import kprobe_facts
from .ksyscall import syscall_function

_PLAIN = re.compile(r"\w+")


def explain_attach(name: str, system: System | None = None) -> str:
    """Say in a few lines what can be attached to for ``name``: a function, a system call, an event.

    Of the running kernel, or that of ``system``. Nothing is tried: this is what the kernel tells
    about itself.
    """
    system = system or System.live()
    facts = kprobe_facts(system)
    symbols = facts.symbols()
    lines = [f"{name} on Linux {system.facts.release}:"]
    if name in symbols:
        lines += _function(system, name, facts)
    else:
        why = explain_missing(name, symbols)
        lines.append(f"  function: {why.reason}" + (f"; {why.hint}" if why.hint else ""))
        behind = syscall_function(system, name)
        if behind in symbols:
            lines.append(f"  ksyscall: yes, it is the system call behind {behind}")
    lines += _events(system, name)
    return "\n".join(lines)


def _function(system: System, name: str, facts: KprobeFacts) -> list[str]:
    addresses = system.facts.kallsyms.addresses(name)
    if facts.has_kprobes() is False:
        kprobe = "no, the kernel is built without kprobes (CONFIG_KPROBES)"
    elif name in facts.blacklist():
        kprobe = "no, it is on the kernel's blacklist; attach to one of its callers"
    elif len(addresses) > 1:
        kprobe = f"by address only: {len(addresses)} functions have this name"
    else:
        kprobe = "yes"
    traceable = name in set(facts.traceable())
    multi = "yes" if traceable else "no, it is marked notrace, or tracefs cannot be read"
    if traceable and not system.features.has("link/kprobe_multi"):
        multi = "no, the kernel has no kprobe.multi (Linux 5.18, CONFIG_FPROBE)"
    typed = bool(system.facts.btf.by_name(name, (BtfKind.FUNC,)))
    fentry = "yes" if traceable and typed else "no, the kernel's BTF does not have it"
    if typed and not traceable:
        fentry = "no, it is marked notrace, or tracefs cannot be read"
    return [f"  kprobe: {kprobe}", f"  kprobe.multi: {multi}", f"  fentry: {fentry}"]


def _events(system: System, name: str) -> list[str]:
    events = system.facts.tracefs.events()
    exact = [f"{c}:{e}" for c, e in events if e == name or e in (f"sys_enter_{name}",)]
    if exact:
        return [f"  tracepoint: {', '.join(exact)}"]
    # A function's event is often named by its words: mm_page_alloc for __alloc_pages.
    near = nearest(name, [e for _, e in events]) if _PLAIN.fullmatch(name) else []
    return [f"  tracepoint: none of that name; near are {', '.join(near)}"] if near else []
