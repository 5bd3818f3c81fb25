"""Network namespaces: choosing the socket for a packet, and taking packets apart.

sk_lookup came with Linux kernel commit e9ddbb7707ff ("bpf: Introduce SK_LOOKUP program type with a
dedicated attach point") (in v5.9). Flow dissectors came with Linux kernel commit d58e468b1112
("flow_dissector: implements flow dissector BPF hook") (in v4.20), as links since commit
7f045a49fee0 ("bpf: Add link-based BPF program attachment to network namespace") (in v5.8).
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from ..errors import AttachError, SyscallError
from ..features.probe import Support
from ..syscalls.api import SupportsFileno
from ..syscalls.fd import OwnedFd
from ..uapi.bpf import AttachType, ProgType
from .base import Attachable, Link
from .bpf_link import BpfLink
from .prog_attach import attach_by_command
from .refusal import check_type, explain_refusal

if TYPE_CHECKING:
    from ..system import System

OWN = "/proc/thread-self/ns/net"
_HOOKS = {
    ProgType.SK_LOOKUP: AttachType.SK_LOOKUP,
    ProgType.FLOW_DISSECTOR: AttachType.FLOW_DISSECTOR,
}
_TAKEN = (
    "a flow dissector is attached already, here or in the initial network namespace, and only one "
    "can be"
)
_HINTS = {
    errno.EEXIST: _TAKEN,
    errno.EBUSY: _TAKEN,
    errno.E2BIG: "one flow dissector, or 64 sk_lookup programs, is the most there can be",
    errno.EINVAL: "the file must be a network namespace (/proc/PID/ns/net, /run/netns/NAME)",
    errno.ENOENT: "there is no such namespace: see ip netns list",
}


def attach_netns(
    system: System,
    program: Attachable,
    namespace: str | os.PathLike[str] | SupportsFileno = OWN,
) -> Link:
    """Call ``program`` for the packets of a network namespace, this thread's by default.

    The program is of type SK_LOOKUP or FLOW_DISSECTOR. Raises AttachError.
    """
    named = isinstance(namespace, str | os.PathLike)
    name = str(namespace) if named else "it is open on"
    where = f"network namespace {name}"
    check_type(program, where, *_HOOKS)
    hook = _HOOKS[program.type]
    kind = hook.name.lower()
    try:
        with _open(system, namespace) as file:
            fd = system.syscalls.link_create(program.fileno(), file.fileno(), hook)
    except SyscallError as error:
        old = error.errno == errno.EINVAL and system.features.get("link/netns") is Support.NO
        if old and named and str(namespace) == OWN:
            return _by_command(system, program, hook, where)
        why = explain_refusal(system, error, _HINTS, f"attach_type/{kind}")
        raise AttachError(program.name, where, why.reason, why.hint) from error
    return BpfLink(system, fd, hook=kind, program=program.name, target=where)


def _by_command(system: System, program: Attachable, hook: AttachType, where: str) -> Link:
    """Before links: always in the namespace of the caller."""
    kind = hook.name.lower()
    try:
        return attach_by_command(system, program, None, hook, hook=kind, where=where)
    except SyscallError as error:
        why = explain_refusal(system, error, _HINTS, f"attach_type/{kind}")
        raise AttachError(program.name, where, why.reason, why.hint) from error


def _open(system: System, namespace: str | os.PathLike[str] | SupportsFileno) -> OwnedFd:
    if not isinstance(namespace, str | os.PathLike):
        return system.syscalls.duplicate(namespace.fileno(), "network namespace")
    try:
        return OwnedFd(os.open(namespace, os.O_RDONLY | os.O_CLOEXEC), "network namespace")
    except OSError as error:
        raise SyscallError(error.errno or 0, "open", str(namespace)) from error
