"""Numbers of the system calls used, for each machine as uname(2) names it.

Source: include/uapi/asm-generic/unistd.h, arch/*/entry/syscalls/*.tbl. bpf came with v3.18,
perf_event_open with v2.6.31.
"""

from __future__ import annotations

from typing import NamedTuple


class SyscallNumbers(NamedTuple):
    """The numbers of one machine."""

    bpf: int
    perf_event_open: int


_GENERIC = SyscallNumbers(bpf=280, perf_event_open=241)

SYSCALL_NUMBERS = {
    "x86_64": SyscallNumbers(bpf=321, perf_event_open=298),
    "aarch64": _GENERIC,
    "riscv64": _GENERIC,
    "loongarch64": _GENERIC,
    "s390x": SyscallNumbers(bpf=351, perf_event_open=331),
    "ppc64le": SyscallNumbers(bpf=361, perf_event_open=319),
    "ppc64": SyscallNumbers(bpf=361, perf_event_open=319),
}
