"""What a feature is, the three answers to "does this kernel have it?", and `Features`, who asks.

A probe tries the real thing; releases only explain and cross-check. An answer is kept as long as
its `Features`, unless the probe could not tell: then it is asked again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from ..btf.types import Btf


class Support(StrEnum):
    """An answer."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Facts(Protocol):
    """What probes want to know of the host."""

    @property
    def version(self) -> tuple[int, int, int]:
        """Version, patch level, sublevel."""

    @property
    def possible_cpus(self) -> int:
        """How many CPUs could ever be present."""


class TypeFacts(Protocol):
    """What probes want to know of the kernel's types."""

    @property
    def btf(self) -> Btf:
        """The kernel's own. Raises NotSupportedError when it has none."""

    def modules_with_btf(self) -> list[str]:
        """Names of the loaded modules that bring types."""

    def module_btf(self, module: str) -> Btf | None:
        """A module's types on top of the kernel's."""


class KernelFacts(Facts, TypeFacts, Protocol):
    """All of it."""


@dataclass(frozen=True, slots=True)
class Feature:
    """Something that a kernel may have or not.

    ``since`` is the first release with it and ``commit`` what brought it. ``config`` is the option
    it needs, without CONFIG_. ``arch`` is set when only some machines have it.
    """

    name: str
    since: str = ""
    commit: str = ""
    config: str = ""
    arch: str = ""


Probe = Callable[[], Support]


class Features:
    """The answers of one kernel."""

    def __init__(self, probes: Mapping[str, Probe]) -> None:
        """``probes`` by the name of their feature."""
        self._probes = probes
        self._answers: dict[str, Support] = {}

    def get(self, feature: Feature | str) -> Support:
        """Ask the kernel, at the first call. Raises KeyError when nobody knows how to ask."""
        name = feature if isinstance(feature, str) else feature.name
        answer = self._answers.get(name)
        if answer is None:
            answer = self._probes[name]()
            if answer is not Support.UNKNOWN:  # an inconclusive answer is asked again
                self._answers[name] = answer
        return answer

    def has(self, feature: Feature | str) -> bool:
        """Whether the kernel surely has it."""
        return self.get(feature) is Support.YES
