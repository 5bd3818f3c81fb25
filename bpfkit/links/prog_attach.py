"""BPF_PROG_ATTACH: how programs were put on cgroups, sockmaps and the like before bpf_links.

What is attached so stays when its descriptors are closed. The link keeps descriptors of its own of
the target and of the program, and detaches that program, nobody else's.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import AttachError, SyscallError
from ..syscalls.fd import OwnedFd
from ..uapi.bpf import AttachFlag, AttachType
from .attaching import attaching
from .base import Attachable, Link, Method

if TYPE_CHECKING:
    from ..system import System

# Nothing attached, or what it was attached to is gone.
_GONE = frozenset({errno.ENOENT, errno.ENODEV, errno.EBADF, errno.ESTALE})


class CommandLink(Link):
    """An attachment made with BPF_PROG_ATTACH."""

    def __init__(self, state: Attached, *, hook: str, program: str, where: str) -> None:
        """Take over ``state``."""
        super().__init__(
            hook=hook, program=program, target=where, method=Method.COMMAND, undo=state.detach
        )
        self._state = state

    def update(self, program: Attachable) -> None:
        """Put another program in place of ours. Raises AttachError."""
        try:
            self._state.replace(program)
        except SyscallError as error:
            hint = "the new program must be of the same type and for the same attach type"
            raise AttachError(program.name, self.target, str(error), hint) from error
        self.program = program.name


@dataclass
class Attached:
    """What is attached to what. ``target`` is None for the thread's network namespace."""

    system: System
    target: OwnedFd | None
    program: OwnedFd
    attach_type: AttachType
    flags: int = 0
    shared: bool = False
    """Whether detaching looks only at the place, so that somebody has to ask whose it is."""
    armed: bool = True

    def attach(self) -> None:
        """Attach. Raises SyscallError."""
        self.system.syscalls.prog_attach(
            self._target, self.program.fileno(), self.attach_type, self.flags
        )

    def replace(self, program: Attachable) -> None:
        """Attach another program instead. Raises SyscallError."""
        new = self.system.syscalls.duplicate(program.fileno(), f"program '{program.name}'")
        flags, old = self.flags, 0
        if flags & AttachFlag.ALLOW_MULTI:
            flags, old = flags | AttachFlag.REPLACE, self.program.fileno()
        try:
            self.system.syscalls.prog_attach(
                self._target, new.fileno(), self.attach_type, flags, old
            )
        except BaseException:
            new.close()
            raise
        self.program, old_program = new, self.program
        old_program.close()

    def detach(self) -> None:
        """Detach our program, unless it is gone, and close the descriptors."""
        try:
            if self.armed and self._is_ours():
                self.system.syscalls.prog_detach(
                    self._target, self.program.fileno(), self.attach_type
                )
        except SyscallError as error:
            if error.errno not in _GONE:
                raise
        finally:
            self.program.close()
            if self.target is not None:
                self.target.close()

    @property
    def _target(self) -> int:
        return self.target.fileno() if self.target is not None else 0

    def _is_ours(self) -> bool:
        if not self.shared:
            return True
        syscalls = self.system.syscalls
        ours = syscalls.prog_info(self.program.fileno()).id
        return ours in syscalls.prog_query(self._target, self.attach_type)


def attach_by_command(
    system: System,
    program: Attachable,
    target: OwnedFd | None,
    attach_type: AttachType,
    *,
    hook: str,
    where: str,
    flags: int = 0,
    shared: bool = False,
) -> CommandLink:
    """Attach with BPF_PROG_ATTACH; takes ``target`` over. Raises SyscallError."""
    copy = system.syscalls.duplicate(program.fileno(), f"program '{program.name}'")
    state = Attached(system, target, copy, attach_type, flags, shared)
    link = CommandLink(state, hook=hook, program=program.name, where=where)
    with attaching(link, state):
        state.attach()
    return link
