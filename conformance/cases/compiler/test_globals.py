"""Global variables: sections, first values, values given before loading, reads and writes after."""

from __future__ import annotations

import pytest

from bpfkit.errors import LoadError
from conformance.case import case
from conformance.libbpf import RAW_TP_RUN, in_tracepoint, load_text, stored, trigger

PROGRAM = """
SEC("raw_tp/sys_enter") int program(void *ctx) {{
    {body}
    return 0;
}}
"""


def program(before: str, body: str) -> str:
    """A text with one program."""
    return before + PROGRAM.format(body=body)


@case("compiler/globals/sections", kernel=RAW_TP_RUN)
def test_globals_live_in_their_sections() -> None:
    """Initialised, zero and constant globals are in .data, .bss and .rodata, with their values."""
    text = program(
        "int set = 5; long zero; const int fixed = 7; static int local = -3; u8 small[3];",
        "OUT(0, set); OUT(1, zero); OUT(2, fixed); OUT(3, local); OUT(4, small[2]);"
        "set++; zero -= 2; local *= 2; small[2] = 200;",
    )
    with load_text(text, 5) as collection:
        trigger(collection)
        assert stored(collection) == [5, 0, 7, -3, 0]
        values = collection.globals
        assert (values["set"], values["zero"], values["local"]) == (6, -2, -6)
        assert values["small"] == (0, 0, 200)
        assert {".data", ".bss"} <= set(collection.maps)


@case("compiler/globals/configuration", kernel=RAW_TP_RUN)
def test_constants_can_be_set_before_the_program_is_verified() -> None:
    """``const volatile`` values given at load time are what the verifier and the program see."""
    text = program(
        "const volatile int wanted = 1; const volatile bool on = false; const volatile u64 mask;"
        'const volatile char name[8] = "none";',
        "OUT(0, wanted); OUT(1, on); OUT(2, mask); OUT(3, name[0]);"
        # Dead for this value, else refused: the verifier follows the constant.
        "if (wanted != 42) OUT(4, *(volatile int *)0x10);",
    )
    given = {"wanted": 42, "on": True, "mask": 1 << 63, "name": b"abc"}
    with load_text(text, 5, globals=given) as collection:
        trigger(collection)
        assert stored(collection) == [42, 1, -(1 << 63), ord("a"), 0]
        with pytest.raises(LoadError, match="constant"):
            collection.globals["wanted"] = 3


@case("compiler/globals/written-by-user-space", kernel=RAW_TP_RUN)
def test_user_space_writes_what_programs_read() -> None:
    """Globals set after loading are seen by the next run; structs and arrays have C's layout."""
    text = program(
        "struct pair { u8 a; u64 b; } pair = { 1, 2 }; int list[4] = { [2] = 9 };"
        "volatile int gate;",
        "OUT(0, pair.a); OUT(1, pair.b); OUT(2, list[2]); OUT(3, gate); pair.b++; list[3] = 1;",
    )
    with load_text(text, 4) as collection:
        collection.globals["pair"] = {"a": 200, "b": 1 << 40}
        collection.globals["gate"] = -1
        trigger(collection)
        assert stored(collection) == [200, 1 << 40, 9, -1]
        assert collection.globals["pair"] == {"a": 200, "b": (1 << 40) + 1}
        assert collection.globals["list"] == (0, 0, 9, 1)


@case("compiler/globals/unknown-name", kernel=RAW_TP_RUN)
def test_a_misspelt_global_is_an_error_with_the_nearest_name() -> None:
    """Setting a global that the object does not have names those it may be."""
    text = program("const volatile int wanted_pid;", "OUT(0, wanted_pid);")
    with pytest.raises(LoadError, match=r"'wanted_pit'.*did you mean wanted_pid"):
        load_text(text, 1, globals={"wanted_pit": 1})


@case("compiler/globals/own-sections", kernel=RAW_TP_RUN)
def test_globals_may_have_sections_of_their_own() -> None:
    """SEC(".data.x"), SEC(".bss.x") and SEC(".rodata.x") make maps of their own."""
    text = program(
        'int a SEC(".data.mine") = 4; int b SEC(".bss.mine");'
        'const volatile int c SEC(".rodata.mine") = 6;',
        "OUT(0, a); OUT(1, b); OUT(2, c); a = 40; b = 50;",
    )
    with load_text(text, 3, globals={"c": 66}) as collection:
        trigger(collection)
        assert stored(collection) == [4, 0, 66]
        assert (collection.globals["a"], collection.globals["b"]) == (40, 50)
        assert {".data.mine", ".bss.mine", ".rodata.mine"} <= set(collection.maps)


@case("compiler/globals/pointers", kernel=RAW_TP_RUN)
def test_addresses_of_globals_are_pointers() -> None:
    """Programs take addresses of globals, index global arrays and pass both to functions."""
    before = """
    static int table[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
    static int counter;
    static __noinline int add(int *to, int value) { if (to) *to += value; return 0; }
    """
    body = """
    int sum = 0, *p = table;
    for (int i = 0; i < 8; i++) sum += table[i];
    OUT(0, sum); OUT(1, p[3]); OUT(2, *(p + 7));
    add(&counter, 5); add(&table[1], 100);
    OUT(3, counter); OUT(4, table[1]);
    """
    assert in_tracepoint(body, 5, before) == [36, 4, 8, 5, 102]


@case("compiler/globals/static-locals", kernel=RAW_TP_RUN)
def test_static_locals_keep_their_values() -> None:
    """A static local keeps its value from call to call, apart from others of its name."""
    before = """
    static __noinline int first(void) { static int n = 10; return n++; }
    static __noinline int second(void) { static int n = 20; return n++; }
    """
    body = "OUT(0, first()); OUT(1, first()); OUT(2, second()); OUT(3, second()); OUT(4, first());"
    assert in_tracepoint(body, 5, before) == [10, 11, 20, 21, 12]


@case("compiler/globals/string-constants", kernel=RAW_TP_RUN)
def test_constant_strings_and_tables_are_read() -> None:
    """Constant arrays of strings and of structs are indexed at run time."""
    before = """
    static const char names[3][8] = { "zero", "one", "two" };
    static const struct { int key; char tag; } rows[] = { { 7, 'a' }, { 8, 'b' } };
    volatile u32 which = 2;
    """
    body = """
    u32 i = which;
    if (i < 3) OUT(0, names[i][0]);
    if (i - 1 < 2) { OUT(1, rows[i - 1].key); OUT(2, rows[i - 1].tag); }
    """
    assert in_tracepoint(body, 3, before) == [ord("t"), 8, ord("b")]
