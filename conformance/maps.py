"""What the cases of maps share: a program to run by hand, and packets to run it on."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

PACKET = bytes(12) + b"\x08\x00" + bytes(50)
"""An Ethernet frame that says it is IPv4, and is long enough for every kernel."""


def run_xdp(bpf: Any, name: str, times: int = 1) -> int:  # noqa: ANN401 - bcc's class, made dynamic
    """Load a program as XDP, run it on a packet ``times`` times, and give its last verdict."""
    program = bpf.load_func(name, bpf.XDP).program
    verdict = -1
    for _ in range(times):
        verdict = program.test_run(PACKET).retval
    return verdict


def on_each_cpu(run: Callable[[int], object]) -> int:
    """Call ``run(cpu)`` on every CPU this process may run on; how many these are."""
    allowed = os.sched_getaffinity(0)
    try:
        for cpu in sorted(allowed):
            os.sched_setaffinity(0, {cpu})
            run(cpu)
    finally:
        os.sched_setaffinity(0, allowed)
    return len(allowed)
