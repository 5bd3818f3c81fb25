"""Which functions of the kernel can be probed, by a pattern: what ftrace lists, less the blacklist.

The lists are long (60,000 names and more), so they are read as bytes and taken apart only where the
pattern matches.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ..system import System

# bcc leaves these out: addresses of the blacklist, what perf itself runs, static calls, cold parts.
_LEFT_OUT = re.compile(rb"_kbl_addr_.*|__perf.*|perf_.*|__SCT__.*|.*\.cold(\.\d+)?", re.DOTALL)


class KernelFunction(NamedTuple):
    """A function. ``address`` is 0 where the kernel does not tell (before Linux 6.5)."""

    name: str
    module: str
    address: int = 0


def kernel_functions(system: System, pattern: re.Pattern[bytes]) -> list[KernelFunction]:
    """Functions whose whole name ``pattern`` matches and that can be probed, by name.

    One of several functions of the same name is there once for each. Empty without tracefs.
    """
    facts = system.facts
    lines = facts.traceable_functions("available_filter_functions_addrs")
    place = 1
    if not lines:
        lines = facts.traceable_functions("available_filter_functions")
        place = 0
    matches = _matcher(pattern)
    found = []
    for line in lines:
        name = line.split(None, 2)[place]
        if matches(name) and not _LEFT_OUT.fullmatch(name):
            address = int(line.split(None, 1)[0], 16) if place else 0
            module = line.partition(b"[")[2].rstrip(b"]").decode()
            found.append(KernelFunction(name.decode(), module, address))
    blacklist = facts.kprobe_blacklist() if found else frozenset()
    return sorted(f for f in found if f.name not in blacklist)


def _matcher(pattern: re.Pattern[bytes]) -> Callable[[bytes], object]:
    """What tells whether a name matches; of a pattern that lists names it need not be tried."""
    if re.fullmatch(rb"[\w|]+", pattern.pattern) and not pattern.flags & re.IGNORECASE:
        return frozenset(pattern.pattern.split(b"|")).__contains__
    return pattern.fullmatch
