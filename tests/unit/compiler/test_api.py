"""The whole compiler: what it gives, and how it says no."""

from __future__ import annotations

import io

import pytest
from elftools.elf.elffile import ELFFile

from bpfkit.compiler.api import compile_c
from bpfkit.compiler.diagnostics import Severity
from bpfkit.compiler.source import Source
from bpfkit.compiler.target import Target
from bpfkit.errors import CompileError
from tests.fakes.kernel_facts import FakeKernel


def target(arch: str = "x86_64") -> Target:
    return Target(FakeKernel(), arch=arch)


def test_a_text_becomes_an_object() -> None:
    compiled = compile_c(Source("int f(void *ctx)\n{\n\treturn 1;\n}\n"), target())
    elf = ELFFile(io.BytesIO(compiled.elf))
    assert elf["e_machine"] == "EM_BPF"
    assert elf.get_section_by_name(".bpf.fn.f").data() == bytes.fromhex(
        "b4000000010000009500000000000000"
    )
    assert compiled.warnings == ()
    assert "define" in compiled.ir


def test_the_same_text_gives_the_same_object() -> None:
    source = Source("int f(void *ctx) { return 1; }")
    assert compile_c(source, target()) == compile_c(source, target())


def test_a_big_endian_machine_gets_a_big_endian_object() -> None:
    compiled = compile_c(Source("int f(void *ctx) { return 1; }"), target("s390x"))
    assert not ELFFile(io.BytesIO(compiled.elf)).little_endian


def first(text: str) -> str:
    with pytest.raises(CompileError) as caught:
        compile_c(Source(text), target())
    error = next(d for d in caught.value.diagnostics if d.severity is Severity.ERROR)
    return error.render()


def test_a_mistake_in_c_shows_its_line_and_a_caret() -> None:
    assert first("int f(void *ctx)\n{\n\treturn nothing;\n}\n").splitlines()[1:3] == [
        "    \treturn nothing;",
        "    \t       ^",
    ]


def test_a_refusal_of_the_lowering_shows_its_line_and_a_caret() -> None:
    shown = first("int f(void *ctx)\n{\n\t__builtin_trap();\n\treturn 0;\n}\n")
    assert shown.splitlines() == [
        "program.c:3:2: error: __builtin_trap is not available",
        "    \t__builtin_trap();",
        "    \t^",
        "    a BPF program cannot trap; return instead",
    ]


def test_a_refusal_of_llvm_shows_its_line() -> None:
    shown = first(
        "static int (*h)(void *) = (void *)1;\n"
        "int f(void *ctx)\n{\n\tchar b[600];\n\th(b);\n\treturn b[1];\n}\n"
    )
    assert "stack" in shown
    assert shown.startswith("program.c:")
