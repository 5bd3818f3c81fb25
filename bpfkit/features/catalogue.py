"""Every feature that can be asked for, and the probe of each.

``since`` and ``commit`` explain an answer and cross-check it in the conformance suite; they never
decide. Names are ``group/name``: ``map_type/ringbuf``, ``program_type/xdp``, ``link/perf_event``.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..syscalls.api import Syscalls
from . import btf, helpers, links, maps, programs
from .probe import Facts, Feature, Probe

CATALOGUE: tuple[Feature, ...] = (
    *maps.FEATURES,
    *programs.FEATURES,
    *btf.FEATURES,
    *links.FEATURES,
    *helpers.FEATURES,
)


def probes(syscalls: Syscalls, facts: Facts) -> Mapping[str, Probe]:
    """Return the probe of each feature of the catalogue, for one kernel."""
    return {
        **maps.probes(syscalls, facts),
        **programs.probes(syscalls, facts),
        **btf.probes(syscalls),
        **links.probes(syscalls, facts),
        **helpers.probes(syscalls, facts),
    }
