"""User memory: what is known to be there is read with bpf_probe_read_user."""

from __future__ import annotations

import pytest

from bpfkit.compiler.diagnostics import Rejection
from bpfkit.compiler.provenance.analyse import readers
from bpfkit.compiler.provenance.decide import Readers
from tests.unit.compiler.bcc_chain import chain, target

UNKNOWN, USER, KERNEL = "bpf_probe_read", "bpf_probe_read_user", "bpf_probe_read_kernel"
TAG = '#define __user __attribute__((btf_type_tag("user")))\n'
NODE = "struct node { u64 value; struct node *next; struct node *ways[2]; char *name; };\n"
OPENAT = "TRACEPOINT_PROBE(syscalls, sys_enter_openat)"


def ways(text: str, **facts: object) -> dict[str, str]:
    arch = str(facts.pop("arch", "x86_64"))
    return {
        r.text: r.way for r in chain(TAG + NODE + text, target("bcc", arch, **facts)).plan.reads
    }


def kprobe(body: str, parameters: str = "") -> str:
    extra = f", {parameters}" if parameters else ""
    return f"int kprobe__f(struct pt_regs *ctx{extra}) {{ {body} return 0; }}"


def test_pointer_fields_of_system_call_events() -> None:
    assert ways(f"{OPENAT} {{ return args->filename[3]; }}") == {"args->filename[3]": USER}


def test_other_events_say_nothing() -> None:
    text = """TRACEPOINT_PROBE(sched, sched_switch) {
        return *(u64 *)args->prev_state; }"""
    assert ways(text) == {"*args->prev_state": UNKNOWN}


@pytest.mark.parametrize(
    ("section", "way"),
    [
        ("uprobe//bin/sh:main", USER),
        ("uretprobe", USER),
        ("usdt/x:y:z", USER),
        ("tracepoint/syscalls/sys_enter_openat", USER),
        ("tp/raw_syscalls/sys_enter", USER),
        ("tracepoint/sched/sched_switch", UNKNOWN),
        ("kprobe/f", UNKNOWN),
        ("ksyscall/f", UNKNOWN),  # its argument is the kernel's copy of the registers
    ],
)
def test_sections_tell_whose_memory_it_is(section: str, way: str) -> None:
    text = f"""
    __attribute__((section("{section}"), used)) int p(struct pt_regs *ctx) {{
        struct node *n = (struct node *)ctx->di; return n->value; }}"""
    assert ways(text) == {"n->value": way}


def test_parameters_of_system_call_probes() -> None:
    body = "return *name + n->next->value + size;"
    found = ways(
        f"int syscall__f(struct pt_regs *ctx, char *name, struct node *n, int size) {{ {body} }}"
    )
    own = {text: way for text, way in found.items() if "caller" not in text}
    assert own == {"*name": USER, "n->next": USER, "n->next->value": USER}
    assert set(found) - set(own)  # the registers are in kernel memory
    assert all(way == UNKNOWN for text, way in found.items() if text not in own)


BODIES = [
    pytest.param("return n->next->next->value;", USER, id="chain"),
    pytest.param("return n->ways[k & 1]->value;", USER, id="array"),
    pytest.param("u64 x = (u64)n + 8; return *(u64 *)x;", USER, id="integer"),
    pytest.param("u64 x = 8 + (u64)n; x++; x += 4; return *(u64 *)x;", USER, id="steps"),
    pytest.param("return *(u64 *)((u64)n & ~7ULL | 8);", UNKNOWN, id="masked"),
    pytest.param("struct node m = *n; return m.next->value;", USER, id="copy"),
    pytest.param("struct node *p = n; p++; --p; return p->value;", USER, id="walking"),
    pytest.param("return (k ? n : 0)->value;", USER, id="or null"),
]


@pytest.mark.parametrize(("body", "way"), BODIES)
def test_what_is_reached_from_user_memory_is_there(body: str, way: str) -> None:
    text = kprobe(f"int k = ctx->si; struct node __user *n = (struct node __user *)ctx->di; {body}")
    assert set(ways(text).values()) == {way}


def test_an_address_plus_a_number_that_is_not_known_may_be_either() -> None:
    body = "u64 x = (u64)(char __user *)ctx->di + ctx->si; return *(char *)x;"
    assert ways(kprobe(body)) == {"*x": UNKNOWN}
    with pytest.raises(Rejection, match="user or of kernel memory") as refused:
        ways(
            "int p(struct __sk_buff *ctx) { u64 x = (u64)(char __user *)(u64)ctx->len + ctx->mark;"
            " return *(char *)x; }"
        )
    assert "bpf_probe_read_user()" in refused.value.hint


def test_user_and_kernel_memory_in_one_variable() -> None:
    body = "struct node l = {}, *p = ctx->si ? &l : (struct node __user *)ctx->di; return p->value;"
    assert ways(kprobe(body)) == {"p->value": UNKNOWN}


def test_user_members_of_any_record() -> None:
    text = f"struct holder {{ char __user *s; }}; {kprobe('return *h->s;', 'struct holder *h')}"
    assert ways(text) == {"h->s": UNKNOWN, "*h->s": USER}


def test_what_is_copied_from_user_memory_leads_there() -> None:
    body = """
    struct node m, *p; bpf_probe_read_user(&m, sizeof(m), (void *)ctx->di);
    bpf_probe_read_user(&p, sizeof(p), &m.next->next); return p->value + m.next->value;"""
    assert set(ways(kprobe(body)).values()) == {USER}
    kernel = body.replace("read_user", "read_kernel")
    assert set(ways(kprobe(kernel)).values()) == {UNKNOWN}


def test_memcpy_from_user_memory() -> None:
    body = "char b[8]; __builtin_memcpy(b, (char __user *)ctx->di, 8); return b[0];"
    assert set(ways(kprobe(body)).values()) == {USER}


def test_a_kernel_pointer_stays_one() -> None:
    body = "struct task_struct *t = (void *)bpf_get_current_task(); return t->mm->total_vm;"
    assert set(ways(kprobe(body)).values()) == {UNKNOWN}


@pytest.mark.parametrize("arch", ["x86_64", "aarch64", "ppc64le", "loongarch64"])
def test_the_old_helper_reads_both_where_addresses_do_not_overlap(arch: str) -> None:
    assert readers(target(arch=arch)) == Readers(4, 112, both=True)
    assert readers(target(arch=arch), traces=False) == Readers(113, 112, both=False)


@pytest.mark.parametrize("arch", ["s390x", "riscv64"])
def test_elsewhere_it_is_not_used(arch: str) -> None:
    assert readers(target(arch=arch)) == Readers(113, 112, both=False)


def test_before_linux_5_5_one_helper_reads_everything() -> None:
    for arch in ("x86_64", "s390x"):
        assert readers(target(arch=arch, version=(5, 4, 0))) == Readers(4, 4, both=True)
    assert ways(f"{OPENAT} {{ return args->filename[3]; }}", version=(4, 19, 0)) == {
        "args->filename[3]": UNKNOWN
    }


def test_programs_that_do_not_trace_read_kernel_memory() -> None:
    text = """int p(struct __sk_buff *skb) {
        struct task_struct *t = (void *)bpf_get_current_task(); return t->pid; }"""
    assert ways(text) == {"t->pid": KERNEL}
