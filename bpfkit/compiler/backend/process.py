"""The client of the LLVM helper: one helper for each process, started when first needed.

The helper is a new Python on ``worker.py``, never a fork of the user's process, which may have
threads. Jobs of several threads run at the same time, each in its own child. After ``os.fork``
the new process starts a helper of its own. The helper ends when its control socket closes: at
exit, or when the process is killed.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from ...errors import CompileError, MissingDependencyError
from ..diagnostics import Diagnostic, Severity
from .messages import located

WORKER = Path(__file__).with_name("worker.py")
TIME_LIMIT_S = 30.0
GRACE_S = 10.0
"""How much longer than a job's limit we wait before we give the helper up."""

OBJECT, REFUSED, MISSING = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ended: the child's answer, its wait status and what it wrote to standard error."""

    answer: bytes
    status: int
    errors: str


class HelperLostError(Exception):
    """The helper ended before it could report on a job."""


@dataclass(slots=True)
class Backend:
    """A helper process and the way to it."""

    time_limit_s: float = TIME_LIMIT_S
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _control: socket.socket | None = None
    _process: subprocess.Popen[bytes] | None = None

    # ------------------------------------------------------------ the helper's life

    def start(self) -> None:
        """Start the helper unless it runs. It gets ready while the caller goes on."""
        with self._lock:
            self._ensure()

    def stop(self) -> None:
        """End the helper and wait for it. Calling it twice is harmless."""
        with self._lock:
            self._discard()

    @property
    def pid(self) -> int:
        """The process id of the helper, 0 when none runs."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else 0

    def forget(self) -> None:
        """In a forked copy of the process: leave the helper to the parent."""
        self._lock = threading.Lock()
        control, self._control = self._control, None
        process, self._process = self._process, None
        if control is not None:
            control.close()
        if process is not None:
            process.returncode = 0  # it is no child of this process, so nobody here may wait for it

    def _ensure(self) -> socket.socket:
        if self._control is not None and self._process is not None and self._process.poll() is None:
            return self._control
        self._discard()
        if not sys.executable:
            raise MissingDependencyError("compiling C needs a Python interpreter (sys.executable)")
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(WORKER), *filter(None, sys.path)],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        self._control = ours
        return ours

    def _discard(self) -> None:
        control, self._control = self._control, None
        process, self._process = self._process, None
        if control is not None:
            control.close()
        if process is not None:
            try:
                process.wait(2)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    # ------------------------------------------------------------ jobs

    def run(self, ir: str, *, triple: str, cpu: str) -> Outcome:
        """Run one job. A helper that was lost in the middle is replaced once."""
        process = self._process
        try:
            return self._run_once(ir, triple, cpu)
        except (HelperLostError, ConnectionError):
            with self._lock:
                # It may be dying still. Another thread may have replaced it already.
                if self._process is process:
                    self._discard()
            return self._run_once(ir, triple, cpu)

    def _run_once(self, ir: str, triple: str, cpu: str) -> Outcome:
        head = json.dumps({"triple": triple, "cpu": cpu, "time_limit": self.time_limit_s}).encode()
        request = struct.pack("<I", len(head)) + head + ir.encode()
        ours, theirs = socket.socketpair()
        errors, errors_end = os.pipe2(os.O_CLOEXEC)
        with ours:
            try:
                try:
                    with self._lock:
                        control = self._ensure()
                        socket.send_fds(control, [b"job"], [theirs.fileno(), errors_end])
                finally:
                    theirs.close()
                    os.close(errors_end)
                return self._converse(ours, request, errors)
            finally:
                os.close(errors)

    def _converse(self, job: socket.socket, request: bytes, errors: int) -> Outcome:
        """Send the request and read answer and errors until both ends are closed."""
        deadline = time.monotonic() + self.time_limit_s + GRACE_S
        job.setblocking(False)
        answer, said, rest = bytearray(), bytearray(), memoryview(request)
        open_ends = {job.fileno(), errors}
        while open_ends:
            left = deadline - time.monotonic()
            if left <= 0:
                self.stop()
                raise CompileError([_error("the compiler's helper process does not answer")])
            writing = [job.fileno()] if rest else []
            readable, writable, _ = select.select(list(open_ends), writing, [], left)
            if writable:
                rest = rest[job.send(rest) :]
                if not rest:
                    job.shutdown(socket.SHUT_WR)
            if errors in readable:
                chunk = os.read(errors, 65536)
                said += chunk
                if not chunk:
                    open_ends.discard(errors)
            if job.fileno() in readable:
                chunk = job.recv(1 << 20)
                answer += chunk
                if not chunk:
                    open_ends.discard(job.fileno())
        if len(answer) < 4:
            raise HelperLostError
        (status,) = struct.unpack("<i", answer[-4:])
        return Outcome(bytes(answer[:-4]), status, said.decode(errors="replace"))


def _error(message: str, hint: str = "") -> Diagnostic:
    return Diagnostic(Severity.ERROR, message, hint=hint)


_BACKEND = Backend()
"""The one helper of this process. It holds a resource of the process, like its standard streams."""

atexit.register(_BACKEND.stop)
os.register_at_fork(after_in_child=_BACKEND.forget)


def warm_up() -> None:
    """Start the helper now, so that it gets ready while the text is parsed."""
    with contextlib.suppress(OSError):
        _BACKEND.start()


def compile_ir(
    ir: str, *, cpu: str, source: str = "", triple: str = "bpfel", backend: Backend | None = None
) -> bytes:
    """Compile an LLVM module to a BPF object (ELF with .BTF and .BTF.ext).

    ``source`` is the C text, for the lines of diagnostics. Raises CompileError when LLVM refuses
    the module, dies of it, or takes too long.
    """
    backend = backend or _BACKEND
    try:
        outcome = backend.run(ir, triple=triple, cpu=cpu)
    except (HelperLostError, OSError) as error:
        raise CompileError(
            [_error(f"the compiler's helper process was lost: {error!r}")]
        ) from error
    if outcome.status == 0 and outcome.answer and outcome.answer[0] == OBJECT:
        return outcome.answer[1:]
    raise failure(outcome, source, backend.time_limit_s)


def failure(outcome: Outcome, source: str, time_limit_s: float) -> Exception:
    """The exception for a job without an object."""
    if outcome.answer and outcome.answer[0] == MISSING:
        text = outcome.answer[1:].decode(errors="replace")
        return MissingDependencyError(
            f"compiling C needs the package 'llvmlite' ({text}); run: pip install llvmlite"
        )
    if outcome.answer and outcome.answer[0] == REFUSED:
        text = outcome.answer[1:].decode(errors="replace").strip()
        return CompileError([_error(f"internal error, LLVM refused the module: {text}")])
    found = located(outcome.errors, source)
    if found:
        return CompileError(found)
    tail = outcome.errors.strip()[-2000:]
    if os.WIFSIGNALED(outcome.status):
        number = os.WTERMSIG(outcome.status)
        if number == signal.SIGALRM:
            return CompileError(
                [
                    _error(
                        f"the program took LLVM more than {time_limit_s:g} seconds",
                        "make it smaller, or unroll less",
                    )
                ]
            )
        name = signal.Signals(number).name
        return CompileError([_error(f"LLVM died of {name}: {tail or 'it said nothing'}")])
    return CompileError([_error(f"LLVM failed: {tail or 'it said nothing'}")])
