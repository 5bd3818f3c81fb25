"""Programs with typed parameters, license, formats and the other constructs around functions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bpfkit.compiler.constants import fold
from bpfkit.compiler.diagnostics import Rejection
from bpfkit.compiler.dialect.apply import apply_dialect
from bpfkit.compiler.dialect.headers import bcc_prelude
from bpfkit.compiler.dialect.registers import REGISTERS
from bpfkit.compiler.tree import DeclStmt, FunctionDecl, Return, VarDecl
from tests.unit.compiler.bcc_chain import chain, parse_text, show, target


def locals_of(function: FunctionDecl) -> dict[str, str]:
    """Initialisers of the locals at the start of a function."""
    assert function.body is not None
    found = {}
    for statement in function.body.body:
        if isinstance(statement, DeclStmt):
            for var in statement.vars:
                assert isinstance(var, VarDecl)
                found[var.name] = "" if var.init is None else show(var.init)
    return found


SIX = "int a, char *b, u64 c, short d, void *e, long f"
SUM = "{ return a + (long)b + c + d + (long)e + f; }"


def test_parameters_come_from_registers() -> None:
    function = chain(f"int on_f(struct pt_regs *ctx, {SIX}) {SUM}").function("on_f")
    assert len(function.params) == 1
    assert locals_of(function) == {
        "a": "ctx->di",
        "b": "ctx->si",
        "c": "ctx->dx",
        "d": "ctx->cx",
        "e": "ctx->r8",
        "f": "ctx->r9",
    }


@pytest.mark.parametrize("name", ["syscall__x", "kprobe____x64_sys_x", "kprobe__sys_x"])
def test_parameters_of_a_system_call_come_from_its_caller(name: str) -> None:
    result = chain(f"int {name}(struct pt_regs *ctx, {SIX}) {SUM}")
    assert locals_of(result.function(name)) == {
        ".caller": "ctx->di",
        "a": ".caller->di",
        "b": ".caller->si",
        "c": ".caller->dx",
        "d": ".caller->r10",
        "e": ".caller->r8",
        "f": ".caller->r9",
    }
    assert result.accesses(name) == {"ctx": "direct", ".caller": "external"}


def test_without_a_wrapper_system_calls_have_their_own_registers() -> None:
    bare_target = target(options={"CONFIG_ARCH_HAS_SYSCALL_WRAPPER": "n"})
    function = chain(f"int syscall__x(struct pt_regs *ctx, {SIX}) {SUM}", bare_target)
    assert locals_of(function.function("syscall__x"))["d"] == "ctx->r10"


@pytest.mark.parametrize(("version", "wrapped"), [((4, 9, 0), False), ((6, 1, 0), True)])
def test_an_unknown_configuration_is_guessed_by_age(
    version: tuple[int, int, int], wrapped: bool
) -> None:
    result = chain(
        "int syscall__x(struct pt_regs *ctx, int a) { return a; }",
        target(options={}, version=version),
    )
    assert (".caller" in locals_of(result.function("syscall__x"))) is wrapped


def test_unused_parameters_are_not_read() -> None:
    function = chain("int f(struct pt_regs *ctx, int a, int b) { return b; }").function("f")
    assert locals_of(function) == {"b": "ctx->si"}


def test_parameters_of_traced_functions_come_from_words() -> None:
    result = chain("KFUNC_PROBE(f, struct sock *sk, int len, u64 ret) { return len + (sk != 0); }")
    function = result.function("kfunc__vmlinux__f")
    assert len(function.params) == 1
    assert locals_of(function) == {"sk": "*(ctx + 0)", "len": "*(ctx + 1)"}


@pytest.mark.parametrize(
    ("macro", "name"),
    [
        ("TRACEPOINT_PROBE(sched, sched_switch)", "tracepoint__sched__sched_switch"),
        ("RAW_TRACEPOINT_PROBE(x)", "raw_tracepoint__x"),
        ("KFUNC_PROBE(x)", "kfunc__vmlinux__x"),
        ("KRETFUNC_PROBE(x, int a, int r)", "kretfunc__vmlinux__x"),
        ("MODULE_KFUNC_PROBE(m, x, int a)", "kfunc__m__x"),
        ("MODULE_KRETFUNC_PROBE(m, x, int a)", "kretfunc__m__x"),
        ("KMOD_RET(x, int a)", "kmod_ret__x"),
        ("LSM_PROBE(x, int a)", "lsm__x"),
        ("BPF_ITER(task)", "bpf_iter__task"),
    ],
)
def test_a_probe_macro_makes_a_program(macro: str, name: str) -> None:
    (entry,) = chain(macro + " { return 0; }").plan.entries
    assert entry.symbol == name
    assert len(entry.function.params) == 1


REFUSED = [
    (
        "int f(struct pt_regs *ctx, int a, int b, int c, int d, int e, int g, int h) { return h; }",
        "too many arguments, bcc only supports in-register parameters",
    ),
    (
        "int f(void *ctx, int a) { return a; }",
        "extra parameters need the registers",
    ),
    (
        "struct big { long a, b; }; int f(struct pt_regs *ctx, struct big a) { return a.b; }",
        "parameter 'a' does not fit a register",
    ),
    ("int g(int a) { return a; } int f(void *ctx) { return g(1); }", "cannot call non-static"),
    ("int f(void *ctx) { char c[4]; bpf_trace_printk(c); return 0; }", "must be a string literal"),
    ('int f(void *ctx) { bpf_trace_printk("%d", 1, 2, 3, 4); return 0; }', "at most 3 values"),
    (
        "int f(struct pt_regs *c) { int v; bpf_usdt_readarg(1, c, &v); return v; }",
        "no USDT probe gives argument 1 to 'f'",
    ),
]


@pytest.mark.parametrize(("text", "message"), REFUSED, ids=[row[1] for row in REFUSED])
def test_what_cannot_be_a_program_is_refused(text: str, message: str) -> None:
    with pytest.raises(Rejection) as caught:
        chain(text)
    assert message in caught.value.message
    assert caught.value.loc.line == 1


def test_static_functions_become_part_of_their_callers() -> None:
    result = chain(
        """static int a(int x) { return x; }
        static __attribute__((noinline)) int b(int x) { return x; }
        int f(void *ctx) { return a(1) + b(2); }"""
    )
    assert result.function("a").always_inline
    assert not result.function("b").always_inline
    assert [i.symbol for i in result.plan.entries] == ["f"]


# ---------------------------------------------------------------- formats


def test_a_format_goes_to_the_stack_with_its_size() -> None:
    result = chain('int f(void *ctx) { bpf_trace_printk("a %d\\n", 7); return 0; }')
    (call,) = result.helpers("f")
    assert call.number == 6
    assert [show(call.args[0]), fold(call.args[1]), fold(call.args[2])] == [".format", 6, 7]


@pytest.mark.parametrize(
    ("format_", "warning"),
    [
        ("%d %u %x\\n", ""),
        ("%lld %llu %llx\\n", ""),
        ("%s %p %ld", ""),
        ("%pS", ""),
        (
            "%f\\n",
            "only %d %u %x %ld %lu %lx %lld %llu %llx %p %s conversion specifiers allowed",
        ),
        ("100%%", "only %d"),
        ("%c", "only %d"),
        ("%-4d", "only %d"),
        ("%s %s", "cannot use several %s conversion specifiers"),
        ("%d %d %d %d", "cannot use more than 3 conversion specifiers"),
        ("\\x01", "only printable characters"),
    ],
)
def test_formats_the_kernel_refuses_are_warned_of(format_: str, warning: str) -> None:
    result = chain(f'int f(void *ctx) {{ bpf_trace_printk("{format_}", 1, 2, 3); return 0; }}')
    if warning:
        assert len(result.warnings) == 1
        assert warning in result.warnings[0].message
        assert result.warnings[0].loc.line == 1
    else:
        assert not result.warnings


# ---------------------------------------------------------------- license, CPUs, registers


@pytest.mark.parametrize(
    ("define", "license_"),
    [
        ("", "GPL"),
        ("#define BPF_LICENSE Dual BSD/GPL\n", "Dual BSD/GPL"),
        ("#define BPF_LICENSE MIT\n", "MIT"),
        ("#define BPF_LICENSE\n", ""),
    ],
)
def test_license(define: str, license_: str) -> None:
    assert chain(define + "int f(void *ctx) { return 0; }").unit.license == license_


def test_a_license_in_the_flags_is_refused() -> None:
    to = target()
    unit = parse_text("int f(void *ctx) { return 0; }", to)
    with pytest.raises(Rejection, match="cannot be specified through cflags"):
        apply_dialect(unit, replace(to, cflags=("-DBPF_LICENSE=MIT",)))


def test_the_number_of_cpus_is_that_of_the_target() -> None:
    result = chain("int f(void *ctx) { return bpf_num_cpus(); }")
    body = result.function("f").body
    assert body is not None
    (statement,) = body.body
    assert isinstance(statement, Return)
    assert statement.value is not None
    assert fold(statement.value) == 4


def test_usdt_arguments_come_from_the_accessor_of_the_function() -> None:
    result = chain(
        """static inline int _bpf_readarg_f_2(struct pt_regs *ctx, void *dest, size_t len) {
            if (len != sizeof(u64)) return -1;
            *(u64 *)dest = ctx->si; return 0; }
        int f(struct pt_regs *ctx) { u64 v = 0; bpf_usdt_readarg(2, ctx, &v); return v; }"""
    )
    (entry,) = result.plan.entries
    ((call, instance),) = entry.calls.items()
    assert instance.symbol == "_bpf_readarg_f_2"
    assert fold(call.args[2]) == 8


@pytest.mark.parametrize("arch", list(REGISTERS))
def test_every_architecture_has_its_register_macros(arch: str) -> None:
    text = bcc_prelude(arch)
    for name in ("PARM1", "PARM5", "RC", "SP", "IP", "FP", "RET", "SYSCALL_CTX", "PARM4_SYSCALL"):
        assert f"#define PT_REGS_{name}(ctx)" in text


def test_an_unknown_architecture_is_refused() -> None:
    with pytest.raises(Rejection, match="unknown architecture 'vax'"):
        bcc_prelude("vax")
