"""Any program on any descriptor: BPF_PROG_ATTACH as it is, for callers who know what goes where.

The hooks with names have files of their own, with better errors.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from ..errors import AttachError, SyscallError
from ..uapi.bpf import AttachType
from .base import Attachable, Link
from .cgroup import HOOKS
from .prog_attach import attach_by_command
from .refusal import explain_refusal

if TYPE_CHECKING:
    from ..system import System

_HINTS = {
    errno.EBADF: "the descriptor must be a cgroup (version 2), a sockmap or an infrared device, as "
    "the attach type wants it",
    errno.EINVAL: "the program must be loaded for this attach type, and the flags must be known",
    errno.EPERM: "run as root, or with CAP_NET_ADMIN and CAP_BPF; as root: a program is attached "
    "with other flags, here or above",
    errno.EEXIST: "a program is attached there already",
    errno.EBUSY: "a program is attached there already",
}


def attach_func(
    system: System, program: Attachable, target_fd: int, attach_type: AttachType, flags: int = 0
) -> Link:
    """Attach ``program`` to what ``target_fd`` is open on; the link detaches it.

    The network namespace of this thread, where the descriptor is 0 for a flow dissector. Raises
    AttachError.
    """
    where = f"{attach_type} of descriptor {target_fd}"
    try:
        target = None
        if attach_type is not AttachType.FLOW_DISSECTOR:
            target = system.syscalls.duplicate(target_fd, f"target of {attach_type}")
        return attach_by_command(
            system,
            program,
            target,
            attach_type,
            hook="func",
            where=where,
            flags=flags,
            shared=attach_type in HOOKS,
        )
    except SyscallError as error:
        why = explain_refusal(system, error, _HINTS)
        raise AttachError(program.name, where, why.reason, why.hint) from error


def detach_func(
    system: System, program: Attachable, target_fd: int, attach_type: AttachType
) -> None:
    """End what somebody attached. Raises SyscallError, ENOENT when it is not there."""
    system.syscalls.prog_detach(target_fd, program.fileno(), attach_type)
