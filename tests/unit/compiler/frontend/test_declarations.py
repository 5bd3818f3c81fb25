"""Units: what is built, where it counts as standing, attributes, types."""

from __future__ import annotations

import threading

import pytest

from bpfkit.compiler.ctype import Array, Pointer, Record, bare
from bpfkit.compiler.dump import dump_function, type_name
from bpfkit.compiler.tree import DeclRef, ExprStmt, FunctionDecl, Storage, Unit, VarDecl
from tests.unit.compiler.frontend.snippets import PRELUDE, function_of, read, unit_of


def function(unit: Unit, name: str) -> FunctionDecl:
    return next(f for f in unit.functions if f.name == name)


def variable(unit: Unit, name: str) -> VarDecl:
    return next(v for v in unit.globals if v.name == name)


def record(t: object) -> Record:
    while isinstance(t, (Pointer, Array)):
        t = t.to if isinstance(t, Pointer) else t.of
    plain = bare(t)  # type: ignore[arg-type]
    assert isinstance(plain, Record)
    return plain


# ---------------------------------------------------------------- functions


def test_functions_come_in_order_and_reached_ones_last() -> None:
    unit = unit_of("int b(void) { return inl(1); } int a(void) { return b(); }")
    assert [f.name for f in unit.functions] == ["b", "a", "inl"]
    assert [f.in_main_file for f in unit.functions] == [True, True, False]
    assert function(unit, "inl").body is not None


def test_a_function_that_a_macro_of_the_prelude_makes_is_in_the_main_file() -> None:
    prelude = "#define PROBE(name) int probe__##name(void *ctx)\n"
    unit = unit_of("\n  PROBE(x) { return 0; }", prelude=prelude)
    made = function(unit, "probe__x")
    assert made.in_main_file
    assert (made.loc.file, made.loc.line, made.loc.column) == ("t.c", 2, 3)


def test_a_function_without_body_is_only_referred_to() -> None:
    unit = unit_of("extern int k(int) __attribute__((weak)); int f(void) { k(1); return 0; }")
    assert [f.name for f in unit.functions] == ["f"]
    body = unit.functions[0].body
    assert body is not None
    statement = body.body[0]
    assert isinstance(statement, ExprStmt)
    callee = getattr(statement.expr, "callee")  # noqa: B009 - a Call
    assert isinstance(callee, DeclRef)
    assert isinstance(callee.decl, FunctionDecl)
    assert callee.decl.body is None
    assert callee.decl.weak


def test_declaration_and_definition_are_one_function() -> None:
    unit = unit_of(
        "static int g(int named) __attribute__((noinline));"
        "int f(void) { return g(1); } static int g(int other) { return other; }"
    )
    g = function(unit, "g")
    assert [f.name for f in unit.functions] == ["f", "g"]
    assert g.noinline
    assert g.static
    assert g.params[0].name == "other"


def test_recursive_functions_end() -> None:
    unit = unit_of("int f(int n) { return n ? f(n - 1) : 0; }")
    assert "(call f " in dump_function(unit.functions[0])


@pytest.mark.parametrize(
    ("head", "flag"),
    [
        ("static int f(void)", "static"),
        ("static inline int f(void)", "inline"),
        ("static inline __attribute__((always_inline)) int f(void)", "always_inline"),
        ("__attribute__((noinline)) int f(void)", "noinline"),
        ("__attribute__((weak)) int f(void)", "weak"),
    ],
)
def test_flags_of_functions(head: str, flag: str) -> None:
    assert getattr(unit_of(f"{head} {{ return 0; }}").functions[0], flag)
    assert not getattr(unit_of("int f(void) { return 0; }").functions[0], flag)


def test_sections_come_from_the_attribute_or_from_our_annotation() -> None:
    unit = unit_of(
        '__attribute__((section("kprobe/x"), used)) int f(void) { return 0; }'
        '__attribute__((annotate("sec:xdp"), annotate("args:ctx"))) int g(void) { return 0; }'
        'int m __attribute__((section(".maps"))) = 1;'
        'int n __attribute__((annotate("sec:maps/hash")));'
    )
    assert function(unit, "f").section == "kprobe/x"
    assert function(unit, "g").section == "xdp"
    assert function(unit, "g").annotations == ("args:ctx",)
    assert variable(unit, "m").section == ".maps"
    assert variable(unit, "n").section == "maps/hash"
    assert variable(unit, "n").annotations == ()


