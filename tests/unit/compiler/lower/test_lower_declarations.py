"""Functions and globals as definitions: linkage, results, what BPF cannot have."""

from __future__ import annotations

import pytest

from bpfkit.compiler.diagnostics import Rejection
from bpfkit.errors import CompileError
from bpfkit.obj.read import read_object
from tests.unit.compiler.lower.plain import build, build_ir

CORE = """
struct bits { int a : 3; int b; } __attribute__((preserve_access_index));
enum e { ONE = 1, ALSO_ONE = 1, TWO };
"""


@pytest.mark.parametrize(
    ("text", "words", "hint"),
    [
        pytest.param(
            "static __attribute__((noinline)) int g(int a, ...) { return a; }"
            "int f(void *c) { return g(1, 2); }",
            "variable number of arguments",
            "macro",
            id="variadic",
        ),
        pytest.param(
            "static __attribute__((noinline)) int g(int a, int b, int c, int d, int e, int h)"
            "{ return a + h; } int f(void *c) { return g(1, 2, 3, 4, 5, 6); }",
            "at most 5",
            "struct",
            id="six-arguments",
        ),
        pytest.param(
            "struct s { long a, b; }; static __attribute__((noinline)) struct s g(int a)"
            "{ struct s x = { a, a }; return x; } int f(void *c) { return g(1).b; }",
            "struct by value",
            "pointer",
            id="struct-result",
        ),
        pytest.param("extern int g(int); int f(void *c) { return g(1); }", "nowhere defined",
                     "__ksym", id="undefined-function"),
        pytest.param("extern int v; int f(void *c) { return v; }", "nowhere defined", "__ksym",
                     id="undefined-variable"),
    ],
)  # fmt: skip
def test_what_bpf_cannot_have_is_refused_with_a_hint(text: str, words: str, hint: str) -> None:
    with pytest.raises(Rejection, match=words) as refused:
        build_ir(text)
    assert hint in refused.value.hint


def test_structs_are_taken_and_given_by_value_where_functions_are_inlined() -> None:
    spec = read_object(
        build(
            """
            struct s { long a, b, c; };
            static inline struct s make(long a) { struct s x = { a, 2, 3 }; return x; }
            static inline long sum(struct s x) { x.a++; return x.a + x.b + x.c; }
            static inline void nothing(struct s x) { if (x.a) return; }
            static inline struct s maybe(long a) { if (a) return make(a); }
            int f(void *c) { nothing(make(1)); return sum(make(4)) + sum(maybe(5)); }
            """
        )
    )
    assert not spec.functions


def test_a_program_without_a_result_returns_zero() -> None:
    ir = build_ir("static inline int g(void) { return 3; } void f(void *c) { return (void)g(); }")
    assert "ret i32 0" in ir
    ir = build_ir("char f(void *c) { } int *g(void *c) { }")
    assert "ret i8 0" in ir
    assert "ret ptr null" in ir


def test_scalars_are_written_as_numbers_and_pointers_as_addresses() -> None:
    ir = build_ir(
        """
        static int counted = -2; int target; int *at = &target; static _Bool on = 1;
        int f(void *c) { counted++; on = !on; return counted + *at + on; }
        """
    )
    assert f"@counted = internal global i32 {(1 << 32) - 2}" in ir
    assert "@at = dso_local global ptr @target" in ir
    assert "@on = internal global i8 1" in ir


def test_static_locals_of_one_name_are_two_variables() -> None:
    spec = read_object(
        build(
            """
            static __attribute__((noinline)) int g(void) { static int n = 1; return n++; }
            int f(void *c) { static int n = 5; n += g(); return n; }
            """
        )
    )
    assert set(spec.sections[".data"].offsets) == {"g.n", "f.n"}


def test_visibility_and_weakness_are_kept() -> None:
    ir = build_ir(
        """
        __attribute__((visibility("hidden"))) int a = 1; __attribute__((weak)) int b = 2;
        __attribute__((weak, visibility("hidden"))) int c = 3;
        int f(void *x) { return a + b + c; }
        """
    )
    assert "@a = hidden global" in ir
    assert "@b = weak dso_local global" in ir
    assert "@c = weak hidden global" in ir


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        pytest.param("__builtin_preserve_field_info(c, 0)", "not a field access", id="no-member"),
        pytest.param("__builtin_preserve_field_info(p->b, x)", "constant", id="variable"),
        pytest.param("__builtin_preserve_enum_value(*(enum e *)7, 1)", "invalid", id="number"),
        pytest.param(
            "__builtin_preserve_enum_value(*(enum e *)OTHER, 1)", "invalid", id="of-another"
        ),
    ],
)
def test_questions_that_cannot_be_asked_are_refused(expression: str, words: str) -> None:
    text = f"""{CORE} enum other {{ OTHER = 1 }};
    long f(struct bits *p) {{ int x = 1; int c = 2; return {expression}; }}"""
    with pytest.raises((Rejection, CompileError), match=words):
        build_ir(text)


def test_an_enumerator_is_asked_for_by_the_name_that_was_written() -> None:
    ir = build_ir(
        f"{CORE} long f(void *c) {{ return __builtin_preserve_enum_value(*(enum e *)ALSO_ONE, 1)"
        " + __builtin_preserve_enum_value(*(enum e *)ONE, 0); }"
    )
    assert 'c"ALSO_ONE:1\\00"' in ir
    assert 'c"ONE:1\\00"' in ir


def test_only_what_is_asked_of_a_type_is_described() -> None:
    text = """
    struct big { int first; long second; struct big *next; };
    long f(void *c) { return __builtin_preserve_type_info(*(struct big *)0, WHAT); }
    """
    described = ['name: "second"' in build_ir(text.replace("WHAT", what)) for what in "012"]
    assert described == [False, False, True]


def test_preserved_accesses_are_relocated_in_any_record() -> None:
    spec = read_object(
        build(
            """
            struct s { int a; int list[4]; union { int u; long v; }; };
            long f(struct s *p) { return (long)__builtin_preserve_access_index(&p->list[2])
                + (long)__builtin_preserve_access_index(&p->v); }
            """,
            dialect="bcc",
        )
    )
    # Only members that are used are described, so "list" is the first one of its record.
    assert sorted(r.access for r in spec.programs["f"].core_relocs) == ["0:0:2", "0:1:0"]
