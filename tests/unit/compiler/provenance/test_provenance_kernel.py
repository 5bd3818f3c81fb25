"""Arguments have the types that the kernel gives them, whatever the program casts them to."""

from __future__ import annotations

import pytest

from bpfkit.btf.decode import decode
from bpfkit.btf.encode import encode
from bpfkit.compiler.ctype import VOID_PTR, Field, Record, RecordKind
from bpfkit.compiler.diagnostics import Rejection
from bpfkit.compiler.provenance.kernel import KernelTypes
from bpfkit.compiler.provenance.values import SCALARS, UNTYPEDS, USERS, bound
from tests.unit.compiler.bcc_chain import chain
from tests.unit.compiler.provenance.kernel_types import kernel_types, with_types

SEC = "#define SEC(x) __attribute__((section(x), used))\n"
SOCK = frozenset({bound("sock")})


def types() -> KernelTypes:
    return KernelTypes(lambda: decode(encode(kernel_types())))


def test_the_arguments_of_a_function() -> None:
    words = types().function_arguments("f", result=True)
    assert words == (SOCK, SCALARS, SCALARS, USERS, SCALARS, UNTYPEDS, SOCK)
    assert types().function_arguments("f", result=False) == words[:-1]


@pytest.mark.parametrize("name", ["unknown", "sock", "btf_trace_tp"])
def test_what_is_no_function_has_no_arguments(name: str) -> None:
    assert types().function_arguments(name, result=False) == ()


def test_the_arguments_of_a_tracepoint_leave_the_first_out() -> None:
    assert types().tracepoint_arguments("tp") == (SOCK, SCALARS)
    assert types().tracepoint_arguments("odd") == ()
    assert types().tracepoint_arguments("unknown") == ()


def test_the_arguments_of_an_operation() -> None:
    assert types().operation_arguments("tcp_ops", "release") == (SOCK, SCALARS)
    assert types().operation_arguments("tcp_ops", "other") == ()
    assert types().operation_arguments("unknown", "init") == ()


@pytest.mark.parametrize(
    ("name", "part", "expected"),
    [
        pytest.param("sock", "sock", True, id="itself"),
        pytest.param("sock", "sock_common", True, id="first member, in an array"),
        pytest.param("sock", "tcp_sock", False, id="a bigger one"),
        pytest.param("unknown", "sock", False, id="unknown"),
    ],
)
def test_what_a_record_begins_with(name: str, part: str, expected: bool) -> None:
    assert types().begins_with(name, part) is expected


@pytest.mark.parametrize(
    ("record", "member", "expected"),
    [
        ("iovec", "iov_base", True),
        ("iovec", "iov_len", False),
        ("iovec", "unknown", False),
        ("either", "name", True),
        ("either", "sk", False),
        ("unknown", "name", False),
        ("", "name", False),
        ("iovec", "", False),
    ],
)
def test_members_that_lead_to_user_memory(record: str, member: str, expected: bool) -> None:
    declared = Record(RecordKind.STRUCT, record, relocatable=True)
    field = Field(member, VOID_PTR, 0, 0, record=declared)
    assert types().is_user_member(declared, field) is expected
    declared.relocatable = False  # not the kernel's record of that name
    assert not types().is_user_member(declared, field)


ATTACHED = [
    pytest.param("fentry/f", "direct", id="fentry"),
    pytest.param("?fentry.s/f", "direct", id="sleepable"),
    pytest.param("fexit/f", "direct", id="fexit"),
    pytest.param("fmod_ret/f", "direct", id="fmod_ret"),
    pytest.param("lsm/file_open", "direct", id="lsm"),
    pytest.param("tp_btf/tp", "direct", id="tp_btf"),
    pytest.param("fentry/unknown", "direct", id="unknown function"),
    pytest.param("fentry", "direct", id="no function"),
]


def program(section: str, body: str) -> str:
    return f'{SEC} SEC("{section}") int p(u64 *ctx) {{ {body} return 0; }}'


@pytest.mark.parametrize(("section", "way"), ATTACHED)
def test_a_cast_to_the_kernels_type_is_read_directly(section: str, way: str) -> None:
    body = "struct sock *sk = (struct sock *)ctx[0]; return sk->sk_state;"
    (read,) = chain(program(section, body), with_types()).plan.reads
    assert (read.text, read.way) == ("sk->sk_state", way)


