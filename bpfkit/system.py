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
from .obj.spec import MapSpec
from .syscalls.api import SupportsFileno, Syscalls

_SLASH = Path("/")


class SharedMaps:
    """Maps that objects of this process offer to later ones, by name (bcc's public tables).

    They are offered as long as their object is loaded; of several the last one counts.
    """

    def __init__(self) -> None:
        self._offers: list[tuple[MapSpec, SupportsFileno]] = []

    def offer(self, declared: MapSpec, map: SupportsFileno) -> None:
        """Let later objects find ``map`` under its name."""
        self._offers.append((declared, map))

    def withdraw(self, map: SupportsFileno) -> None:
        """Offer ``map`` no more; one that was never offered is fine."""
        self._offers = [offer for offer in self._offers if offer[1] is not map]

    def find(self, name: str) -> tuple[MapSpec, SupportsFileno] | None:
        """How a map is declared, and its descriptor; None when nobody offers one."""
        found = (offer for offer in reversed(self._offers) if offer[0].name == name)
        return next(found, None)


class System:
    """System calls, facts of the host, and features."""

    def __init__(
        self, syscalls: Syscalls, facts: LiveFacts, features: Features | None = None
    ) -> None:
        """Without ``features`` the kernel is probed when somebody asks."""
        self.syscalls = syscalls
        self.facts = facts
        self.features = features or Features(probes(syscalls, facts))
        self.shared = SharedMaps()
        self.made: set[tuple[object, ...]] = set()
        """What was made in the kernel for several links to use, (what, where …), until the last
        of them undoes it."""

    @classmethod
    def live(cls, root: Path = _SLASH, *, token: SupportsFileno | None = None) -> Self:
        """This machine. Nothing is read or tried before somebody asks.

        With ``token``, a BPF token (`handles.token`), it creates by the token's right.
        """
        from .syscalls.linux import LinuxSyscalls

        return cls(LinuxSyscalls(token), LiveFacts(root))
