"""Processes to be probed: the binaries beside, run one round at a time."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

BINARIES = Path(__file__).parent / "binaries"


class Target:
    """A running binary of ``binaries/target.c``."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.pid = process.pid

    def rounds(self, count: int = 1) -> None:
        """Have it call all its functions and pass all its probes ``count`` times."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        for _ in range(count):
            self._process.stdin.write(b".")
            assert self._process.stdout.read(1) == b"."


@contextlib.contextmanager
def running(name: str | Path = "pie") -> Iterator[Target]:
    """Run a binary; it waits for rounds, and ends afterwards."""
    with subprocess.Popen(
        [BINARIES / name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        # Popen is back before the kernel has mapped the whole file.
        assert process.stdout.read(1) == b"!"
        yield Target(process)
        process.stdin.close()


def path_of(name: str) -> str:
    """The path of a binary."""
    return str(BINARIES / name)
