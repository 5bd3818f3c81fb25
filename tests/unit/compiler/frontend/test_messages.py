"""What the frontend refuses, and how it says so."""

from __future__ import annotations

import pytest

from bpfkit.compiler.diagnostics import Severity
from bpfkit.compiler.parse_input import ParseInput
from bpfkit.errors import CompileError
from tests.unit.compiler.frontend.snippets import function_text, read, unit_of


def refused(text: str, **more: object) -> CompileError:
    with pytest.raises(CompileError) as caught:
        unit_of(text, **more)
    return caught.value


REJECTIONS = [
    pytest.param("foo(x);", "undeclared function 'foo'", 1, "", id="undeclared-function"),
    pytest.param("int a[x];", "array of variable length", 5, "constant size", id="vla"),
    pytest.param("x = sizeof(int[x]);", "not a constant", 5, "fixed size", id="vla-size"),
    pytest.param("float g = x;", "floating point", 11, "scale", id="float"),
    pytest.param("x = x * 1.5;", "floating point", 5, "scale", id="float-operand"),
    pytest.param("double d; x = d;", "floating point", 15, "scale", id="float-load"),
    pytest.param("void *a = &&o; goto *a; o: ;", "address of a label", 11, "switch", id="label"),
    pytest.param('asm volatile("r0 = 1");', '"r0 = 1"', 1, "write C", id="asm"),
    pytest.param('asm("" :: "n"(5));', '"n"', 15, "write C", id="asm-constraint"),
    pytest.param("__atomic_fetch_nand(&x, 1, 5);", "nand", 1, "compare-and-swap", id="nand"),
    pytest.param("__sync_fetch_and_add(&c, 1);", "1 byte", 1, "32-bit", id="byte-atomic"),
    pytest.param("char *z = 5;", "integer to pointer", 7, "", id="int-conversion"),
    pytest.param("int (*fp)(void) = inl;", "incompatible function pointer", 7, "", id="fn-pointer"),
    pytest.param("int g(void) { return 1; }", "not allowed here", 13, "", id="nested-function"),
    pytest.param("x = ps->nosuch;", "no member named 'nosuch'", 9, "", id="no-member"),
    pytest.param("ps.a = 1;", "is a pointer", 3, "'->'", id="fix-it"),
    pytest.param(
        "v = (struct s){0}; x = ((union un)x).i;", "cast to a union", 25, "{.", id="union"
    ),
    pytest.param("_Complex int z; z = z;", "_Complex int", 17, "", id="complex"),
    pytest.param("_Atomic int z; z = 3;", "_Atomic(int)", 16, "", id="atomic-type"),
    pytest.param(
        "typedef int v4 __attribute__((vector_size(16))); v4 a; a = a;",
        "not supported",
        56,
        "",
        id="vector",
    ),
    pytest.param(
        "x = __builtin_offsetof(struct s, arr[x]);", "compiled", 5, "offsets", id="offsetof"
    ),
    pytest.param("__builtin_alloca(4);", "alloca", 1, "array", id="alloca"),
    pytest.param('register int z asm("r1");', "register", 14, "drop", id="register"),
    pytest.param("static int *sp = &x;", "compile-time constant", 18, "", id="static-init"),
]


@pytest.mark.parametrize(("text", "message", "column", "hint"), REJECTIONS)
def test_rejected(text: str, message: str, column: int, hint: str) -> None:
    errors = [d for d in refused(function_text(text)).diagnostics if d.severity is Severity.ERROR]
    first = errors[0]
    assert message in first.message
    assert (first.loc.file, first.loc.line, first.loc.column) == ("t.c", 3, column)
    assert first.source_line == text
    assert hint in first.hint
    assert bool(hint) == bool(first.hint)


def test_assembly_at_file_scope_is_rejected() -> None:
    assert "file scope" in str(refused('asm("r0 = 1");'))


def test_deep_nesting_is_an_error_and_not_a_crash() -> None:
    text = "int f(int x) { return " + "+".join(["x"] * 3000) + "; }"
    (error,) = refused(text).diagnostics
    assert "too deeply" in error.message
    assert error.loc.line == 1


def test_a_hundred_terms_are_not_too_many() -> None:
    terms = " || ".join(f"x == {n}" for n in range(100))
    otherwise = " ".join(f"else if (x == {n}) return {n};" for n in range(100))
    unit_of(f"int f(int x) {{ if ({terms}) return 1; {otherwise} return 0; }}")


