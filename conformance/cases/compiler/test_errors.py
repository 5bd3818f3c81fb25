"""Mistakes in programs: each a typed error that says where and what."""

from __future__ import annotations

import pytest

from bpfkit import BPF
from bpfkit.errors import CompileError, VerifierError
from conformance.case import case


@case("compiler/error/syntax")
def test_a_syntax_error_is_located() -> None:
    """A syntax error gives CompileError with line, column, the source line and a caret."""
    with pytest.raises(CompileError) as caught:
        BPF(text="int f(void *ctx) {\n    return 0\n}\n")
    first = caught.value.diagnostics[0]
    assert (first.loc.line, first.source_line) == (2, "    return 0")
    assert "^" in str(caught.value)
    assert "expected ';'" in str(caught.value)


@case("compiler/error/header")
def test_an_unknown_header_is_named() -> None:
    """An include that nobody knows gives CompileError naming it."""
    with pytest.raises(CompileError, match=r"linux/no_such_header\.h"):
        BPF(text="#include <linux/no_such_header.h>\nint f(void *ctx) { return 0; }\n")


@case("programs/error/verifier", kernel="4.7")
def test_a_rejected_program_shows_the_line() -> None:
    """A program the verifier refuses gives VerifierError with the C line and the whole log."""
    text = """
    BPF_HASH(t, u32, u64);
    int f(struct pt_regs *ctx) {
        u32 key = 1;
        u64 *v = t.lookup(&key);
        *v += 1;
        return 0;
    }
    """
    with BPF(text=text) as b, pytest.raises(VerifierError) as caught:
        b.load_func("f", BPF.KPROBE)
    assert "*v += 1" in str(caught.value)
    assert "map_value_or_null" in caught.value.log
    assert caught.value.hint
