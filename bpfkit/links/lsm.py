"""LSM: a program that may refuse what a process asks of the kernel.

They came with Linux kernel commit 9e4e01dfd325 ("bpf: lsm: Implement attach, detach and execution")
(in v5.7). A kernel calls such programs only when "bpf" is among its active security modules;
otherwise attaching would succeed and nothing happen, so that is an error here. `attach_lsm_cgroup`
limits a program to the processes of a control group; it came with Linux kernel commit 69fd337a975c
("bpf: per-cgroup lsm flavor") (in v6.0).
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from ..errors import AttachError, SyscallError
from ..syscalls.api import SupportsFileno
from ..uapi.bpf import AttachType, ProgType
from .base import Attachable, Method
from .tracing import TracingLink, attach_tracing, target_of

if TYPE_CHECKING:
    from ..system import System

ACTIVE = "sys/kernel/security/lsm"


def attach_lsm(system: System, program: Attachable, *, cookie: int = 0) -> TracingLink:
    """Ask ``program`` each time the security hook is passed that it was loaded for.

    Raises AttachError, also when the kernel would never call it.
    """
    _check(system, program)
    return attach_tracing(system, program, cookie=cookie, hook="lsm")


def attach_lsm_cgroup(system: System, program: Attachable, cgroup: SupportsFileno) -> TracingLink:
    """Ask ``program`` about processes and sockets of a control group (a descriptor of its
    directory) and those below.

    Raises AttachError.
    """
    _check(system, program)
    target = f"{target_of(program)} in a control group"
    try:
        fd = system.syscalls.link_create(program.fileno(), cgroup.fileno(), AttachType.LSM_CGROUP)
    except SyscallError as error:
        hint = _CGROUP_HINTS.get(error.errno or 0, "")
        raise AttachError(program.name, target, str(error), hint) from error
    return TracingLink(
        system, fd, hook="lsm_cgroup", program=program.name, target=target, method=Method.LINK
    )


_CGROUP_HINTS = {
    errno.EPERM: "run as root, or with CAP_BPF and CAP_NET_ADMIN",
    errno.EBADF: "the descriptor is not of a directory of cgroup v2",
    errno.EINVAL: "LSM programs of control groups came with Linux 6.0, not on every machine type",
}


def active_modules(system: System) -> tuple[str, ...] | None:
    """Names of the active security modules; None where securityfs does not tell."""
    try:
        return tuple((system.facts.root / ACTIVE).read_text().strip().split(","))
    except OSError:
        return None


def _check(system: System, program: Attachable) -> None:
    target = target_of(program)
    if program.type is not ProgType.LSM:
        raise AttachError(
            program.name,
            target,
            f"it was loaded as {program.type}",
            'declare it with SEC("lsm/HOOK")',
        )
    active = active_modules(system)
    if active is not None and "bpf" not in active:
        raise AttachError(
            program.name,
            target,
            f"bpf is not among the active security modules ({', '.join(active)}), so the kernel"
            " would never call it",
            f"boot with lsm={','.join(active)},bpf",
        )
