"""Programs with named arguments: where each comes from, and what is refused."""

from __future__ import annotations

import pytest

from bpfkit.compiler.dialect.registers import REGISTERS
from bpfkit.errors import CompileError
from tests.unit.compiler.libbpf.small_kernel import compiled, object_of


def ir_of(text: str, *, arch: str = "x86_64", wrapped: bool = True) -> str:
    return compiled(text, arch=arch, wrapped=wrapped).ir


def test_a_program_takes_the_context_alone() -> None:
    spec = object_of(
        'SEC("tp_btf/x") int BPF_PROG(f, int a, struct task_struct *t) { return a + t->pid; }'
    )
    assert spec.btf is not None
    program = spec.programs["f"]
    function = spec.btf.type(program.func_info[0][1])
    prototype = spec.btf.type(function.type_id)  # type: ignore[union-attr]
    assert [p.name for p in prototype.params] == ["ctx"]  # type: ignore[union-attr]


def test_words_are_read_in_their_order() -> None:
    ir = ir_of('SEC("raw_tp/x") int BPF_PROG(f, int a, long b, u8 c) { return a + c; }')
    assert "mul i64" not in ir or "i64 16" in ir
    # The second argument is not named in the body, so it is not read.
    assert ir.count("load i64") == 2


def test_a_struct_takes_several_words() -> None:
    ir = ir_of(
        """
        struct pair { long a; int b; };
        SEC("raw_tp/x") int BPF_PROG2(f, int, n, struct pair, p, long, last) {
            return p.b + last; }
        """
    )
    assert ir.count("load i64") >= 3


@pytest.mark.parametrize("arch", REGISTERS)
def test_registers_are_those_of_the_architecture(arch: str) -> None:
    ir = ir_of(
        """
        SEC("kprobe/f") int BPF_KPROBE(entry, long a, long b) {
            return a + b + PT_REGS_PARM3(ctx) + PT_REGS_PARM4_CORE(ctx); }
        SEC("kretprobe/f") int BPF_KRETPROBE(leave, long result) {
            return result == PT_REGS_RC(ctx); }
        SEC("uprobe") int BPF_UPROBE(user, int a) { return a; }
        """,
        arch=arch,
    )
    assert all(f" @{name}(ptr %p0)" in ir for name in ("entry", "leave", "user"))


@pytest.mark.parametrize("wrapped", [True, False], ids=["wrapped", "plain"])
def test_system_calls_are_read_through_the_wrapper_where_there_is_one(wrapped: bool) -> None:
    text = 'SEC("ksyscall/x") int BPF_KSYSCALL(f, int fd, char *path) { return fd + !path; }'
    ir = ir_of(text, wrapped=wrapped)
    assert ("inttoptr (i64 113 to ptr)" in ir) is wrapped


def test_a_system_call_without_arguments_reads_nothing() -> None:
    ir = ir_of('SEC("ksyscall/x") int BPF_KSYSCALL(f, int fd) { return 0; }')
    assert "inttoptr" not in ir


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(
            'SEC("raw_tp/x") int BPF_PROG(f, int) { return 0; }', "has no name", id="unnamed"
        ),
        pytest.param(
            'SEC("kprobe/x") int BPF_KPROBE(f, int a, int b, int c, int d, int e, int g, int h)'
            " { return h; }",
            "names 7 arguments; x86_64 passes 6 in registers",
            id="too-many-registers",
        ),
        pytest.param(
            'SEC("kretprobe/x") int BPF_KRETPROBE(f, int a, int b) { return a; }',
            "has one argument",
            id="two-results",
        ),
        pytest.param(
            "struct big { long a, b; };"
            'SEC("kprobe/x") int BPF_KPROBE(f, struct big b) { return b.a; }',
            "does not fit a register",
            id="struct-in-register",
        ),
        pytest.param(
            "struct big { long a[13]; };"
            'SEC("fentry/x") int BPF_PROG(f, struct big b) { return b.a[0]; }',
            "at most 12 words",
            id="too-many-words",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_a_hint(text: str, words: str) -> None:
    with pytest.raises(CompileError, match=words) as refused:
        compiled(text)
    found = refused.value.diagnostics[-1]
    assert found.hint
    assert found.loc.line > 1


def test_an_array_parameter_is_a_pointer() -> None:
    ir = ir_of('SEC("raw_tp/x") int BPF_PROG(f, char name[16]) { return name[3]; }')
    assert "load i8" in ir
