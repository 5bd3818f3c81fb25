"""Links that the kernel knows as objects: with an id, information, a name in a file system.

They came with Linux kernel commit af6eea57437a ("bpf: Implement bpf_link-based cgroup BPF program
attachment") (in v5.7), for one hook after the other.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..errors import AttachError, SyscallError
from ..handles.pin import pin
from ..syscalls.fd import OwnedFd
from ..syscalls.requests import LinkInfo, LinkOptions
from ..uapi.bpf import AttachType
from .base import Attachable, Link, Method
from .explain import Explanation

if TYPE_CHECKING:
    from ..system import System

Explain = Callable[[SyscallError], Explanation]


class BpfLink(Link):
    """A bpf_link of the kernel."""

    def __init__(
        self, system: System, fd: OwnedFd, *, hook: str, program: str, target: str
    ) -> None:
        """Take over ``fd``."""
        super().__init__(hook=hook, program=program, target=target, method=Method.LINK, fds=(fd,))
        self._system = system

    def info(self) -> LinkInfo:
        """What the kernel says about the link. Raises SyscallError."""
        return self._system.syscalls.link_info(self.fileno())

    def update(self, program: Attachable) -> None:
        """Put another program in place of the one that runs, with no packet or call in between.

        Raises AttachError where the kernel cannot.
        """
        try:
            self._system.syscalls.link_update(self.fileno(), program.fileno())
        except SyscallError as error:
            hint = _UPDATE_HINTS.get(error.errno or 0, "")
            raise AttachError(program.name, self.target, str(error), hint) from error
        self.program = program.name

    def pin(self, path: str | os.PathLike[str]) -> None:
        """Give the link a name in a BPF file system, by which it outlives this process.

        Raises SyscallError: EEXIST when the name is taken.
        """
        pin(self._system, self, os.fspath(path))


_UPDATE_HINTS = {
    errno.EINVAL: "the new program must be of the same type and for the same attach type",
    errno.ENOLINK: "what it was attached to is gone",
    errno.EOPNOTSUPP: "links of this hook keep their program: close this one and attach the other",
}


def make_link(
    system: System,
    program: Attachable,
    target: int,
    attach_type: AttachType,
    *,
    hook: str,
    where: str,
    explain: Explain,
    flags: int = 0,
    options: LinkOptions | None = None,
) -> BpfLink:
    """Create a bpf_link; ``explain`` turns a refusal into the AttachError that is raised.

    ``target`` is a descriptor or the index of a device, and ``where`` what a person calls it.
    """
    try:
        fd = system.syscalls.link_create(
            program.fileno(), target, attach_type, flags=flags, options=options
        )
    except SyscallError as error:
        why = explain(error)
        raise AttachError(program.name, where, why.reason, why.hint) from error
    return BpfLink(system, fd, hook=hook, program=program.name, target=where)
