"""Run a module of ours on this machine's processor: the lowering without the BPF backend.

A child process compiles and runs, since LLVM ends a process on an error and wrong code may do so
too. It is kept for many modules; one that dies is replaced, and tells by what it died of.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import re
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from types import ModuleType, TracebackType
from typing import Any, Self

WORDS = 16
"""64-bit words of the object a program is given."""

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
        function: str,
        inputs: Sequence[Sequence[int]],
        *,
        memory: bytes = b"",
        pointers: Sequence[tuple[int, int]] = (),
    ) -> list[list[int]]:
        """Call ``function`` once for each input and return the words it left in its object.

        With ``memory`` the first word of each input is where that was placed, see `placed`.
        Raises JitError with what the child said.
        """
        child = self._running()
        job: dict[str, Any] = {"ir": _TARGET.sub("", ir), "function": function, "inputs": inputs}
        job |= {"memory": memory.hex(), "pointers": pointers}
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


def serve() -> None:
    """The child: one job a line, one answer a line."""
    from llvmlite import binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    for line in sys.stdin:
        job = json.loads(line)
        try:
            answer: dict[str, object] = {"results": execute(llvm, job)}
        except Exception as error:
            answer = {"error": str(error)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def execute(llvm: ModuleType, job: dict[str, Any]) -> list[list[int]]:
    """Compile a module for this machine and call its function."""
    target = llvm.Target.from_default_triple()
    module = llvm.parse_assembly(job["ir"])
    module.triple = target.triple
    machine = target.create_target_machine(opt=0, jit=True)
    module.data_layout = str(machine.target_data)
    module.verify()
    with llvm.create_mcjit_compiler(module, machine) as engine:
        engine.finalize_object()
        address = engine.get_function_address(job["function"])
        call = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(address)
        results = []
        with placed(bytes.fromhex(job["memory"]), job["pointers"]) as root:
            for words in job["inputs"]:
                given = [root, *words[1:]] if job["memory"] else words
                memory = (ctypes.c_uint64 * WORDS)(*given)
                call(ctypes.addressof(memory))
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
