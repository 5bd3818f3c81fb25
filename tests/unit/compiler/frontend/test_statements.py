"""Every kind of statement."""

from __future__ import annotations

import pytest

from tests.unit.compiler.frontend.snippets import flat, function_of

CASES = [
    pytest.param("if (x) x = 1; else x = 2;", "(if (load x) (= x 1) (= x 2) )", id="if-else"),
    pytest.param("if (p) { }", "(if (load p) { } )", id="if"),
    pytest.param("while (x) x--;", "(while (load x) (x-- x) )", id="while"),
    pytest.param("do { x++; } while (x < 5);", "(do-while (< (load x) 5) { (x++ x) } )", id="do"),
    pytest.param("for (;;) break;", "(for - - - (break) )", id="for-nothing"),
    pytest.param("for (x = 0;;) continue;", "(for (= x 0) - - (continue) )", id="for-init"),
    pytest.param("for (; x;) ;", "(for - (load x) - { } )", id="for-condition"),
    pytest.param("for (;; x++) break;", "(for - - (x++ x) (break) )", id="for-step"),
    pytest.param("for (x = 0; x;) ;", "(for (= x 0) (load x) - { } )", id="for-no-step"),
    pytest.param("for (; x; x--) ;", "(for - (load x) (x-- x) { } )", id="for-no-init"),
    pytest.param("for (x = 0;; x++) break;", "(for (= x 0) - (x++ x) (break) )", id="for-forever"),
    pytest.param(
        "for (int i = 0, j = 1; i < j; i++) x += i;",
        "(for (local i int 0) (local j int 1) (< (load i) (load j)) (x++ i) (+=:int x (load i)) )",
        id="for-declares",
    ),
    pytest.param(
        'for (;;) { for (char *s = "for (;;)"; x;) { for (;; x++) ; } }',
        "(for - - - { (for (local s char* (decay b'for (;;)\\x00')) (load x) - "
        "{ (for - - (x++ x) { } ) } ) } )",
        id="for-nested-with-a-string-that-looks-like-one",
    ),
    pytest.param(
        "x = x ?: ({ for (; x;) ; 3; });",
        "(= x (?: (load x) (stmtexpr { (for - (load x) - { } ) 3 })))",
        id="for-in-binary-conditional",
    ),
    pytest.param(
        "switch (c) { case 1: case 2: x++; break; case 5 ... 9: x = 3; default: x--; }",
        "(switch (cast int (load c)) { (case 1 (case 2 (x++ x) ) ) (break) (case 5...9 (= x 3) ) "
        "(default (x-- x) ) } )",
        id="switch",
    ),
    pytest.param(
        "switch (q) { case -1: x = 1; }",
        "(switch (load q) { (case 18446744073709551615 (= x 1) ) } )",
        id="case-label-has-the-type-of-the-condition",
    ),
    pytest.param(
        "switch (x) { case 1: x++; __attribute__((fallthrough)); case 2: break; }",
        "(switch (load x) { (case 1 (x++ x) ) { } (case 2 (break) ) } )",
        id="fallthrough",
    ),
    pytest.param("goto out; out: x = 1;", "(goto out) (label out (= x 1) )", id="goto"),
    pytest.param(
        "({ __label__ a; goto a; a: x++; }); ({ __label__ a; goto a; a: x--; });",
        "(stmtexpr { (declare) (goto a) (label a (x++ x) ) }) "
        "(stmtexpr { (declare) (goto a.2) (label a.2 (x-- x) ) })",
        id="local-labels-are-made-unique",
    ),
    pytest.param(";", "{ }", id="nothing"),
    pytest.param("{ int x = 1; { x; } }", "{ (local x int 1) { (load x) } }", id="blocks"),
    pytest.param("return c;", "(return (cast int (load c)))", id="return-converts"),
    pytest.param("int a, *b = &a;", "(local a int) (local b int* (addr a))", id="declarations"),
    pytest.param("static int n = 5; n++;", "(static n int in=f 5) (x++ n)", id="static-local"),
    pytest.param("typedef int y; struct z { int a; };", "(declare) (declare)", id="only-types"),
    pytest.param("extern int other; x = other;", "(declare) (= x (load other))", id="extern-local"),
    pytest.param('_Static_assert(1, "");', "(declare)", id="static-assert"),
    # pragmas
    pytest.param(
        '_Pragma("unroll") for (;;) x++;', "(for - - - unroll=enable (x++ x) )", id="unroll"
    ),
    pytest.param(
        '_Pragma("unroll") for (int i = 0; i < 2; i++) { for (;;) x++; _Pragma("nounroll") '
        "while (x) x--; }",
        "(for (local i int 0) (< (load i) 2) (x++ i) unroll=enable { (for - - - (x++ x) ) "
        "(while (load x) unroll=disable (x-- x) ) } )",
        id="pragmas-stay-with-their-loops",
    ),
    pytest.param(
        '_Pragma("clang loop unroll(full)") do x--; while (x);',
        "(do-while (load x) unroll=full (x-- x) )",
        id="unroll-full",
    ),
    pytest.param(
        '_Pragma("unroll 4") for (;;) x++; _Pragma("clang loop unroll_count(8)") for (;;) x--;',
        "(for - - - unroll=4 (x++ x) ) (for - - - unroll=8 (x-- x) )",
        id="unroll-count",
    ),
    pytest.param(
        '_Pragma("clang loop vectorize(disable)") for (;;) x++; _Pragma("unroll") for (;;) x--;',
        "(for - - - (x++ x) ) (for - - - unroll=enable (x-- x) )",
        id="other-pragmas-count-too",
    ),
    # asm with empty templates
    pytest.param('asm volatile("" ::: "memory");', "(asm '~{memory}' )", id="barrier"),
    pytest.param('asm("" : "+r"(x));', "(asm '=r,0' x (load x))", id="asm-read-write"),
    pytest.param('asm("" : "=r"(x) : "0"(l));', "(asm '=r,0' x (load l))", id="asm-tied"),
    pytest.param('asm("" :: "r"(x), "i"(5));', "(asm 'r,i' (load x) 5)", id="asm-inputs"),
    pytest.param('asm("" : "+m"(x));', "(asm '~{memory}' )", id="asm-memory"),
    pytest.param(
        'asm("" : "+r"(x), "=r"(l) : "r"(c) : "memory");',
        "(asm '=r,=r,0,r,~{memory}' x l (load x) (load c))",
        id="asm-many",
    ),
]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_statement(text: str, expected: str) -> None:
    assert flat(text) == expected


def test_for_parts_are_found_inside_macros() -> None:
    text = "\n#define EACH(i) for (int i = 0; i < 3;)\n#define EVER for (;; x++)\n"
    assert flat(text + "EACH(k) { EVER break; }") == (
        "(for (local k int 0) (< (load k) 3) - { (for - - (x++ x) (break) ) } )"
    )


def test_the_end_of_a_block_is_its_closing_brace() -> None:
    body = function_of("{\n  x = 1;\n  }").body
    assert body is not None
    block = body.body[0]
    assert (block.loc.line, block.loc.column) == (3, 1)
    end = getattr(block, "end")  # noqa: B009 - statements of this class have one
    assert (end.line, end.column) == (5, 3)
