"""An unknown name gets a hint from the names the target has."""

from __future__ import annotations

import pytest

from bpfkit.compiler.api import parse_source
from bpfkit.compiler.source import Source
from bpfkit.compiler.target import Target
from bpfkit.errors import CompileError
from tests.fakes.kernel_facts import FakeKernel
from tests.fakes.type_graph import Graph


def kernel() -> FakeKernel:
    g = Graph()
    inner = g.union("", 8, ("real_parent", g.u64, 0), ("number", g.u64, 0))
    g.struct("task_struct", 16, ("pid", g.int, 0), ("", inner, 64))
    return FakeKernel(g.btf())


def hints(body: str) -> list[str]:
    text = f"int f(struct pt_regs *ctx, struct task_struct *t, struct nowhere *n) {{ {body} }}"
    with pytest.raises(CompileError) as caught:
        parse_source(Source(text), Target(kernel()))
    return [diagnostic.hint for diagnostic in caught.value.diagnostics if diagnostic.hint]


def test_a_member_that_is_not_there_names_the_nearest() -> None:
    assert hints("return t->real_parnt;") == ["write 'real_parent' here"]
    assert hints("return t->zzz;") == []


def test_a_record_that_is_nowhere_may_be_of_a_module() -> None:
    (hint,) = hints("return n->x;")
    assert "neither the kernel nor a module that is loaded has a struct nowhere" in hint


def test_a_constant_that_is_unknown_names_the_nearest() -> None:
    (hint,) = hints("return PR_SET_NAMES;")
    assert "PR_SET_NAME" in hint
    assert hints("return nothing_known;") == []
