"""The client of the helper: one helper for each process, started when first needed.

The helper is a new Python, never a fork of the user's process, which may have threads. Jobs of
several threads run at the same time, each in its own child. After ``os.fork`` the new process
starts a helper of its own. The helper ends when its control socket closes: at exit, or when the
process is killed.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from ...errors import CompileError, MissingDependencyError
from ..compiled import Compiled
from ..diagnostics import Diagnostic, Severity
from ..values import read_value, write_value
from .jobs import IrJob, Job, TextJob
from .messages import located
from .wire import Kind, frame, take_frame

TIME_LIMIT_S = 30.0
"""Processor time of a job."""
PATIENCE = 10
GRACE_S = 10.0
"""We wait for a job for so many times its limit, and this, before we give the helper up: on a busy
machine a second of processor time takes many.
"""
MEMORY_LIMIT_BYTES = 3 << 30
"""What the helper, and each child, may have of its own memory; a tool needs 0.15 GB."""

Answer = Callable[[tuple[str, ...]], object]
"""Gives the helper a fact of the kernel: its name, then its arguments."""

_NAME = __package__ + ".worker"
_ROOT = str(Path(__file__).resolve().parents[len(__package__.split("."))])
_WHOLE = frozenset({Kind.OBJECT, Kind.COMPILED, Kind.REFUSED})
"""Answers that need no more: nobody waits for the child to end."""
_START = "import sys; name, limit, *sys.path = sys.argv[1:]; \
import importlib; importlib.import_module(name).main(int(limit))"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ended: what the child answered, its wait status, what it wrote to standard error.

    ``kind`` is None when it died before it could answer.
    """

    kind: Kind | None
    content: bytes
    status: int
    errors: str


class HelperLostError(Exception):
    """The helper ended before it could report on a job."""


@dataclass(slots=True)
class Backend:
    """A helper process and the way to it."""

    time_limit_s: float = TIME_LIMIT_S
    memory_limit_bytes: int = MEMORY_LIMIT_BYTES
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
        # The paths are ours: the helper runs without its own set-up of site-packages.
        paths = [_ROOT, *(path for path in sys.path if path)]
        limit = str(self.memory_limit_bytes)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _START, _NAME, limit, *paths],
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

    def run(self, job: Job, answer: Answer | None = None) -> Outcome:
        """Run one job. A helper that was lost in the middle is replaced once.

        ``answer`` gives facts of the kernel; what it raises ends the job and comes out of here.
        """
        process = self._process
        job = replace(job, time_limit_s=self.time_limit_s)
        try:
            return self._run_once(job, answer)
        except (HelperLostError, ConnectionError):
            with self._lock:
                # It may be dying still. Another thread may have replaced it already.
                if self._process is process:
                    self._discard()
            return self._run_once(job, answer)

    def _run_once(self, job: Job, answer: Answer | None) -> Outcome:
        kind = Kind.IR if isinstance(job, IrJob) else Kind.TEXT
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
                deadline = time.monotonic() + PATIENCE * self.time_limit_s + GRACE_S
                talk = _Conversation(ours, errors, deadline, answer)
                try:
                    return talk.run(frame(kind, write_value(job)))
                except TimeoutError as late:
                    self.stop()
                    message = "the compiler's helper process does not answer"
                    raise CompileError([_error(message, "try again")]) from late
            finally:
                os.close(errors)


class _Conversation:
    """One job, from the request to the end of its child."""

    def __init__(
        self, job: socket.socket, errors: int, deadline: float, answer: Answer | None
    ) -> None:
        self._job = job
        self._errors = errors
        self._deadline = deadline
        self._answer = answer
        self._to_send = bytearray()
        self._received = bytearray()
        self._said = bytearray()
        self._result: tuple[Kind | None, bytes] = (None, b"")
        self._status: int | None = None

    def run(self, request: bytes) -> Outcome:
        """Send the request; read answers and errors until both ends are closed."""
        self._to_send += request
        self._job.setblocking(False)
        open_ends = {self._job.fileno(), self._errors}
        while open_ends and self._result[0] not in _WHOLE:
            left = self._deadline - time.monotonic()
            writing = [self._job] if self._to_send else []
            readable, writable, _ = select.select(list(open_ends), writing, [], max(left, 0))
            if not readable and not writable and left <= 0:
                raise TimeoutError
            if writable:
                del self._to_send[: self._job.send(self._to_send)]
            if self._errors in readable and not self._read_errors():
                open_ends.discard(self._errors)
            if self._job.fileno() in readable and not self._read_frames():
                open_ends.discard(self._job.fileno())
        status = 0 if self._result[0] in _WHOLE else self._status
        if status is None:
            raise HelperLostError
        return Outcome(*self._result, status, self._said.decode(errors="replace"))

    def _read_errors(self) -> bool:
        chunk = os.read(self._errors, 65536)
        self._said += chunk
        return bool(chunk)

    def _read_frames(self) -> bool:
        chunk = self._job.recv(1 << 20)
        self._received += chunk
        while (taken := take_frame(self._received)) is not None:
            kind, content = taken
            if kind is Kind.ASK:
                self._to_send += frame(Kind.ANSWER, write_value(self._fact(content)))
            elif kind is Kind.ENDED:
                (self._status,) = struct.unpack("<i", content)
            else:
                self._result = kind, content
        return bool(chunk)

    def _fact(self, content: bytes) -> object:
        question = read_value(content)
        assert self._answer is not None
        return self._answer(question)


