"""The helper process around LLVM: a script that needs the standard library and llvmlite alone.

LLVM ends the process on an error, and its CO-RE pass may run only once in a process. So this
helper imports llvmlite, initialises the BPF targets, and then forks one child for each job. A job
arrives on the control socket (descriptor 0) as one datagram that carries two descriptors: a
socket for request and answer, and a pipe that becomes the child's standard error. The helper
itself never runs the backend.

    request   u32 size of a JSON head, the head, the IR until the end of the stream
    answer    u8 kind (0 object, 1 IR refused), the object or the text
    after     i32 wait status of the child, appended by the helper

The helper ends when its control socket closes, and its children with it.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import os
import select
import signal
import socket
import struct
import sys
import time
from types import ModuleType
from typing import Any

OBJECT, REFUSED, MISSING = 0, 1, 2
PR_SET_PDEATHSIG = 1


def load_llvm() -> ModuleType:
    """Import llvmlite and initialise the BPF targets."""
    llvm = importlib.import_module("llvmlite.binding")

    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    return llvm


def compile_ir(llvm: ModuleType, head: dict[str, Any], text: str) -> bytes:
    """Optimise a module and write it as an ELF object."""
    target = llvm.Target.from_triple(head["triple"])
    machine = target.create_target_machine(cpu=head["cpu"], opt=2, reloc="default")
    module = llvm.parse_assembly(text)
    module.verify()
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    # Wide loads and stores of several members confuse the verifier more than they save.
    options.slp_vectorization = False
    options.loop_vectorization = False
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    return bytes(machine.emit_object(module))


def receive(job: socket.socket) -> tuple[dict[str, Any], str]:
    """Read a request: the client shuts its side down after it."""
    data = bytearray()
    while chunk := job.recv(1 << 20):
        data += chunk
    (size,) = struct.unpack_from("<I", data)
    head = json.loads(data[4 : 4 + size])
    return head, data[4 + size :].decode()


def run_job(
    llvm: ModuleType | None, failure: str, job: socket.socket, errors: int, helper: int
) -> None:
    """The whole life of a child."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != helper:
        os._exit(1)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    os.dup2(errors, 2)
    head, text = receive(job)
    if llvm is None:
        job.sendall(bytes([MISSING]) + failure.encode())
        return
    signal.setitimer(signal.ITIMER_REAL, head["time_limit"])
    try:
        answer = bytes([OBJECT]) + compile_ir(llvm, head, text)
    except Exception as error:
        answer = bytes([REFUSED]) + str(error).encode()
    signal.setitimer(signal.ITIMER_REAL, 0)
    job.sendall(answer)


class Helper:
    """Forks children and reports how they ended."""

    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self.jobs: dict[int, socket.socket] = {}
        self.llvm: ModuleType | None = None
        self.failure = ""
        try:
            self.llvm = load_llvm()
        except Exception as error:
            self.failure = str(error)

    def serve(self) -> None:
        """Serve until the client is gone."""
        wake, tell = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(tell)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        while True:
            waited: list[Any] = [self.control, wake]
            ready, _, _ = select.select(waited, [], [])
            if wake in ready:
                os.read(wake, 4096)
                self.reap()
            if self.control in ready and not self.accept():
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
        job = socket.socket(fileno=descriptors[0])
        errors = descriptors[1]
        helper = os.getpid()
        child = os.fork()
        if not child:
            status = 1
            try:
                signal.set_wakeup_fd(-1)
                self.control.close()
                for other in self.jobs.values():
                    other.close()
                run_job(self.llvm, self.failure, job, errors, helper)
                status = 0
            finally:
                os._exit(status)
        os.close(errors)
        self.jobs[child] = job
        return True

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
                with contextlib.suppress(OSError):  # the client may have gone away
                    job.sendall(struct.pack("<i", status))
                job.close()

    def end(self) -> None:
        """Take the children along."""
        for child in self.jobs:
            os.kill(child, signal.SIGKILL)
        deadline = time.monotonic() + 1
        while self.jobs and time.monotonic() < deadline:
            self.reap()
            time.sleep(0.001)


def main() -> None:
    """Run the helper on the control socket at descriptor 0."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    control = socket.socket(fileno=0)
    helper = Helper(control)
    try:
        helper.serve()
    finally:
        helper.end()
        os._exit(0)


if __name__ == "__main__":
    # The paths of the client come as arguments: this process runs without its own site set-up.
    sys.path[:] = sys.argv[1:]
    main()
