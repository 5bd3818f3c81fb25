"""Iterators and structures of operations, as the kernel's types tell them."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from bpfkit.btf.types import Btf, Func, FuncProto, Param
from bpfkit.errors import NotSupportedError
from bpfkit.features.kernel_types import probes
from bpfkit.features.probe import Support
from tests.fakes.type_graph import Graph


@dataclass
class Types:
    """Types of a kernel and of its modules."""

    kernel: Btf | None
    modules: dict[str, Btf] = field(default_factory=dict)

    @property
    def btf(self) -> Btf:
        if self.kernel is None:
            raise NotSupportedError("BTF")
        return self.kernel

    def modules_with_btf(self) -> list[str]:
        return list(self.modules)

    def module_btf(self, module: str) -> Btf | None:
        return self.modules[module]


def types(*, context: bool = True, function: bool = True, cookie: str = "bpf_cookie") -> Btf:
    graph = Graph()
    if context:
        graph.struct("bpf_iter__task", 8, ("meta", graph.u64, 0))
        graph.struct("bpf_struct_ops_Qdisc_ops", 8, ("data", graph.u64, 0))
    prototype = graph.add(
        FuncProto(graph.int, (Param("prog", graph.u64), Param(cookie, graph.u64)))
    )
    graph.add(Func("bpf_tracing_prog_attach", prototype))
    if function:
        graph.add(Func("bpf_iter_task", prototype))
    return graph.btf()


def answer(name: str, found: Types) -> Support:
    return probes(found)[name]()


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(Types(types()), Support.YES, id="both"),
        pytest.param(Types(types(function=False)), Support.NO, id="no-function"),
        pytest.param(Types(types(context=False)), Support.NO, id="no-context"),
        pytest.param(Types(types(context=False), {"m": types()}), Support.YES, id="module"),
        pytest.param(Types(None), Support.NO, id="no-types"),
    ],
)
def test_an_iterator_is_a_function_and_a_context(found: Types, expected: Support) -> None:
    assert answer("iter/task", found) is expected


def test_structures_are_known_by_the_kernels_spelling() -> None:
    assert answer("struct_ops/qdisc_ops", Types(types())) is Support.YES
    assert answer("struct_ops/sched_ext_ops", Types(types())) is Support.NO


def test_cookies_are_a_parameter_of_the_kernels_own_function() -> None:
    assert answer("link/tracing_cookie", Types(types())) is Support.YES
    assert answer("link/tracing_cookie", Types(types(cookie="btf_id"))) is Support.NO