def test_a_text_cut_anywhere_gives_a_unit_or_an_error() -> None:
    text = function_text(
        "for (; x;) { int a[2] = {[1] = 2}; x += a[c] ?: __atomic_load_n(p, 5); }"
        'switch (x) { case 1 ... 3: return "ab"[1]; } v = (struct s){.in = {1}};'
    )
    outcomes = set()
    for end in range(0, len(text), 2):
        try:
            unit_of(text[:end])
            outcomes.add("unit")
        except CompileError as error:
            errors = [d for d in error.diagnostics if d.severity is Severity.ERROR]
            outcomes.add("error" if errors else "nothing said")
    assert outcomes == {"unit", "error"}


def test_notes_follow_their_error() -> None:
    found = refused("struct nope;\nint f(void) { struct nope n; return 0; }").diagnostics
    assert [(d.severity, d.loc.line) for d in found] == [
        (Severity.ERROR, 2),
        (Severity.NOTE, 1),
    ]


def test_a_missing_brace_is_reported_inside_the_text() -> None:
    text = "#define BPF_LICENSE GPL\nint f(void) {\n  return 0;"
    (error, *_) = refused(text).diagnostics
    assert error.loc.line <= 3
    assert "expected '}'" in error.message


# ---------------------------------------------------------------- warnings


def test_warnings_are_returned_with_the_unit() -> None:
    _, found = read("int f(int x) {\n  if (x);\n  return 0; }")
    (warning,) = found
    assert warning.severity is Severity.WARNING
    assert (warning.loc.line, warning.source_line) == (2, "  if (x);")


def test_the_prelude_and_headers_do_not_warn() -> None:
    noisy = "static int w(int x) { if (x); return x == 'abcd'; }\n"
    _, found = read(
        "#include <noisy.h>\nint f(void) { return w(1) + w2(2); }",
        prelude=noisy,
        headers={"noisy.h": noisy.replace(" w(", " w2(")},
    )
    assert found == []


def test_the_prelude_keeps_its_own_lines() -> None:
    (error, *_) = refused("int a;", prelude="int b;\nint c = nope;\n").diagnostics
    assert (error.loc.file, error.loc.line, error.source_line) == (
        "prelude.h",
        2,
        "int c = nope;",
    )


# ---------------------------------------------------------------- headers


def test_headers_are_found_in_memory() -> None:
    headers = {
        "linux/sched.h": '#include <linux/inner.h>\n#include "inner.h"\n',
        "linux/inner.h": "#pragma once\n#define N 3\n",
    }
    unit = unit_of("#include <linux/sched.h>\nint a[N];", headers=headers)
    assert unit.globals[0].loc.line == 2


def test_a_place_in_a_header_has_the_name_of_the_header() -> None:
    headers = {"lib.h": "\nint broken(void) { return nope; }\n"}
    error = refused("#include <lib.h>\n", headers=headers).diagnostics[0]
    assert (error.loc.file, error.loc.line) == ("lib.h", 2)
    assert error.source_line == "int broken(void) { return nope; }"


@pytest.mark.parametrize(
    ("include", "headers", "hint"),
    [
        ("linux/shced.h", ("linux/sched.h", "net/sock.h"), "did you mean <linux/sched.h>?"),
        ("sched.h", ("linux/sched.h", "net/sock.h"), "did you mean <linux/sched.h>?"),
        ("stdio.h", ("net/sock.h",), "known are <net/sock.h>; kernel types need no #include"),
        ("stdio.h", (), "no headers are known here; kernel types need no #include"),
    ],
)
def test_an_unknown_header_is_named(include: str, headers: tuple[str, ...], hint: str) -> None:
    text = f"int a;\n#include <{include}>\nint f(void) {{ return 0; }}"
    error = refused(text, headers=dict.fromkeys(headers, "")).diagnostics[0]
    assert error.message == f"there is no header <{include}>"
    assert (error.loc.line, error.source_line) == (2, f"#include <{include}>")
    assert error.hint == hint


def test_many_known_headers_are_counted() -> None:
    headers = {f"a{i}.h": "" for i in range(9)}
    hint = refused("#include <zzzzzzzz>\n", headers=headers).diagnostics[0].hint
    assert "<a5.h> and 3 more" in hint


def test_the_callers_flags_come_last() -> None:
    source = ParseInput("t.c", "int a[N];", flags=("-DN=4", "-Wno-everything"))
    assert unit_of(source.text, flags=source.flags).globals
    assert "undeclared identifier 'N'" in str(refused("int a[N];"))
