"""Ask the running kernel what a requirement needs to know."""

from __future__ import annotations

import platform

from bpfkit.features.catalogue import CATALOGUE
from bpfkit.system import System

from .requires import Answer, Requirement, Situation

FEATURES = {feature.name: feature for feature in CATALOGUE}


def situation_of(system: System, need: Requirement) -> Situation:
    """What this kernel says to ``need``. Asking for an unknown feature is a mistake of the case:
    KeyError.
    """
    config = None
    if need.config and system.facts.config_text() is not None:
        config = system.facts.config(f"CONFIG_{need.config}") in ("y", "m")
    probe = None
    if need.feature:
        probe = Answer(str(system.features.get(FEATURES[need.feature])))
    return Situation(
        version=system.facts.version,
        vanilla=not is_distribution(platform.uname().version),
        config_present=config,
        probe=probe,
        arch=platform.machine(),
    )


def is_distribution(version: str) -> bool:
    """Whether the kernel's version text names a distribution, whose kernels have backports."""
    return any(word in version for word in ("Debian", "Ubuntu", "el8", "el9", "el10", "SUSE"))
