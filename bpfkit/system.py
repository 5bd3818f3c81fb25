"""`System`: one kernel as seen from here, made at the top and passed down.

It joins the ways into the kernel, what the host says about it, and the answers of the probes. Two
may exist in one process, one of them fake; nothing is kept outside of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

from .features.catalogue import probes
from .features.probe import Features
from .host.facts import LiveFacts
from .syscalls.api import Syscalls

_SLASH = Path("/")


class System:
    """System calls, facts of the host, and features."""

    def __init__(
        self, syscalls: Syscalls, facts: LiveFacts, features: Features | None = None
    ) -> None:
        """Without ``features`` the kernel is probed when somebody asks."""
        self.syscalls = syscalls
        self.facts = facts
        self.features = features or Features(probes(syscalls, facts))

    @classmethod
    def live(cls, root: Path = _SLASH) -> Self:
        """This machine. Nothing is read or tried before somebody asks."""
        from .syscalls.linux import LinuxSyscalls

        return cls(LinuxSyscalls(), LiveFacts(root))
