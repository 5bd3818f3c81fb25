from __future__ import annotations

import pytest

from bpfkit.compiler.headers.tracepoints import Event, events_in, tracepoint_struct
from bpfkit.compiler.source import Source, assemble
from bpfkit.compiler.target import Target
from bpfkit.errors import CompileError
from tests.fakes.kernel_facts import OPENAT, FakeKernel

HEAD = "\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n"


def fields(text: str) -> list[str]:
    lines = tracepoint_struct(Event("c", "e", 0), HEAD + text).splitlines()
    return [line.strip(" \t;") for line in lines[2:-1]]


def test_a_system_call_gets_padding_and_wide_integers() -> None:
    struct = tracepoint_struct(Event("syscalls", "sys_enter_openat", 0), OPENAT)
    assert struct == (
        "struct tracepoint__syscalls__sys_enter_openat {\n"
        "\tu64 __do_not_use__;\n"
        "\tint __syscall_nr;\n"
        "\tchar __pad_0[4];\n"
        "\tu64 dfd;\n"
        "\tconst char *filename;\n"
        "\tu64 flags;\n"
        "\tu64 mode;\n"
        "};\n"
    )


@pytest.mark.parametrize(
    ("line", "member"),
    [
        pytest.param("char comm[16];\toffset:8;\tsize:16;\tsigned:0;", "char comm[16]", id="text"),
        pytest.param(
            "char comm[TASK_COMM_LEN];\toffset:8;\tsize:16;", "char comm[16]", id="named-length"
        ),
        pytest.param(
            "__data_loc char[] name;\toffset:8;\tsize:4;\tsigned:0;",
            "int data_loc_name",
            id="dynamic",
        ),
        pytest.param("pid_t pid;\toffset:8;\tsize:4;\tsigned:1;", "pid_t pid", id="typedef"),
        pytest.param(
            "enum skb_drop_reason reason;\toffset:8;\tsize:4;\tsigned:0;", "u32 reason", id="enum"
        ),
        pytest.param(
            "void __seg_gs * ptr;\toffset:8;\tsize:8;\tsigned:0;", "void *ptr", id="address-space"
        ),
        pytest.param(
            "unsigned long args[6];\toffset:8;\tsize:48;", "unsigned long args[6]", id="array"
        ),
        pytest.param("struct in6_addr a;\toffset:8;\tsize:16;", "char a[16]", id="record"),
    ],
)
def test_a_field_becomes_a_member_of_its_size(line: str, member: str) -> None:
    assert fields(f"\tfield:{line}\n") == [member]


def test_more_common_fields_are_hidden() -> None:
    text = "\tfield:u8 common_lazy;\toffset:8;\tsize:1;\n\tfield:u32 x;\toffset:12;\tsize:4;\n"
    assert fields(text) == ["char __do_not_use__8", "char __pad_0[3]", "u32 x"]


def test_a_member_off_its_alignment_packs_the_structure() -> None:
    text = "\tfield:u64 x;\toffset:12;\tsize:8;\tsigned:0;\n"
    assert "packed" in tracepoint_struct(Event("c", "e", 0), HEAD + text)


def test_events_are_found_in_probes_and_in_structures() -> None:
    code = "TRACEPOINT_PROBE(a, b) {}\nint f(struct tracepoint__c_d__e__f *args) {}"
    assert [(e.category, e.name) for e in events_in(code)] == [("a", "b"), ("c_d__e", "f")]


def test_a_missing_tracepoint_is_an_error_at_its_name() -> None:
    text = "/* one */\nTRACEPOINT_PROBE(syscalls, sys_enter_opennat) { return 0; }\n"
    with pytest.raises(CompileError) as error:
        assemble(Source(text, "x.c"), Target(FakeKernel()))
    (diagnostic,) = error.value.diagnostics
    assert (diagnostic.loc.file, diagnostic.loc.line, diagnostic.loc.column) == ("x.c", 2, 28)
    assert "syscalls:sys_enter_opennat" in diagnostic.message
    assert "sys_enter_openat" in diagnostic.hint
    assert diagnostic.source_line == text.splitlines()[1]


def test_a_structure_the_text_brings_is_not_made() -> None:
    text = "struct tracepoint__a__b { int x; }; int f(struct tracepoint__a__b *args) { return 0; }"
    assert "tracepoint__a__b {" not in assemble(Source(text), Target(FakeKernel())).prelude
