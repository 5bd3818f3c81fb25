"""Compile a plain C text for tests: no dialect, no prelude, no kernel types."""

from __future__ import annotations

from dataclasses import dataclass

from bpfkit.btf.types import Btf
from bpfkit.compiler import backend
from bpfkit.compiler.diagnostics import Severity
from bpfkit.compiler.frontend.parse import parse
from bpfkit.compiler.lower.module import emit_module
from bpfkit.compiler.parse_input import ParseInput
from bpfkit.compiler.provenance.analyse import analyse
from bpfkit.compiler.target import Target
from bpfkit.errors import CompileError


@dataclass(frozen=True)
class Facts:
    """Facts of a kernel that matter to a plain text: its version alone."""

    version: tuple[int, int, int] = (6, 12, 0)
    possible_cpus: int = 1
    online_cpus: int = 1

    @property
    def btf(self) -> Btf:
        raise AssertionError("a plain text needs no kernel types")

    def tracepoints(self, category: str) -> list[str]:
        return []

    def tracepoint_format(self, category: str, event: str) -> str | None:
        return None

    def config(self, option: str) -> str | None:
        return None

    def has_symbol(self, name: str) -> bool:
        return False


def build_ir(text: str, *, cpu: str = "v3", dialect: str = "bcc") -> str:
    """The IR of a plain text."""
    unit, said = parse(ParseInput("program.c", text))
    errors = [d for d in said if d.severity is Severity.ERROR]
    if errors:
        raise CompileError(errors)
    target = Target(Facts(), cpu=cpu, dialect=dialect)
    return emit_module(unit, analyse(unit, target), arch="x86_64", cpu=cpu)


def build(text: str, *, cpu: str = "v3", dialect: str = "bcc") -> bytes:
    """The object of a plain text."""
    return backend.compile_ir(build_ir(text, cpu=cpu, dialect=dialect), cpu=cpu, source=text)
