"""What all commands of bpf(2) share: entering the kernel, and the error when it refuses."""

from __future__ import annotations

import ctypes
from typing import NoReturn, Protocol

from ..errors import SyscallError
from ..uapi.bpf import BpfCmd
from .call import Caller
from .hints import hint_for_call


class HasFileno(Protocol):
    """Anything with a descriptor."""

    def fileno(self) -> int:
        """The number."""


class BpfCalls:
    """What all commands share."""

    def __init__(self, caller: Caller, token: HasFileno | None = None) -> None:
        self._caller = caller
        self._token = token
        """A BPF token that gives the right to create, or None for the process's own rights."""

    def _command(
        self, command: BpfCmd, attr: ctypes.Structure, subject: str, hint: str | None = None
    ) -> int:
        result = self._caller.bpf(command, attr)
        if result < 0:
            self._fail(command, -result, subject, hint)
        return result

    def _fail(self, command: BpfCmd, code: int, subject: str, hint: str | None = None) -> NoReturn:
        raise SyscallError(
            code, str(command), subject, hint_for_call(command, code) if hint is None else hint
        )
