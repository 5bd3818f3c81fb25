"""Large kernel records get the members a text names, and keep their layout."""

from __future__ import annotations

import pytest

from bpfkit.compiler.api import parse_source
from bpfkit.compiler.source import Source, assemble
from bpfkit.compiler.target import Target
from bpfkit.errors import CompileError
from tests.fakes.kernel_facts import FakeKernel
from tests.fakes.type_graph import Graph


def kernel() -> FakeKernel:
    """``struct large``: 1024 bytes; ``struct small``: 16."""
    g = Graph()
    inner = g.struct("inner", 8, ("x", g.u64, 0))
    choice = g.union("", 8, ("left", g.u64, 0), ("right", g.u32, 0))
    members = (
        ("unusual", g.u32, 0),
        ("narrow", g.u8, 32),
        ("held", inner, 64),
        ("", choice, 128),
        ("room", g.array(g.u8, 1000), 192),
    )
    g.struct("large", 1024, *members)
    g.struct("small", 16, ("one", g.u64, 0), ("two", g.u64, 64))
    return FakeKernel(g.btf())


def parts(text: str) -> str:
    return assemble(Source(text), Target(kernel())).prelude


def test_what_is_not_named_is_padding() -> None:
    prelude = parts("int f(struct large *l) { return l->narrow; }")
    assert "narrow" in prelude
    assert "unusual" not in prelude
    assert "struct inner" not in prelude


def test_a_record_that_fits_on_the_stack_is_written_whole() -> None:
    assert "two" in parts("int f(struct small *s) { return s->one; }")


def test_size_alignment_and_places_stay() -> None:
    text = """
int f(struct large *l) { return l->right + l->held.x; }
_Static_assert(sizeof(struct large) == 1024, "size");
_Static_assert(_Alignof(struct large) == 8, "alignment");
_Static_assert(__builtin_offsetof(struct large, held.x) == 8, "held");
_Static_assert(__builtin_offsetof(struct large, right) == 16, "right");
"""
    parse_source(Source(text), Target(kernel()))
    assert "left" not in parts(text)


def test_only_the_alignment_of_what_is_left_out_remains() -> None:
    text = """
int f(struct large *l) { return l->room[1]; }
_Static_assert(sizeof(struct large) == 1024 && _Alignof(struct large) == 8, "");
_Static_assert(__builtin_offsetof(struct large, room) == 24, "");
"""
    parse_source(Source(text), Target(kernel()))


def test_a_name_that_a_macro_puts_together_is_found() -> None:
    text = "#define M(a, b) a ## b\nint f(struct large *l) { return l->M(nar, row); }"
    assert "narrow" not in parts(text)
    parse_source(Source(text), Target(kernel()))


def test_a_misspelt_member_is_corrected_as_ever() -> None:
    text = "int f(struct large *l) { return l->narow; }"
    with pytest.raises(CompileError, match="did you mean 'narrow'"):
        parse_source(Source(text), Target(kernel()))


def test_comparing_whole_records_needs_them_whole() -> None:
    text = "int f(struct large *l) { return __builtin_preserve_type_info(*l, 2); }"
    assert "unusual" in parts(text)
