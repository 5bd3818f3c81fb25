"""struct_ops: programs in the place of operations of the kernel, such as congestion control of TCP,
a scheduler or a queueing discipline.

They came with Linux kernel commit 85d33df357b6 ("bpf: Introduce BPF_MAP_TYPE_STRUCT_OPS") (in
v5.6). A structure in section ``.struct_ops.link`` is registered by a bpf_link, which came with
Linux kernel commit 68b04864ca42 ("bpf: Create links for BPF struct_ops maps.") (in v6.4); before
that, and in section ``.struct_ops``, by filling its map; the link that stands for it takes it off
again.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from ..errors import AttachError, SyscallError
from ..programs.struct_ops import KEY, StructOpsMap
from ..syscalls.fd import OwnedFd
from ..uapi.bpf import AttachType
from .base import Link, Method
from .bpf_link import BpfLink

if TYPE_CHECKING:
    from ..system import System


class StructOpsLink(BpfLink):
    """A registered structure."""

    def replace(self, ops: StructOpsMap) -> None:
        """Put another structure of the same kind in place, with no moment in between.

        Raises AttachError where the kernel cannot; not every kind lets itself be replaced.
        """
        try:
            self._system.syscalls.link_update(self.fileno(), ops.fileno())
        except SyscallError as error:
            hint = _REPLACE_HINTS.get(error.errno or 0, "")
            raise AttachError(ops.name, self.target, str(error), hint) from error
        self.program = ops.name


def attach_struct_ops(system: System, ops: StructOpsMap, kind: str) -> Link:
    """Register ``ops``, a structure of ``kind``, and take over its map. Raises AttachError."""
    target = f"struct {kind}"
    if not ops.link:
        registered = _Registration(system, ops.fd, f"struct_ops '{ops.name}'")
        return Link(
            hook="struct_ops",
            program=ops.name,
            target=target,
            method=Method.MAP,
            fds=(registered,),
            undo=registered.close,  # for the exit: what is registered outlives the descriptor
        )
    try:
        fd = system.syscalls.link_create(ops.fileno(), 0, AttachType.STRUCT_OPS)
    except SyscallError as error:
        hint = HINTS.get(error.errno or 0, "")
        raise AttachError(ops.name, target, str(error), hint) from error
    finally:
        ops.close()
    return StructOpsLink(system, fd, hook="struct_ops", program=ops.name, target=target)


class _Registration:
    """A map whose element is registered, until it is closed."""

    def __init__(self, system: System, fd: OwnedFd, subject: str) -> None:
        self._system = system
        self._fd = fd
        self._subject = subject
        self._open = True

    def fileno(self) -> int:
        """The map's descriptor."""
        return self._fd.fileno()

    def close(self) -> None:
        """Take the structure off and close the map. Calling it twice is harmless."""
        if self._open:
            self._open = False
            with self._fd:
                self._system.syscalls.map_delete(self.fileno(), KEY, subject=self._subject)


HINTS = {
    errno.EPERM: "run as root, or with CAP_BPF and what the subsystem asks for (CAP_NET_ADMIN)",
    errno.EEXIST: "something of this name is registered already",
    errno.EBUSY: "only one structure of this kind can be registered at a time",
    errno.EINVAL: "the structure lacks an operation or a name that its kind needs, or sets one that"
    " programs must not",
}
_REPLACE_HINTS = {
    errno.EINVAL: "the other structure must be of the same kind, in section .struct_ops.link, and"
    " have the same name where the kind has names",
    errno.EOPNOTSUPP: "structures of this kind cannot be replaced: close this link and attach the"
    " other one",
    errno.EPERM: "the other structure is registered already",
}
