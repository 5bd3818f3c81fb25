from __future__ import annotations

import pytest

from bpfkit.btf.decode import decode
from bpfkit.btf.encode import encode
from bpfkit.compiler.api import compile_c
from bpfkit.compiler.source import Source
from bpfkit.compiler.target import Target
from bpfkit.errors import CompileError
from tests.fakes.kernel_facts import FakeKernel

NAMES = 'static const char *const names[] = { "ab", "cd" };\n'


def compiled(text: str) -> bytes:
    return compile_c(Source(text), Target(kernel=FakeKernel(decode(encode([]))))).elf


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (f"{NAMES}int f(u32 *c) {{ return names[*c & 1][0]; }}\n", 1, "'names' holds addresses"),
        (
            'int f(u32 *c) {\n static const char *const l[] = { "ab", "cd" };\n'
            " return l[*c & 1][0];\n}\n",
            2,
            "'l' holds addresses",
        ),
        (
            "int f(u64 *c) {\n int (*g)(int) = (void *)*c;\n return g(1);\n}\n",
            3,
            "a call through a pointer",
        ),
    ],
)
def test_what_no_kernel_takes_is_refused_where_it_stands(
    text: str, line: int, message: str
) -> None:
    with pytest.raises(CompileError) as caught:
        compiled(text)
    (found,) = caught.value.diagnostics
    assert message in found.message
    assert found.loc.line == line
    assert found.hint


@pytest.mark.parametrize(
    "text",
    [
        f"{NAMES}int f(void *c) {{ return names[1][0]; }}\n",
        "static int g(int x) { return x; }\nint f(void *c) { int (*h)(int) = g; return h(1); }\n",
    ],
)
def test_what_is_known_when_compiling_leaves_nothing_to_refuse(text: str) -> None:
    assert compiled(text)