def test_an_asm_label_is_the_name_in_the_object() -> None:
    unit = unit_of(
        'unsigned long long load(void *skb, unsigned long long off) asm("llvm.bpf.load.byte");'
        "int f(void *ctx) { return load(ctx, 1); }"
    )
    text = dump_function(unit.functions[0])
    assert "(call load " in text
    statement = unit.functions[0].body
    assert statement is not None
    call = getattr(statement.body[0], "value").operand  # noqa: B009 - a Return of a Cast
    assert call.callee.decl.asm_label == "llvm.bpf.load.byte"


def test_array_parameters_are_pointers() -> None:
    f = unit_of("int f(int a[4], int g(void)) { return a[0]; }").functions[0]
    assert [type_name(p.type) for p in f.params] == ["int*", "int()*"]
    assert [type_name(p) for p in f.type.params] == ["int*", "int()*"]


# ---------------------------------------------------------------- variables


def test_globals_of_the_main_file_and_those_it_reaches() -> None:
    unit = unit_of(
        "int a; static int b = 2; extern int c; int f(void) { return shared + c; }",
        prelude="int shared; int not_reached;",
    )
    assert [(v.name, v.storage) for v in unit.globals] == [
        ("a", Storage.GLOBAL),
        ("b", Storage.STATIC),
        ("c", Storage.EXTERN),
        ("shared", Storage.GLOBAL),
    ]
    assert [v.in_main_file for v in unit.globals] == [True, True, True, False]


def test_an_extern_with_a_definition_is_that() -> None:
    unit = unit_of("extern int a; int f(void) { return a; } int a = 3;")
    (a,) = unit.globals
    assert a.storage is Storage.GLOBAL
    assert a.init is not None


def test_a_weak_extern_in_a_section() -> None:
    unit = unit_of(
        'extern int V __attribute__((section(".kconfig"), weak)); int f(void) {return V;}'
    )
    (v,) = unit.globals
    assert (v.storage, v.section, v.weak) == (Storage.EXTERN, ".kconfig", True)


def test_helper_pointers_are_no_globals() -> None:
    unit = unit_of(
        "static int (*mine)(void) = (void *)9; int f(void) { return mine() + bpf_ktime_get_ns(); }"
    )
    assert unit.globals == []


def test_a_helper_pointer_used_as_a_value_is_one() -> None:
    unit = unit_of("void *f(void) { return bpf_ktime_get_ns; }")
    assert [v.name for v in unit.globals] == ["bpf_ktime_get_ns"]


# ---------------------------------------------------------------- types


def test_a_record_that_code_holds_or_points_to_is_filled() -> None:
    f = function_of("struct s *copy = ps;")
    s = record(f.params[5].type)
    assert s.complete
    assert s is record(f.params[6].type)
    assert (s.size, s.align) == (64, 8)
    fields = {field.name: field for field in s.fields if field.name}
    assert {name: field.bit_offset for name, field in fields.items()} == {
        "a": 0,
        "in": 32,
        "arr": 192,
        "f1": 288,
        "f2": 291,
        "w": 320,
        "name": 368,
        "next": 448,
    }
    assert fields["w"].bit_width == 40
    assert all(field.record is s for field in s.fields)


def test_indexes_skip_unnamed_bit_fields_and_count_anonymous_members() -> None:
    s = record(function_of(";").params[6].type)
    assert [(field.name, field.index) for field in s.fields] == [
        ("a", 0),
        ("in", 1),
        ("", 2),
        ("arr", 3),
        ("f1", 4),
        ("f2", 5),
        ("w", 6),
        ("", -1),
        ("name", 7),
        ("next", 8),
    ]


def test_a_record_that_only_records_point_to_stays_incomplete() -> None:
    prelude = "struct far { int x; }; struct near { struct far *far; int y; };"
    unit = unit_of("int f(struct near *n) { return n->y; }", prelude=prelude)
    near = record(unit.functions[0].params[0].type)
    assert near.complete
    assert not record(near.fields[0].type).complete
    unit = unit_of("int f(struct near *n) { return n->far->x; }", prelude=prelude)
    assert record(record(unit.functions[0].params[0].type).fields[0].type).complete


def test_what_a_map_definition_points_to_is_filled() -> None:
    unit = unit_of(
        'struct { int (*type)[1]; struct val *value; } m __attribute__((section(".maps")));',
        prelude="struct val { int x; };",
    )
    assert record(record(unit.globals[0].type).fields[1].type).complete


