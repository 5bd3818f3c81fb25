"""What a BPF object has attached, by hook and bcc's name of the target."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

from . import live
from .groups import Group, Member

if TYPE_CHECKING:
    from ...links.base import Link
    from ...links.hooked import HookedProgram
    from ...uapi.bpf import AttachType
    from .bpf import BPF

DEFAULT_PROBE_LIMIT = 1000


class Attached:
    """The tables that the attach methods share."""

    def __init__(self) -> None:
        super().__init__()
        # Target → program → links, more than one where a script attaches twice. Targets stay listed
        # after a detach, as bcc's counters expect.
        self.kprobe_links: dict[str, dict[str, list[Link | Member]]] = {}
        self.uprobe_links: dict[str, list[Link | Member]] = {}
        self.tracepoint_links: dict[str, list[Link]] = {}
        self.raw_tracepoint_links: dict[str, Link] = {}
        self.open_perf_events: dict[tuple[int, int], list[Link]] = {}
        self.group_programs: dict[tuple[str, AttachType], HookedProgram] = {}

    def _probes(self) -> int:
        """How many probes count towards the quota."""
        return len(self.kprobe_links) + len(self.uprobe_links)

    def _close(self, links: Iterable[Link | Member]) -> None:
        """Detach, all at about the price of one, also when closing one fails."""
        groups: dict[int, tuple[Group[Any], list[str]]] = {}
        alone: list[Link] = []
        for link in links:
            if isinstance(link, Member):
                groups.setdefault(id(link.group), (link.group, []))[1].append(link.name)
            else:
                self._bpf.collection.disown(link)
                alone.append(link)
        with contextlib.ExitStack() as stack:
            for group, names in groups.values():
                stack.callback(group.remove, names)
            stack.callback(live.close_links, alone)

    @property
    def _bpf(self) -> BPF:
        return cast("BPF", self)


def check_quota(wanted: int) -> None:
    """Refuse more probes than BCC_PROBE_LIMIT (1000 when unset) allows."""
    limit = os.environ.get("BCC_PROBE_LIMIT", "")
    if wanted > (int(limit) if limit.isdigit() else DEFAULT_PROBE_LIMIT):
        raise Exception("Number of open probes would exceed global quota")
