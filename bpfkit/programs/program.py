"""A live program."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from ..syscalls.fd import OwnedFd
from ..syscalls.requests import ProgInfo, TestRun, TestRunResult
from ..system import System
from ..uapi.bpf import ProgType


class Program:
    """A program of the kernel, loaded and verified."""

    def __init__(
        self, fd: OwnedFd, name: str, type: ProgType, system: System, log: str = ""
    ) -> None:
        """Take over ``fd``."""
        self._fd = fd
        self._system = system
        self.name = name
        self.type = type
        self.log = log
        """What the verifier said, when it was asked for."""

    def fileno(self) -> int:
        """The descriptor."""
        return self._fd.fileno()

    def info(self) -> ProgInfo:
        """What the kernel says about the program."""
        return self._system.syscalls.prog_info(self.fileno())

    def test_run(
        self, data: bytes = b"", *, context: bytes = b"", repeat: int = 1, data_out: int = 0
    ) -> TestRunResult:
        """Run the program on a packet or context of ours (BPF_PROG_TEST_RUN)."""
        request = TestRun(data=data, context=context, repeat=repeat, data_out=data_out)
        subject = f"program '{self.name}'"
        return self._system.syscalls.prog_test_run(self.fileno(), request, subject=subject)

    def close(self) -> None:
        """Close the descriptor; links keep the program. Calling it twice is harmless."""
        self._fd.close()

    def __repr__(self) -> str:
        return f"<Program '{self.name}': {self.type}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
