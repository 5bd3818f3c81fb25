"""Builtins that ask the target kernel about itself become relocations, each with its question."""

from __future__ import annotations

import re

import pytest

from bpfkit.compiler.diagnostics import Rejection
from tests.unit.compiler.lower.plain import build_ir

TYPES = """
typedef unsigned long long u64; typedef struct { int x; } anon_t; typedef int number_t;
enum e { ONE = 1, ALSO_ONE = 1, NEGATIVE = -7 };
struct s { int a : 3; int b; struct { long c; } in; int d[4]; }
__attribute__((preserve_access_index));
"""
LINE = TYPES.count("\n") + 1


def asked(body: str, context: str = "void *m") -> list[str]:
    """The calls of the backend's intrinsics."""
    ir = build_ir(f"{TYPES}long f({context}) {{ {body} }}")
    return re.findall(r"call \w+ (@llvm\.(?:bpf\.)?(?:preserve|btf)[^!]*)", ir)


@pytest.mark.parametrize(
    ("body", "call"),
    [
        pytest.param("return __builtin_preserve_type_info(*(struct s *)0, 0);",
                     r"@llvm.bpf.preserve.type.info\(i32 \d+, i64 0\)", id="type-exists"),
        pytest.param("return __builtin_preserve_type_info(*(struct s *)0, 1);",
                     r"@llvm.bpf.preserve.type.info\(i32 \d+, i64 1\)", id="type-size"),
        pytest.param("return __builtin_preserve_type_info(*(number_t *)0, 2);",
                     r"@llvm.bpf.preserve.type.info\(i32 \d+, i64 2\)", id="type-matches"),
        pytest.param("return __builtin_btf_type_id(*(struct s *)0, 0);",
                     r"@llvm.bpf.btf.type.id\(i32 \d+, i64 0\)", id="type-id-local"),
        pytest.param("return __builtin_btf_type_id(*(anon_t *)0, 1);",
                     r"@llvm.bpf.btf.type.id\(i32 \d+, i64 1\)", id="type-id-target"),
        pytest.param("return __builtin_preserve_enum_value(*(enum e *)ALSO_ONE, 0);",
                     r"@llvm.bpf.preserve.enum.value\(i32 \d+, ptr @.enum.\d+.ALSO_ONE, i64 0\)",
                     id="enumerator-exists"),
        pytest.param("return __builtin_preserve_enum_value(*(enum e *)NEGATIVE, 1);",
                     r"@llvm.bpf.preserve.enum.value\(i32 \d+, ptr @.enum.\d+.NEGATIVE, i64 1\)",
                     id="enumerator-value"),
        pytest.param("struct s *p = m; return __builtin_preserve_field_info(p->b, 0);",
                     r"@llvm.bpf.preserve.field.info.p0\(ptr %t\d+, i64 0\)", id="field-offset"),
        pytest.param("struct s *p = m; return __builtin_preserve_field_info(p->in.c, 2);",
                     r"@llvm.bpf.preserve.field.info.p0\(ptr %t\d+, i64 2\)", id="field-exists"),
        pytest.param("struct s *p = m; return __builtin_preserve_field_info(p->a, 4);",
                     r"@llvm.bpf.preserve.field.info.p0\(ptr %t\d+, i64 4\)", id="bit-field-shift"),
        pytest.param("return __builtin_preserve_field_info(((struct s *)0)->d[2], 0);",
                     r"@llvm.bpf.preserve.field.info.p0\(ptr %t\d+, i64 0\)", id="element-offset"),
        pytest.param("struct plain { int n, k; } *p = m;"
                     "return *__builtin_preserve_access_index(&p->k);",
                     r"@llvm.preserve.struct.access.index.p0.p0\(.*i32 1, i32 \d+\)",
                     id="preserve_access_index"),
    ],
)  # fmt: skip
def test_a_question_becomes_a_relocation(body: str, call: str) -> None:
    assert any(re.match(call, found) for found in asked(body)), asked(body)


def test_an_enumerator_is_told_apart_from_another_one_of_its_value() -> None:
    ir = build_ir(
        f"{TYPES}long f(void *m) {{ return __builtin_preserve_enum_value(*(enum e *)ONE, 1)"
        " + __builtin_preserve_enum_value(*(enum e *)ALSO_ONE, 1)"
        " + __builtin_preserve_enum_value(*(enum e *)NEGATIVE, 1); }"
    )
    assert r'c"ONE:1\00"' in ir
    assert r'c"ALSO_ONE:1\00"' in ir
    assert r'c"NEGATIVE:-7\00"' in ir


def test_a_question_about_an_object_of_the_program_is_refused() -> None:
    with pytest.raises(Rejection, match="must be a member of a record") as refused:
        build_ir(
            f"{TYPES}long f(void *m) {{ int x[3]; return __builtin_preserve_field_info(x[1], 0); }}"
        )
    assert refused.value.loc.line == LINE
    assert "p->member" in refused.value.hint
