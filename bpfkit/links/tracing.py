"""BTF-based programs: fentry, fexit, fmod_ret, and raw tracepoints with typed arguments.

What such a program attaches to was said when it was loaded, so attaching names nothing. They came
with Linux kernel commit f1b9509c2fb0 ("bpf: Replace prog_raw_tp+btf_id with prog_tracing") (in
v5.5); the descriptor is a bpf_link, since v5.7 by name too. `attach_freplace` puts a program in the
place of a global function of another one.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from ..errors import AttachError, SyscallError
from ..syscalls.fd import OwnedFd
from ..syscalls.requests import TracingLink as Options
from ..uapi.bpf import ProgType
from .base import Attachable, Method
from .bpf_link import BpfLink

if TYPE_CHECKING:
    from ..system import System

UNNAMED = "what it was loaded for"
NO_ATTACH_TYPE = 0

HINTS = {
    errno.EPERM: "run as root, or with CAP_BPF and CAP_PERFMON",
    errno.EINVAL: "only programs that were loaded for a function, a tracepoint or an LSM hook"
    " attach this way",
    errno.EBUSY: "the function is being changed by something else (live patching, ftrace), or is"
    " attached to already by a program that wants it for itself",
    errno.E2BIG: "too many programs are attached to the function already",
    errno.ENOENT: "it was attached before, and before Linux 5.13 a program attaches once: load it"
    " another time",
    errno.ENODEV: "the function cannot be traced: it is inlined, or its section is left out",
}


class TracingLink(BpfLink):
    """What BPF_RAW_TRACEPOINT_OPEN gives for a tracing program."""

    def __init__(
        self,
        system: System,
        fd: OwnedFd,
        *,
        hook: str,
        program: str,
        target: str,
        method: Method = Method.RAW_TRACEPOINT,
    ) -> None:
        """Take over ``fd``."""
        super().__init__(system, fd, hook=hook, program=program, target=target)
        self.method = method


def attach_tracing(
    system: System, program: Attachable, *, cookie: int = 0, hook: str = "tracing"
) -> TracingLink:
    """Call ``program`` where it was loaded to be called.

    ``cookie`` is what bpf_get_attach_cookie() gives there; it came with Linux kernel commit
    2fcc82411e74 ("bpf, x86: Attach a cookie to fentry/fexit/fmod_ret/lsm.") (in v5.19).

    Raises AttachError.
    """
    target = target_of(program)
    try:
        if cookie:
            fd = system.syscalls.link_create(
                program.fileno(), 0, attach_type_of(program), options=Options(cookie=cookie)
            )
        else:
            fd = system.syscalls.raw_tracepoint_open(None, program.fileno())
    except SyscallError as error:
        hint = HINTS.get(error.errno or 0, "")
        if cookie and error.errno == errno.EINVAL:
            hint = "cookies of tracing programs came with Linux 5.19"
        raise AttachError(program.name, target, str(error), hint) from error
    method = Method.LINK if cookie else Method.RAW_TRACEPOINT
    return TracingLink(system, fd, hook=hook, program=program.name, target=target, method=method)


def attach_freplace(
    system: System, program: Attachable, *, owner: Attachable | None = None, btf_id: int = 0
) -> TracingLink:
    """Run ``program`` in place of the function it was loaded to replace.

    With ``owner`` in the function ``btf_id`` of another program than the one it was loaded for,
    which must have the same prototype; that came with Linux kernel commit 4a1e7c0c63e0 ("bpf:
    Support attaching freplace programs to multiple attach points") (in v5.10).

    Raises AttachError.
    """
    target = target_of(program)
    if program.type is not ProgType.EXT:
        raise AttachError(
            program.name,
            target,
            f"it was loaded as {program.type}",
            'declare it with SEC("freplace/FUNCTION")',
        )
    try:
        fd = system.syscalls.link_create(
            program.fileno(),
            owner.fileno() if owner is not None else 0,
            NO_ATTACH_TYPE,
            options=Options(btf_id=btf_id) if owner is not None else None,
        )
    except SyscallError as error:
        raise AttachError(
            program.name, target, str(error), _REPLACE_HINTS.get(error.errno or 0, "")
        ) from error
    return TracingLink(
        system, fd, hook="freplace", program=program.name, target=target, method=Method.LINK
    )


_REPLACE_HINTS = {
    errno.EPERM: HINTS[errno.EPERM],
    errno.EBUSY: "the function is replaced by another program, or traced by fentry or fexit",
    errno.EINVAL: "the function must be global, have the same prototype and belong to a program"
    " of the type that it was loaded for; attaching needs Linux 5.10",
    errno.ENOENT: "the program it was loaded for is gone: name another one with owner=",
}


def target_of(program: Attachable) -> str:
    """What the program was loaded for, as far as it is known."""
    return getattr(program, "attach_to", "") or UNNAMED


def attach_type_of(program: Attachable) -> int:
    """The attach type it was loaded with; 0 when that is not known."""
    return int(getattr(program, "attach_type", None) or 0)