def test_relocatable_records_by_attribute_pragma_and_nesting() -> None:
    prelude = (
        "struct a { int x; struct { int y; }; struct in { int z; } in; }"
        " __attribute__((preserve_access_index));"
        "\n#pragma clang attribute push"
        "(__attribute__((preserve_access_index)), apply_to = record)\n"
        "struct b { int x; };\n#pragma clang attribute pop\nstruct c { int x; };"
    )
    f = unit_of("int f(struct a *a, struct b *b, struct c *c) { return 0; }", prelude=prelude)
    a, b, c = (record(p.type) for p in f.functions[0].params)
    assert [r.relocatable for r in (a, b, c)] == [True, True, False]
    assert record(a.fields[1].type).relocatable
    assert record(a.fields[2].type).relocatable


def test_packed_and_annotated_records() -> None:
    unit = unit_of(
        'struct __attribute__((packed, annotate("packet"))) p { char a; int b; };'
        "int f(struct p *p) { return p->b; }"
    )
    p = record(unit.functions[0].params[0].type)
    assert p.packed
    assert p.annotations == ("packet",)
    assert p.fields[1].offset == 1
    assert unit.records == [p]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("struct tag { int a; } x;", "struct tag"),
        ("struct { int a; } x;", "struct (anonymous)"),
        ("typedef struct { int a; } name; name x;", "name"),
        ("union u { int a; } x[3][2];", "union u[3][2]"),
        ("const volatile int x;", "const volatile int"),
        ("const char *const x;", "const const char*"),
        ("int *x[3];", "int*[3]"),
        ("int (*x)(const char *, ...);", "int(const char*, ...)*"),
        ("int __attribute__((address_space(1))) *x;", "int space(1)*"),
        ("enum e { A } x;", "enum e"),
        ("__int128 x;", "__int128"),
        ("unsigned long long x;", "unsigned long long"),
        ("typeof((char)1) x;", "char"),
        ("double x;", "double"),
        ("int x[];", "int[1]"),
        ("extern int x[];", "int[]"),
        ("_Bool x;", "_Bool"),
    ],
)
def test_types(text: str, name: str) -> None:
    assert type_name(variable(unit_of(text), "x").type) == name


def test_an_enumeration_knows_its_constants() -> None:
    unit = unit_of("enum e { A = -1, B = 7 } x; enum { C = 1ULL << 40 } y;")
    x, y = (bare(v.type) for v in unit.globals)
    assert getattr(x, "constants") == [("A", -1), ("B", 7)]  # noqa: B009
    assert getattr(y, "constants") == [("C", 1 << 40)]  # noqa: B009
    assert getattr(y, "underlying").size == 8  # noqa: B009


# ---------------------------------------------------------------- the unit


@pytest.mark.parametrize(
    ("text", "macros"),
    [
        ("#define BPF_LICENSE Dual BSD/GPL\n", {"BPF_LICENSE": "Dual BSD/GPL"}),
        ('#define BPF_LICENSE "GPL"\n', {"BPF_LICENSE": '"GPL"'}),
        ("#define L MIT\n#define BPF_LICENSE L\n", {"BPF_LICENSE": "MIT"}),
        ("#define BPF_LICENSE GPL\n#undef BPF_LICENSE\n", {}),
        ("#if 0\n#define BPF_LICENSE GPL\n#endif\n", {}),
        ("// BPF_LICENSE\n", {}),
    ],
)
def test_values_of_macros(text: str, macros: dict[str, str]) -> None:
    unit = unit_of(text + "int f(void) { return 0; }")
    assert unit.macros == macros
    assert unit.globals == []


@pytest.mark.parametrize("name", ["t.c", "./t.c", "a b/t.c", "/nowhere/t.c", "<text>"])
def test_any_name_of_the_text_will_do(name: str) -> None:
    f = unit_of("int f(void) { return 0; }", name=name).functions[0]
    assert f.in_main_file
    assert f.loc.file == name


def test_nothing_is_read_twice_from_another_unit() -> None:
    first = record(unit_of("struct r { int a; }; int f(struct r *r) { return 0; }").records[0])
    second = record(unit_of("struct r { long b; }; int f(struct r *r) { return 0; }").records[0])
    assert [f.name for f in first.fields] == ["a"]
    assert [f.name for f in second.fields] == ["b"]


def test_threads_take_turns() -> None:
    found: list[str] = []

    def work(number: int) -> None:
        unit, _ = read(f"int f{number}(struct s *p) {{ return p->in.x; }}", prelude=PRELUDE)
        found.append(dump_function(unit.functions[0]))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 6
