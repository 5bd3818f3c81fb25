"""The helper process: it imports libclang and llvmlite once and forks a child for each job.

libclang can be made to overflow its stack, and LLVM ends the process on an error; LLVM's CO-RE pass
may run only once in a process besides. So a child does one job, whole, and may die of it. A job
arrives on the control socket (descriptor 0) as one datagram that carries two descriptors: a socket
that speaks `wire`, and a pipe that becomes the child's standard error.

What is pure Python and worth keeping is done by the helper itself before it forks: types of the
kernel are decoded and the prelude is put together here, so that the next job finds them decoded.

The helper ends when its control socket closes, and its children with it; a child also ends when
its client hangs up.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import os
import pickle
import resource
import select
import signal
import socket
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import ModuleType

from ...btf.core import Relocator, Resolved
from ...errors import (
    BpfkitError,
    CompileError,
    FormatError,
    LoadError,
    MissingDependencyError,
)
from ...obj.read import read_object
from ..parse_input import ParseInput
from ..values import write_value
from .asked import AskedFacts, NoKernel, TypeStore
from .jobs import IrJob, Job, TextJob
from .wire import Channel, ClosedError, Kind

PR_SET_PDEATHSIG = 1


class OutOfTimeError(Exception):
    """The helper's own part of a job took too long; the child gets all of it."""


# ---------------------------------------------------------------- LLVM


def load_llvm() -> ModuleType:
    """Import llvmlite and initialise the BPF targets."""
    llvm = importlib.import_module("llvmlite.binding")

    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    return llvm


def compile_ir(llvm: ModuleType, ir: str, *, triple: str, cpu: str) -> bytes:
    """Optimise a module and write it as an ELF object. Raises RuntimeError for a wrong module."""
    target = llvm.Target.from_triple(triple)
    machine = target.create_target_machine(cpu=cpu, opt=2, reloc="default")
    module = llvm.parse_assembly(ir)
    module.verify()
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    # Wide loads and stores of several members confuse the verifier more than they save.
    options.slp_vectorization = False
    options.loop_vectorization = False
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    return bytes(machine.emit_object(module))


def resolve(elf: bytes, facts: AskedFacts) -> Iterator[Resolved]:
    """Give the CO-RE relocations of an object that the kernel's own types answer."""
    spec = read_object(elf)
    functions = (*spec.programs.values(), *spec.functions.values())
    relocs = {(r.type_id, r.access, r.kind): r for f in functions for r in f.core_relocs}
    if spec.btf is None or not relocs:
        return
    relocator = Relocator(spec.btf, (facts.btf,))
    for question, reloc in relocs.items():
        # What the kernel lacks a module may have; what is wrong is told when it is loaded.
        with contextlib.suppress(LoadError, FormatError):
            if relocator.candidates(reloc.type_id):
                yield (*question, relocator.resolve(reloc))


# ---------------------------------------------------------------- one job, in its child


def answer(job: Job, work: Callable[[], tuple[Kind, bytes]]) -> tuple[Kind, bytes]:
    """Do the work of a child within the job's processor time; what comes of it, as a frame."""
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, job.time_limit_s)
    try:
        return work()
    except CompileError as error:
        return Kind.REFUSED, write_value(error.diagnostics)
    except MissingDependencyError as error:
        return Kind.MISSING, str(error).encode()
    except MemoryError:
        return Kind.EXHAUSTED, b""
    except Exception as error:
        return Kind.BROKEN, f"{type(error).__name__}: {error}".encode(errors="replace")
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


REHEARSAL = """
struct value_t { u64 count; char name[16]; };
BPF_HASH(counts, u32, struct value_t);
int rehearse(void *ctx) {
    u32 key = bpf_get_current_pid_tgid() >> 32;
    struct value_t zero = {}, *value = counts.lookup_or_try_init(&key, &zero);
    if (value != NULL)
        value->count += 1;
    for (int i = 0; i < 4; i++)
        bpf_trace_printk("%d\\n", key);
    return 0;
}
"""
"""Uses what most texts use; known to be harmless."""


