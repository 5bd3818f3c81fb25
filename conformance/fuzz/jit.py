"""Run a module of ours on this machine's processor: the lowering without the BPF backend.

A child process compiles and runs, since LLVM ends a process on an error and wrong code may do so
too. It is kept for many modules, and runs libraries that a C compiler made in the same way; one
that dies or hangs is replaced, and tells by what it died of.
"""

from __future__ import annotations

import _ctypes
import contextlib
import ctypes
import json
import re
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from types import ModuleType, TracebackType
from typing import Any, Self

WORDS = 16
"""64-bit words of the object a program is given."""

TIME_LIMIT_S = 60
"""What a job may take."""

_TARGET = re.compile(r"^target (?:datalayout|triple) = .*\n", re.MULTILINE)


class JitError(Exception):
    """The child could not run a module."""


class Jit:
    """A child process that runs modules."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[str] | None = None

    def run(
        self,
        ir: str,
        functions: Sequence[str],
        inputs: Sequence[Sequence[int]],
        *,
        memory: bytes = b"",
        pointers: Sequence[tuple[int, int]] = (),
    ) -> list[list[list[int]]]:
        """Call each function once for each input and give the words they left in their object.

        With ``memory`` the first word of each input is where that was placed, see `placed`.
        Raises JitError with what the child said.
        """
        job = {"ir": visible(ir, functions), "functions": functions, "inputs": inputs}
        return self._ask(job | {"memory": memory.hex(), "pointers": pointers})

    def run_library(
        self, path: str, functions: Sequence[str], inputs: Sequence[Sequence[int]]
    ) -> list[list[list[int]]]:
        """The same for the functions of a shared library."""
        return self._ask({"library": path, "functions": functions, "inputs": inputs})

    def _ask(self, job: dict[str, Any]) -> list[list[list[int]]]:
        child = self._running()
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            child.stdin.write(json.dumps(job) + "\n")
            child.stdin.flush()
            line = child.stdout.readline()
        except OSError:
            line = ""
        if not line:
            status = child.wait()
            self.close()
            raise JitError(f"the child that runs modules died, status {status}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise JitError(answer["error"])
        return answer["results"]  # type: ignore[no-any-return]

    def _running(self) -> subprocess.Popen[str]:
        if self._child is None:
            self._child = subprocess.Popen(
                [sys.executable, "-m", __spec__.name if __spec__ else __name__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        return self._child

    def close(self) -> None:
        """End the child."""
        child, self._child = self._child, None
        if child is not None:
            assert child.stdin is not None
            assert child.stdout is not None
            with contextlib.suppress(BrokenPipeError):  # it may have died with a job unread
                child.stdin.close()
            child.wait()
            child.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def visible(ir: str, functions: Sequence[str]) -> str:
    """The module for any target, with functions that can be found though they are static."""
    for function in functions:
        ir = re.sub(rf"^define internal (.*@{re.escape(function)}\()", r"define \1", ir, flags=re.M)
    return _TARGET.sub("", ir)


def serve() -> None:
    """The child: one job a line, one answer a line. A job that hangs ends it by SIGALRM."""
    from llvmlite import binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    for line in sys.stdin:
        job = json.loads(line)
        signal.alarm(TIME_LIMIT_S)
        try:
            results = run_library(job) if "library" in job else run_module(llvm, job)
            answer: dict[str, object] = {"results": results}
        except Exception as error:
            answer = {"error": str(error)}
        signal.alarm(0)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def run_module(llvm: ModuleType, job: dict[str, Any]) -> list[list[list[int]]]:
    """Compile a module for this machine and call its functions."""
    target = llvm.Target.from_default_triple()
    module = llvm.parse_assembly(job["ir"])
    module.triple = target.triple
    machine = target.create_target_machine(opt=0, jit=True)
    module.data_layout = str(machine.target_data)
    module.verify()
    with llvm.create_mcjit_compiler(module, machine) as engine:
        engine.finalize_object()
        with placed(bytes.fromhex(job["memory"]), job["pointers"]) as root:
            given = job["inputs"]
            if job["memory"]:
                given = [[root, *words[1:]] for words in given]
            return [call(engine.get_function_address(name), given) for name in job["functions"]]


def run_library(job: dict[str, Any]) -> list[list[list[int]]]:
    """Load a library and call its functions."""
    handle = _ctypes.dlopen(job["library"], 0)
    try:
        return [call(_ctypes.dlsym(handle, name), job["inputs"]) for name in job["functions"]]
    finally:
        _ctypes.dlclose(handle)


def call(address: int, inputs: Sequence[Sequence[int]]) -> list[list[int]]:
    """Call the function at an address for each input."""
    function = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(address)
    results = []
    for words in inputs:
        memory = (ctypes.c_uint64 * WORDS)(*words)
        function(ctypes.addressof(memory))
        results.append(list(memory))
    return results


@contextlib.contextmanager
def placed(data: bytes, pointers: Sequence[tuple[int, int]]) -> Iterator[int]:
    """Put ``data`` somewhere in this process and give its address.

    ``pointers`` are (offset of a pointer, offset of what it points to).
    """
    buffer = ctypes.create_string_buffer(data, max(len(data), 1))
    base = ctypes.addressof(buffer)
    for at, target in pointers:
        struct.pack_into("=Q", buffer, at, base + target)
    yield base


if __name__ == "__main__":
    serve()
