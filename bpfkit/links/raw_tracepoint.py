"""Raw tracepoints: the tracepoint's own arguments, without the record perf makes of them.

They came with Linux kernel commit c4f6699dfcb8 ("bpf: introduce BPF_RAW_TRACEPOINT") (in v4.17).
The descriptor is a bpf_link since v5.7.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from ..errors import AttachError, SyscallError
from ..syscalls.fd import OwnedFd
from ..uapi.bpf import ProgType
from .base import Attachable, Link, Method
from .bpf_link import BpfLink
from .explain import Explanation, explain_raw_tracepoint

if TYPE_CHECKING:
    from ..system import System


class RawTracepointLink(BpfLink):
    """What BPF_RAW_TRACEPOINT_OPEN gives: a bpf_link since Linux 5.7."""

    def __init__(self, system: System, fd: OwnedFd, program: str, target: str) -> None:
        """Take over ``fd``."""
        super().__init__(system, fd, hook="raw_tracepoint", program=program, target=target)
        self.method = Method.RAW_TRACEPOINT


def attach_raw_tracepoint(
    system: System, program: Attachable, name: str, *, cookie: int = 0
) -> Link:
    """Call ``program`` each time the kernel passes the tracepoint ``name`` (no category).

    A program of type RAW_TRACEPOINT_WRITABLE may change what tracepoints that allow it pass.
    ``cookie`` is what bpf_get_attach_cookie() gives there, since Linux 6.10.

    Raises AttachError, with the nearest names when there is no such tracepoint.
    """
    target = f"raw tracepoint {name}"
    try:
        fd = system.syscalls.raw_tracepoint_open(name, program.fileno(), cookie)
    except SyscallError as error:
        why = _explain(error, system, program, name)
        raise AttachError(program.name, target, why.reason, why.hint) from error
    return RawTracepointLink(system, fd, program.name, target)


def _explain(error: SyscallError, system: System, program: Attachable, name: str) -> Explanation:
    if error.errno == errno.ENOENT:
        return explain_raw_tracepoint(name, system.facts.tracefs.events())
    if error.errno == errno.EPERM:
        return Explanation(str(error), "run as root, or with CAP_BPF and CAP_PERFMON")
    if error.errno == errno.EINVAL and program.type is ProgType.RAW_TRACEPOINT_WRITABLE:
        hint = "the tracepoint lets nothing be written, or less than the program writes"
        return Explanation(str(error), hint)
    if error.errno == errno.EINVAL:
        hint = f"the program is a {program.type}, or uses more arguments than the tracepoint has"
        return Explanation(str(error), hint)
    return Explanation(str(error))
