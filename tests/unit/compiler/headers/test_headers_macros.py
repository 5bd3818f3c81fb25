"""Every supplied macro and inline function compiles, whatever the kernel's types look like."""

from __future__ import annotations

from pathlib import Path

import pytest

from bpfkit.compiler.api import parse_source, refuse
from bpfkit.compiler.dialect.apply import apply_dialect
from bpfkit.compiler.lower.module import emit_module
from bpfkit.compiler.provenance.analyse import analyse
from bpfkit.compiler.source import Source
from bpfkit.compiler.target import Target
from tests.fakes.kernel_facts import FakeKernel
from tests.unit.compiler.headers.macro_texts import ACCESSORS, HEADERS
from tests.unit.compiler.headers.test_headers_kernels import images, types_of


@pytest.mark.parametrize("name", list(ACCESSORS))
@pytest.mark.parametrize("image", images(), ids=lambda path: path.parent.parent.name)
def test_accessors_compile(image: Path, name: str) -> None:
    parameter, expression = ACCESSORS[name]
    text = f"{HEADERS}u64 f(struct pt_regs *ctx, {parameter}) {{ return {expression}; }}"
    source, target = Source(text, f"{name}.c"), Target(FakeKernel(types_of(image)))
    unit, said = parse_source(source, target)
    refuse(said + apply_dialect(unit, target), source)
    assert "define" in emit_module(unit, analyse(unit, target), arch="x86_64", cpu="v3")
