"""Run a plain text on this machine: what its IR computes, without the BPF backend or a kernel."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest

from bpfkit.compiler.diagnostics import Diagnostic, Rejection, Severity
from bpfkit.errors import CompileError
from conformance.fuzz.jit import Jit
from tests.unit.compiler.lower.plain import build_ir

TYPES = """\
typedef unsigned char u8; typedef unsigned short u16; typedef unsigned int u32;
typedef unsigned long long u64; typedef signed char s8; typedef short s16; typedef int s32;
typedef long long s64; typedef __int128 s128; typedef unsigned __int128 u128;
"""
READ = re.compile(r"inttoptr \(i64 (?:4|113) to ptr\)\(")
"""The helpers that read the kernel's memory; here that is the child's own."""
READER = """
declare void @llvm.memcpy.p0.p0.i32(ptr, ptr, i32, i1 immarg)
define internal i64 @.read(ptr %to, i32 %size, ptr %from) {
  call void @llvm.memcpy.p0.p0.i32(ptr %to, ptr %from, i32 %size, i1 false)
  ret i64 0
}
"""
OUT = 8
"""The first of the words that a program writes."""
LINE = TYPES.count("\n") + 1
"""The line on which `refused` places the text."""


def words(numbers: Sequence[int]) -> list[int]:
    """Numbers as a program leaves them in its 64-bit words."""
    return [number & (1 << 64) - 1 for number in numbers]


def run(
    jit: Jit, text: str, inputs: Sequence[Sequence[int]], *, cpu: str = "v3"
) -> list[list[int]]:
    """The words that the function ``entry(u64 *m)`` of a text left, for each input."""
    ir = READ.sub("@.read(", build_ir(TYPES + text, cpu=cpu)) + READER
    return jit.run(ir, ["entry"], [words(given) for given in inputs])[0]


def left_by(
    jit: Jit, body: str, given: Sequence[int] = (), *, before: str = "", cpu: str = "v3"
) -> list[int]:
    """What the statements of a body wrote to ``o``, while ``m`` holds what they are given."""
    text = f"{before}\nint entry(u64 *m) {{ u64 *o = m + {OUT}; {body} return 0; }}"
    return run(jit, text, [given], cpu=cpu)[0][OUT:]


def check(
    jit: Jit,
    body: str,
    expected: Sequence[int],
    given: Sequence[int] = (),
    *,
    before: str = "",
    cpu: str = "v3",
) -> None:
    """A body writes what is expected; numbers may be negative."""
    found = left_by(jit, body, given, before=before, cpu=cpu)
    assert found[: len(expected)] == words(expected)


def refused(text: str, *, cpu: str = "v3") -> Diagnostic:
    """What is said of a text that stands on `LINE` and cannot be compiled."""
    with pytest.raises((CompileError, Rejection)) as caught:
        build_ir(TYPES + text, cpu=cpu)
    said = caught.value
    if isinstance(said, Rejection):
        return Diagnostic(Severity.ERROR, said.message, said.loc, hint=said.hint)
    return next(d for d in said.diagnostics if d.severity is Severity.ERROR)
