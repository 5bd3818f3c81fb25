"""What BPF cannot do is refused with its place in the text, whoever notices it."""

from __future__ import annotations

import pytest

from bpfkit.compiler.diagnostics import Rejection
from bpfkit.errors import CompileError
from tests.unit.compiler.lower.plain import build, build_ir

PRELUDE = "static long (*trace)(const char *, int, ...) = (void *)6;\n"
LINE = 2


def place(text: str) -> tuple[str, int]:
    """(message, line) of the refusal of a text, from our own stages or from LLVM."""
    try:
        build(PRELUDE + text)
    except Rejection as refused:
        return refused.message, refused.loc.line
    except CompileError as error:
        return error.diagnostics[0].message, error.diagnostics[0].loc.line
    raise AssertionError("the text was compiled")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("int f(void *c) { float x = *(int *)c; return x * 2; }", "float", id="float"),
        pytest.param(
            "int f(void *c) { return trace(c, 1, 2, 3, 4, 5); }", "at most 5", id="helper-args"
        ),
        pytest.param(
            "static __attribute__((noinline)) int g(int a, int b, int c, int d, int e, int f)"
            " { return a + f; } int f(void *c) { return g(1, 2, 3, 4, 5, 6); }",
            "at most 5",
            id="call-args",
        ),
        pytest.param(
            "struct s { long a[4]; }; static __attribute__((noinline)) struct s g(void)"
            " { struct s x = {}; return x; } int f(void *c) { return g().a[1]; }",
            "by value",
            id="record-result",
        ),
        pytest.param(
            "int f(void *c) { unsigned char x = 1; __sync_fetch_and_add(&x, 1); return x; }",
            "no atomic operations on 1 byte",
            id="atomic-width",
        ),
        pytest.param(
            "int f(void *c) { int x = 1; __atomic_fetch_nand(&x, 1, 0); return x; }",
            "nand",
            id="atomic-nand",
        ),
        pytest.param(
            "int f(void *c) { __int128 x = (long)c; return (x * x) >> 64; }", "128-bit", id="int128"
        ),
        pytest.param("int f(void *c) { __builtin_trap(); return 0; }", "__builtin_trap", id="trap"),
        pytest.param(
            "int f(void *c) { char b[8000]; __builtin_memset(b, 0, 8000); return b[1]; }",
            "8000 bytes",
            id="memset",
        ),
        pytest.param(
            "int f(void *c) { char b[9]; __builtin_memset(b, 0, *(int *)c); trace(b, 9);"
            " return b[1]; }",
            "memset",
            id="memset-variable",
        ),
        pytest.param("int g(int); int f(void *c) { return g(1); }", "nowhere", id="undefined"),
        pytest.param(
            "extern int x; int f(void *c) { return x; }", "nowhere", id="undefined-object"
        ),
        pytest.param("int f(void *c, ...) { return 0; }", "variable number", id="variadic"),
        pytest.param(
            "int f(void *c) { char b[600]; trace(b, 1); return b[3]; }", "stack", id="stack"
        ),
    ],
)
def test_a_text_is_refused_with_its_line(text: str, message: str) -> None:
    said, line = place(text)
    assert message in said
    assert line == LINE


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            "int f(void *c) { return *(int *)c / *((int *)c + 1); }", id="signed-division"
        ),
        pytest.param(
            "static inline int g(int a, int b, int c, int d, int e, int f) { return a * f; }"
            " int f(void *c) { return g(1, 2, 3, 4, 5, 6); }",
            id="inlined-arguments",
        ),
        pytest.param(
            "int f(void *c) { {char b[300]; trace(b, 1);} {char b[300]; trace(b, 1);} return 0; }",
            id="two-scopes",
        ),
        pytest.param(
            "int f(void *c) { int r = 0; { char b[300]; trace(b, 1); r = b[1]; }"
            " for (int i = 0; i < 3; i++) { char b[300]; trace(b, i); r += b[2]; } return r; }",
            id="scopes-and-loops",
        ),
        pytest.param("int f(void *c) { int x; return sizeof(x) + __builtin_clz(7); }", id="folded"),
        pytest.param(
            "struct s { char c[2000]; } *p; int f(void *c) { struct s *a = c; *(struct s *)a ="
            " *((struct s *)a + 1); return 0; }",
            id="large-copy",
        ),
    ],
)
def test_a_text_that_bpf_can_do_is_compiled(text: str) -> None:
    assert build(PRELUDE + text)


def test_an_atomic_whose_result_is_unused_needs_no_new_instruction() -> None:
    text = "int f(unsigned long *c) { __sync_fetch_and_add(c, 1); return 0; }"
    assert " monotonic" in build_ir(text)
    assert build(text, cpu="v1")
