"""BTF-based programs: fentry, fexit, fmod_ret, LSM, and raw tracepoints with typed arguments.

What such a program attaches to was said when it was loaded, so attaching names nothing. They came
with Linux kernel commit f1b9509c2fb0 ("bpf: Replace prog_raw_tp+btf_id with prog_tracing") (in
v5.5); the descriptor is a bpf_link, since v5.7 by name too.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from ..errors import AttachError, SyscallError
from .base import Attachable, Link, Method

if TYPE_CHECKING:
    from ..system import System

_HINTS = {
    errno.EPERM: "run as root, or with CAP_BPF and CAP_PERFMON",
    errno.EINVAL: "only programs that were loaded for a function, a tracepoint or an LSM hook"
    " attach this way",
    errno.EBUSY: "the function is being changed by something else (live patching, ftrace)",
    errno.E2BIG: "too many programs are attached to the function already",
}


def attach_tracing(system: System, program: Attachable) -> Link:
    """Call ``program`` where it was loaded to be called. Raises AttachError."""
    try:
        fd = system.syscalls.raw_tracepoint_open(None, program.fileno())
    except SyscallError as error:
        hint = _HINTS.get(error.errno or 0, "")
        raise AttachError(program.name, "what it was loaded for", str(error), hint) from error
    return Link(
        hook="tracing",
        program=program.name,
        target="what it was loaded for",
        method=Method.RAW_TRACEPOINT,
        fds=(fd,),
    )
