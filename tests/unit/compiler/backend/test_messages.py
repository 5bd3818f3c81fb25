"""What LLVM prints, as diagnostics."""

from __future__ import annotations

from bpfkit.compiler.backend.messages import located


def test_a_located_error_gets_its_line_and_a_hint() -> None:
    text = "error: /p.c:2:5: in function f i32 (ptr): Looks like the BPF stack limit is exceeded.\n"
    (said,) = located(text, "a\n  char b[600];\n")
    assert said.render().splitlines()[:2] == [
        "p.c:2:5: error: Looks like the BPF stack limit is exceeded. (in function 'f')",
        "      char b[600];",
    ]
    assert "per-CPU array" in said.hint


def test_an_error_without_a_place_is_kept() -> None:
    (said,) = located("error: something else\n", "")
    assert said.message == "something else"


def test_the_same_error_is_given_once() -> None:
    line = "error: p.c:1:1: in function f void (): no\n"
    assert len(located(line * 3, "x")) == 1


def test_a_fatal_error_is_given() -> None:
    (said,) = located("LLVM ERROR: Cannot select: x\nPLEASE submit a bug report\n", "")
    assert "Cannot select" in said.message


def test_noise_is_no_diagnostic() -> None:
    assert located("warning: something\n", "") == []