def _error(message: str, hint: str = "") -> Diagnostic:
    return Diagnostic(Severity.ERROR, message, hint=hint)


_BACKEND = Backend()
"""The one helper of this process. It holds a resource of the process, like its standard streams."""

atexit.register(_BACKEND.stop)
os.register_at_fork(after_in_child=_BACKEND.forget)


def warm_up() -> None:
    """Start the helper now, so that it gets ready while the caller does something else."""
    with contextlib.suppress(OSError):
        _BACKEND.start()


def compile_ir(
    ir: str, *, cpu: str, source: str = "", triple: str = "bpfel", backend: Backend | None = None
) -> bytes:
    """Compile an LLVM module to a BPF object (ELF with .BTF and .BTF.ext).

    ``source`` is the C text, for the lines of diagnostics. Raises CompileError when LLVM refuses
    the module, dies of it, or takes too long or too much.
    """
    outcome = _run(backend or _BACKEND, IrJob(ir, triple, cpu, 0), source, None)
    return outcome.content


def compile_text(job: TextJob, answer: Answer, backend: Backend | None = None) -> Compiled:
    """Compile a C text in a child of the helper, which asks ``answer`` for facts of the kernel.

    Raises CompileError, also when the compiler dies of the text; and what ``answer`` raises.
    """
    outcome = _run(backend or _BACKEND, job, job.text, answer)
    compiled = read_value(outcome.content)
    assert isinstance(compiled, Compiled)
    return compiled


def _run(backend: Backend, job: Job, source: str, answer: Answer | None) -> Outcome:
    try:
        outcome = backend.run(job, answer)
    except (HelperLostError, ConnectionError, BlockingIOError) as error:
        message = f"the compiler's helper process was lost: {error!r}"
        raise CompileError([_error(message, "try again")]) from error
    if outcome.status == 0 and outcome.kind in (Kind.OBJECT, Kind.COMPILED):
        return outcome
    raise failure(outcome, source, backend)


def failure(outcome: Outcome, source: str, limits: Backend) -> Exception:
    """The exception for a job without an object."""
    if outcome.kind is Kind.MISSING:
        return MissingDependencyError(outcome.content.decode(errors="replace"))
    if outcome.kind is Kind.REFUSED:
        return CompileError(read_value(outcome.content))
    if outcome.kind is Kind.BROKEN:
        text = outcome.content.decode(errors="replace").strip()
        return CompileError([_error(f"internal error: {text}", "please report this text")])
    return CompileError(_death(outcome, source, limits))


def _death(outcome: Outcome, source: str, limits: Backend) -> list[Diagnostic]:
    """What to say of a child that did not answer."""
    tail = outcome.errors.strip()[-2000:]
    if outcome.kind is Kind.EXHAUSTED or "out of memory" in tail or "bad_alloc" in tail:
        size = limits.memory_limit_bytes >> 20
        return [_error(f"the program took the compiler more than {size} MiB", _SMALLER)]
    found = located(outcome.errors, source)
    if found:
        return found
    if not os.WIFSIGNALED(outcome.status):
        return [_error(f"LLVM failed: {tail or 'it said nothing'}", _SMALLER)]
    number = os.WTERMSIG(outcome.status)
    if number == signal.SIGPROF:
        taken = f"{limits.time_limit_s:g} seconds of processor time"
        message = f"the program took the compiler more than {taken}"
        return [_error(message, _SMALLER)]
    name = signal.Signals(number).name
    if number == signal.SIGSEGV:
        return [_error(f"the compiler died of {name}: {tail or 'no stack was left'}", _FLATTER)]
    return [_error(f"the compiler died of {name}: {tail or 'it said nothing'}", _SMALLER)]


_SMALLER = "make the program smaller, or unroll less"
_FLATTER = "split what is nested deeply, or very long, into several statements"