def test_a_cast_to_the_first_member_is_read_directly() -> None:
    body = "struct sock_common *c = (struct sock_common *)ctx[0]; return c->skc_num;"
    (read,) = chain(program("fentry/f", body), with_types()).plan.reads
    assert read.way == "direct"


@pytest.mark.parametrize(
    ("section", "word"),
    [
        pytest.param("fentry/f", "ctx[0]", id="another record"),
        pytest.param("fentry/f", "ctx[1]", id="a number"),
        pytest.param("fentry/f", "ctx[2]", id="void *"),
        pytest.param("fentry/f", "ctx[4]", id="per CPU"),
        pytest.param("fentry/f", "ctx[6]", id="no result at entry"),
        pytest.param("tp_btf/tp", "ctx[1]", id="a tracepoint's number"),
        pytest.param("fexit/f", "ctx[7]", id="behind the result"),
    ],
)
def test_any_other_cast_is_read_by_helper(section: str, word: str) -> None:
    body = f"struct task_struct *t = (struct task_struct *){word}; return t->pid;"
    (read,) = chain(program(section, body), with_types()).plan.reads
    assert read.way == "bpf_probe_read"


def test_an_argument_in_user_memory_is_read_from_there() -> None:
    (read,) = chain(program("fentry/f", "return *(char *)ctx[3];"), with_types()).plan.reads
    assert read.way == "bpf_probe_read_user"


def test_the_result_is_typed_at_exit() -> None:
    body = "return ((struct sock *)ctx[6])->sk_state;"
    (read,) = chain(program("fexit/f", body), with_types()).plan.reads
    assert read.way == "direct"


def test_a_variable_word_may_be_any_argument() -> None:
    body = "int i = ctx[1] & 1; return ((struct sock *)ctx[i])->sk_state;"
    (read,) = chain(program("fentry/f", body), with_types()).plan.reads
    assert read.way == "bpf_probe_read"


@pytest.mark.parametrize(
    "text",
    [
        "KFUNC_PROBE(f, struct sock *sk)",
        "MODULE_KFUNC_PROBE(mod, f, struct sock *sk)",
        "KRETFUNC_PROBE(f, struct sock *sk)",
        "KMOD_RET(f, struct sock *sk)",
        "LSM_PROBE(file_open, struct sock *sk)",
    ],
)
def test_bccs_macros_name_what_they_attach_to(text: str) -> None:
    other = text.replace("struct sock", "struct task_struct")
    (typed,) = chain(f"{text} {{ return sk->sk_state; }}", with_types()).plan.reads
    (wrong,) = chain(f"{other} {{ return sk->pid; }}", with_types()).plan.reads
    assert (typed.way, wrong.way) == ("direct", "bpf_probe_read")


OPERATIONS = """
struct tcp_ops { int (*init)(struct sock *); int (*release)(struct sock *); };
SEC("struct_ops/other") int on_release(u64 *ctx) {
    struct sock *sk = (struct sock *)ctx[0]; BODY return 0; }
struct tcp_ops ops SEC(".struct_ops") = { .release = (void *)on_release };
"""


def test_operations_have_the_types_of_their_member_and_may_write() -> None:
    text = SEC + OPERATIONS.replace("BODY", "sk->sk_state = sk->sk_state + 1;")
    result = chain(text, with_types())
    assert result.accesses("on_release")["sk"] == "btf"
    wrong = SEC + OPERATIONS.replace("BODY", "((struct task_struct *)ctx[0])->pid = 1;")
    with pytest.raises(Rejection, match="kernel or user memory"):
        chain(wrong, with_types())


def test_operations_of_no_variable_are_as_the_casts_say() -> None:
    text = program("struct_ops/init", "return ((struct task_struct *)ctx[0])->pid;")
    (read,) = chain(text, with_types()).plan.reads
    assert read.way == "direct"


def test_a_user_member_of_a_kernel_record_is_read_from_user_memory() -> None:
    text = """
    #pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
    struct iovec { char *iov_base; u64 iov_len; };
    #pragma clang attribute pop
    int kprobe__f(struct pt_regs *ctx, struct iovec *v) { return *v->iov_base; }
    """
    ways = {r.text: r.way for r in chain(text, with_types()).plan.reads}
    assert ways == {"v->iov_base": "bpf_probe_read", "*v->iov_base": "bpf_probe_read_user"}
