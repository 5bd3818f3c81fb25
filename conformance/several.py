"""Several kernels at a time: a command of its own for each, with its own guest, output and end.

An emulated guest keeps one core busy, so as many run as the machine has cores. What a command
printed is shown whole when it ends. Ctrl-C reaches all of them through the terminal; whoever
leaves earlier takes them along.
"""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO

from .staging import ROOT

END_S = 10.0
"""How long a command may take to end after it was asked to."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that ended: its exit status, and all it printed."""

    name: str
    status: int
    output: bytes


@dataclass(frozen=True, slots=True)
class _Running:
    name: str
    process: subprocess.Popen[bytes]
    output: IO[bytes]

    def ended(self) -> Ended:
        """Take the status and the output of a process that is over."""
        status = self.process.wait()
        self.output.seek(0)
        return Ended(self.name, status, self.output.read())


def run_several(commands: Mapping[str, Sequence[str]], jobs: int) -> Iterator[Ended]:
    """Run commands by name, ``jobs`` at a time, and give each when it has ended."""
    waiting = list(commands.items())
    running: dict[int, _Running] = {}
    with contextlib.ExitStack() as files:
        try:
            while waiting or running:
                while waiting and len(running) < max(jobs, 1):
                    name, argv = waiting.pop(0)
                    output = files.enter_context(tempfile.TemporaryFile())
                    process = subprocess.Popen(argv, cwd=ROOT, stdout=output, stderr=output)
                    descriptor = os.pidfd_open(process.pid)
                    files.callback(os.close, descriptor)
                    running[descriptor] = _Running(name, process, output)
                for descriptor in select.select(list(running), [], [])[0]:
                    yield running.pop(descriptor).ended()
        finally:
            for left in running.values():
                left.process.terminate()
            for left in running.values():
                _end(left.process)


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def one_kernel(kernel: str, arguments: Sequence[str]) -> list[str]:
    """The command that runs the suite in one kernel."""
    return [sys.executable, "-m", "conformance", "kernel", kernel, *arguments]