class Helper:
    """Forks children and reports how they ended."""

    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self.jobs: dict[int, socket.socket] = {}
        self.types = TypeStore()
        self.llvm: ModuleType | None = None
        self.failure = ""
        self.rehearsed = False

    def load(self) -> None:
        """Import what every job needs."""
        try:
            self.llvm = load_llvm()
        except Exception as error:
            self.failure = str(error)
        from ..frontend.clangffi import clang

        with contextlib.suppress(MissingDependencyError):
            clang()

    def need_llvm(self) -> ModuleType:
        """LLVM; raises MissingDependencyError without it."""
        if self.llvm is None:
            raise MissingDependencyError(
                f"compiling C needs the package 'llvmlite' ({self.failure}); "
                "run: pip install llvmlite"
            )
        return self.llvm

    def rehearse(self) -> None:
        """Compile a small text of our own here, up to LLVM: children then find all tables made."""
        from ..api import compile_c
        from ..source import Source
        from ..target import Target

        def emit(ir: str, *, cpu: str, source: str, triple: str) -> bytes:
            return b""

        with contextlib.suppress(BpfkitError):
            compile_c(Source(REHEARSAL), Target(NoKernel()), emit=emit)
        gc.collect()

    # ------------------------------------------------------------ jobs

    def work_on_ir(self, job: IrJob) -> tuple[Kind, bytes]:
        """IR to object."""
        llvm = self.need_llvm()
        try:
            return Kind.OBJECT, compile_ir(llvm, job.ir, triple=job.triple, cpu=job.cpu)
        except RuntimeError as error:
            return Kind.BROKEN, f"LLVM refused the module: {error}".encode(errors="replace")

    def work_on_text(
        self, job: TextJob, facts: AskedFacts, parts: ParseInput | None
    ) -> tuple[Kind, bytes]:
        """Text to object. ``parts`` is what the helper has put together."""
        from ..api import compile_c

        def emit(ir: str, *, cpu: str, source: str, triple: str) -> bytes:
            return compile_ir(self.need_llvm(), ir, triple=triple, cpu=cpu)

        source, target = job.source(), job.target(facts)
        compiled = compile_c(source, target, job.external, emit=emit, parts=parts)
        compiled = replace(compiled, resolved=tuple(resolve(compiled.elf, facts)))
        return Kind.COMPILED, write_value(compiled)

    def prepare(self, job: TextJob, facts: AskedFacts) -> ParseInput | None:
        """Put the prelude together; None when that fails: the child tries again and reports."""
        from ..source import assemble

        def late(*_: object) -> None:
            raise OutOfTimeError

        before = signal.signal(signal.SIGPROF, late)
        signal.setitimer(signal.ITIMER_PROF, job.time_limit_s)
        try:
            return assemble(job.source(), job.target(facts))
        except Exception:  # whatever it is: it must not end the helper
            return None
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.signal(signal.SIGPROF, before)

    # ------------------------------------------------------------ children

    def serve(self) -> None:
        """Serve until the client is gone."""
        wake, tell = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(tell)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        while True:
            waiting = select.poll()
            waiting.register(self.control, select.POLLIN)
            waiting.register(wake, select.POLLIN)
            for socket_ in self.jobs.values():
                waiting.register(socket_, 0)  # tells only that the client hung up
            ready = {fd for fd, _ in waiting.poll()}
            if wake in ready:
                os.read(wake, 4096)
                self.reap()
            for child, socket_ in self.jobs.items():
                if socket_.fileno() in ready:
                    os.kill(child, signal.SIGKILL)
            if self.control.fileno() in ready and not self.accept():
                return

    def accept(self) -> bool:
        """Start a child for the next job; False when the client is gone."""
        message, descriptors, _, _ = socket.recv_fds(self.control, 16, 2)
        if not message:
            return False
        if len(descriptors) != 2:
            for descriptor in descriptors:
                os.close(descriptor)
            return True
        errors = descriptors[1]
        job = socket.socket(fileno=descriptors[0])
        try:
            self.start(job, errors)
        except ClosedError:
            job.close()
        finally:
            os.close(errors)
        return True

    def start(self, job: socket.socket, errors: int) -> None:
        """Read a job, do what is done here, and fork a child for the rest."""
        channel = Channel(job)
        kind, content = channel.receive()
        request = pickle.loads(content)  # from our client, which started us
        if kind is Kind.TEXT:
            facts = AskedFacts(channel.ask, self.types)
            parts = self.prepare(request, facts)

            def work() -> tuple[Kind, bytes]:
                return self.work_on_text(request, facts, parts)
        else:

            def work() -> tuple[Kind, bytes]:
                return self.work_on_ir(request)

        helper = os.getpid()
        child = os.fork()
        if child:
            self.jobs[child] = job
            if kind is Kind.TEXT and not self.rehearsed:
                self.rehearsed = True  # while the first child works, and not before: it waits
                self.rehearse()
            return
        status = 1
        try:
            self.become_child(errors, helper)
            channel.send(*answer(request, work))
            status = 0
        finally:
            os._exit(status)

    def become_child(self, errors: int, helper: int) -> None:
        """Leave behind what is the helper's."""
        gc.disable()  # a short life: looking for cycles would only touch shared pages
        signal.set_wakeup_fd(-1)
        self.control.close()
        for other in self.jobs.values():
            other.close()
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != helper:
            os._exit(1)
        os.dup2(errors, 2)

    def reap(self) -> None:
        """Tell the clients of ended children how they ended."""
        while self.jobs:
            try:
                child, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not child:
                return
            job = self.jobs.pop(child, None)
            if job is not None:
                with job, contextlib.suppress(ClosedError):  # the client may have gone away
                    Channel(job).send(Kind.ENDED, struct.pack("<i", status))

    def end(self) -> None:
        """Take the children along."""
        for child in self.jobs:
            os.kill(child, signal.SIGKILL)
        deadline = time.monotonic() + 1
        while self.jobs and time.monotonic() < deadline:
            self.reap()
            time.sleep(0.001)


def limit_memory(limit_bytes: int) -> None:
    """Limit what this process, and each child, may have of its own memory."""
    resource.setrlimit(resource.RLIMIT_DATA, (limit_bytes, limit_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main(memory_limit_bytes: int) -> None:
    """Run the helper on the control socket at descriptor 0."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    limit_memory(memory_limit_bytes)
    helper = Helper(socket.socket(fileno=0))
    try:
        helper.load()
        helper.serve()
    finally:
        helper.end()
        os._exit(0)
