"""A live program."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Self

from ..syscalls.fd import OwnedFd
from ..syscalls.requests import ProgCode, ProgInfo, TestRun, TestRunResult
from ..system import System
from ..uapi.bpf import AttachType, ProgType
from .stats import RunStats

# The kernel runs these once, in the caller's task, and refuses to be told how often.
_RUN_ONCE = frozenset({ProgType.SYSCALL, ProgType.RAW_TRACEPOINT, ProgType.RAW_TRACEPOINT_WRITABLE})


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
        self.attach_to = ""
        """What it was loaded for, as a person would say it: "fentry of vfs_read"; else empty."""
        self.attach_type: AttachType | None = None
        """The attach type it was loaded with."""

    def fileno(self) -> int:
        """The descriptor."""
        return self._fd.fileno()

    def info(self) -> ProgInfo:
        """What the kernel says about the program. Raises SyscallError."""
        return self._system.syscalls.prog_info(self.fileno())

    def code(self) -> ProgCode:
        """The instructions as the verifier left them, and the machine code. Raises SyscallError."""
        return self._system.syscalls.prog_code(self.fileno())

    def stats(self) -> RunStats:
        """How often the program ran and how long, while `stats.count_runs` was on."""
        info = self.info()
        return RunStats(info.run_count, info.run_time_ns, info.recursion_misses)

    def test_run(
        self,
        data: bytes = b"",
        *,
        context: bytes = b"",
        repeat: int | None = None,
        data_out: int = 0,
        context_out: int = 0,
        flags: int = 0,
        cpu: int = 0,
        batch: int = 0,
    ) -> TestRunResult:
        """Run the program on a packet or context of ours (BPF_PROG_TEST_RUN).

        ``repeat`` is how often, once if None; ``data_out`` and ``context_out`` are the bytes there
        is room for to get back what the program left. ``flags`` are a TestRunFlag: on ``cpu``, or
        XDP with frames that are really sent, ``batch`` at a time.

        Raises SyscallError that says what such programs take.
        """
        if repeat is None:
            repeat = 0 if self.type in _RUN_ONCE else 1
        request = TestRun(data, context, repeat, data_out, context_out, flags, cpu, batch)
        subject = f"program '{self.name}' ({self.type})"
        return self._system.syscalls.prog_test_run(self.fileno(), request, subject=subject)

    def pin(self, path: str | os.PathLike[str]) -> None:
        """Keep the program alive under a name in a BPF file system; folders on the way are made.

        Raises SyscallError: EEXIST when the name is taken.
        """
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._system.syscalls.obj_pin(self.fileno(), os.fspath(path))

    def unpin(self, path: str | os.PathLike[str]) -> bool:
        """Take a name away; False when there was none. The program lives on while it is used."""
        try:
            Path(path).unlink()
        except FileNotFoundError:
            return False
        return True

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
