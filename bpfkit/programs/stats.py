"""Run statistics: how often programs run and how long, counted while somebody asks for it.

    with count_runs(system):
        …
        print(program.stats().mean_ns)

Counting costs every program two readings of the clock. It came with Linux kernel commit
d46edd671a14 ("bpf: Sharing bpf runtime stats with BPF_ENABLE_STATS") (in v5.8); before that the
sysctl kernel.bpf_stats_enabled is there for the whole machine, which is left to its owner.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass

from ..errors import NotSupportedError, SyscallError
from ..syscalls.fd import OwnedFd
from ..system import System
from ..uapi.bpf import StatsType


@dataclass(frozen=True, slots=True)
class RunStats:
    """What was counted of one program. ``misses``: calls left out, since it was running already."""

    count: int
    time_ns: int
    misses: int = 0

    @property
    def mean_ns(self) -> float:
        """The mean time of one run; 0 when there was none."""
        return self.time_ns / self.count if self.count else 0.0


def count_runs(system: System) -> OwnedFd:
    """Count the runs of all programs until the descriptor is closed.

    Raises NotSupportedError on kernels that are too old, and SyscallError.
    """
    try:
        return system.syscalls.enable_stats(StatsType.RUN_TIME)
    except SyscallError as error:
        if error.errno != errno.EINVAL:
            raise
        raise NotSupportedError(
            "run statistics",
            "5.8",
            "sysctl kernel.bpf_stats_enabled=1 counts for the whole machine",
        ) from error
