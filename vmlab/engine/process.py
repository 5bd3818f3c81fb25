"""Children that never outlive us: killed in ``close``, or by the kernel if we die first."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import IO, Self

_PR_SET_PDEATHSIG = 1
_ERROR_TAIL_BYTES = 4000


def die_with(parent: int) -> Callable[[], None]:
    """Return a function that, run in a child before exec, ties its life to that of ``parent``."""
    # Resolved here: between fork and exec nothing may take a lock that another thread could hold.
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    number = int(signal.SIGKILL)

    def tie() -> None:
        prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
        if os.getppid() != parent:  # it died before the call
            os.kill(os.getpid(), number)

    return tie


class ChildProcess:
    """A child in its own session, with nothing on stdin and its stderr kept for error messages.

    In its own session it does not get the terminal's Ctrl-C, so that only we decide when it ends.
    The signal at our death is tied to the thread that made the child: make and close it in one
    thread.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        pass_fds: Sequence[int] = (),
        env: dict[str, str] | None = None,
    ) -> None:
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed in close()
        try:
            self._process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=self._errors,
                stderr=self._errors,
                pass_fds=pass_fds,
                start_new_session=True,
                preexec_fn=die_with(os.getpid()),
                env=env,
            )
        except BaseException:
            self._errors.close()
            raise

    @property
    def pid(self) -> int:
        """The process ID, also of its session and process group."""
        return self._process.pid

    def running(self) -> bool:
        """Whether the child has not ended."""
        return self._process.poll() is None

    def error_text(self) -> str:
        """Return the end of what the child wrote on stdout and stderr."""
        size = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, size - _ERROR_TAIL_BYTES))
        return self._errors.read().decode(errors="replace").strip()

    def close(self) -> None:
        """Kill the child and all of its group, and wait for it. Calling it twice is harmless."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._errors.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
