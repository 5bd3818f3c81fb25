"""Every feature that can be asked for, and the probe of each.

``since`` and ``commit`` explain an answer and cross-check it in the conformance suite; they never
decide. Names are ``group/name``: ``map_type/ringbuf``, ``program_type/xdp``, ``link/perf_event``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from ..syscalls.api import Syscalls
from .attach_types import FEATURES as ATTACH_TYPES
from .attach_types import probes as attach_type_probes
from .btf import FEATURES as BTF
from .btf import probes as btf_probes
from .helpers import FEATURES as HELPERS
from .helpers import probes as helper_probes
from .kernel_types import FEATURES as KERNEL_TYPES
from .kernel_types import probes as kernel_type_probes
from .links import FEATURES as LINKS
from .links import probes as link_probes
from .maps import FEATURES as MAPS
from .maps import probes as map_probes
from .probe import Feature, KernelFacts, Probe, Support
from .programs import FEATURES as PROGRAMS
from .programs import probes as program_probes
from .tracing import FEATURES as TRACING
from .tracing import probes as tracing_probes

CATALOGUE: tuple[Feature, ...] = (
    *MAPS, *PROGRAMS, *BTF, *ATTACH_TYPES, *TRACING, *LINKS, *KERNEL_TYPES, *HELPERS,
)  # fmt: skip


def probes(syscalls: Syscalls, facts: KernelFacts) -> Mapping[str, Probe]:
    """Return the probe of each feature of the catalogue, for one kernel."""
    found = {
        **map_probes(syscalls, facts),
        **program_probes(syscalls, facts),
        **btf_probes(syscalls),
        **attach_type_probes(syscalls, facts),
        **link_probes(syscalls, facts),
        **tracing_probes(syscalls, facts),
        **kernel_type_probes(facts),
        **helper_probes(syscalls, facts),
    }
    return {name: partial(_ask, syscalls, probe) for name, probe in found.items()}


def _ask(syscalls: Syscalls, probe: Probe) -> Support:
    answer = probe()
    # Before Linux 5.11 maps and programs count against RLIMIT_MEMLOCK, also for a while after they
    # are closed; a low limit looks like a missing permission.
    if answer is Support.UNKNOWN and syscalls.raise_memlock_limit():
        return probe()
    return answer
