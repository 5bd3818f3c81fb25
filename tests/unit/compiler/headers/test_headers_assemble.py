from __future__ import annotations

import pytest

from bpfkit.btf.types import Enum, Enumerator
from bpfkit.compiler.headers.basics import REGISTERS
from bpfkit.compiler.headers.known import known_headers
from bpfkit.compiler.headers.supply import entries
from bpfkit.compiler.source import Source, assemble
from bpfkit.compiler.target import Target
from bpfkit.uapi.helpers import HELPERS, by_name
from tests.fakes.kernel_facts import FakeKernel
from tests.fakes.type_graph import Graph


def kernel() -> FakeKernel:
    g = Graph()
    mm = g.struct("mm_struct", 8, ("pgd", g.u64, 0))
    other = g.struct("other", 4, ("x", g.int, 0))
    comm = g.array(g.char, 16)
    g.struct(
        "task_struct",
        48,
        ("pid", g.int, 0),
        ("mm", g.ptr(mm), 64),
        ("far", g.ptr(other), 128),
        ("comm", comm, 192),
    )
    g.struct("iphdr", 4, ("x", g.u32, 0))
    g.add(Enum("", 4, (Enumerator("TASK_COMM_LEN", 16),)))
    g.add(Enum("drop", 4, (Enumerator("UNKNOWN", 0), Enumerator("DROP_A", 1))))
    return FakeKernel(g.btf(), options={"CONFIG_NUMA": "y", "CONFIG_NFS": "m", "CONFIG_HZ": "250"})


def prelude(text: str, facts: FakeKernel | None = None, **how: object) -> str:
    return assemble(Source(text), Target(facts or kernel(), **how)).prelude  # type: ignore[arg-type]


HELLO = 'int kprobe__sys_clone(void *ctx) { bpf_trace_printk("Hello\\n"); return 0; }'
TIMED = """
#include <uapi/linux/ptrace.h>
struct data_t { u64 ts; char name[NAME_MAX]; bool ok; };
BPF_PERF_OUTPUT(events);
BPF_HASH(start, u32, u64);
int f(struct pt_regs *ctx) {
    struct data_t data = {}; u64 ts = bpf_ktime_get_ns(); u32 pid = PT_REGS_PARM1(ctx);
    data.ok = true;
    start.update(&pid, &ts);
    events.perf_submit(ctx, &data, sizeof(data));
    return pid > 3 && ntohs(pid) == ETH_P_IP ? XDP_PASS : NULL != 0;
}
"""


@pytest.mark.parametrize("text", [HELLO, TIMED])
def test_a_program_without_kernel_types_does_not_read_them(text: str) -> None:
    facts = FakeKernel()
    assemble(Source(text), Target(facts))
    assert not facts.asked


def test_records_are_relocatable_and_pruned_to_what_is_named() -> None:
    text = prelude("int f(struct task_struct *t) { return t->mm->pgd; }")
    begin = text.index("#pragma clang attribute push(__attribute__((preserve_access_index))")
    assert "struct mm_struct {" in text[begin:]
    assert "struct task_struct {" in text[begin : text.index("#pragma clang attribute pop")]
    assert "struct other;" in text
    assert "struct other {" not in text


def test_records_of_the_uapi_stay_plain() -> None:
    text = prelude("int f(struct iphdr *h) { return h->x; }")
    assert "struct iphdr {" in text
    assert "preserve_access_index" not in text


def test_enumerators_win_over_macros_and_macros_over_nothing() -> None:
    used = "int f(void) { char c[TASK_COMM_LEN]; return 0; }"
    assert "TASK_COMM_LEN = 16" in prelude(used)
    g = Graph()
    g.struct("task_struct", 16, ("comm", g.array(g.char, 16), 0))
    assert "#define TASK_COMM_LEN 16" in prelude(used, FakeKernel(g.btf()))


def test_the_users_types_and_enumerators_win() -> None:
    text = prelude("struct task_struct { int mine; }; int f(struct task_struct *t) { return 0; }")
    assert "struct task_struct;" in text
    assert "struct task_struct {" not in text
    text = prelude("enum { UNKNOWN = 3 }; int f(void) { return DROP_A + UNKNOWN; }")
    assert "DROP_A = 1" in text
    assert "UNKNOWN = 0" not in text
    assert "typedef unsigned int u32;" not in prelude("typedef int u32;")


def test_configuration_and_version_are_those_of_the_target() -> None:
    text = prelude(
        "#if LINUX_VERSION_CODE > 3\n#endif\n#ifdef CONFIG_NUMA\n#endif\n#if CONFIG_HZ\n#endif\n"
        "#ifdef CONFIG_NFS\n#endif\n#ifdef CONFIG_NOT\n#endif\n"
    )
    assert f"#define LINUX_VERSION_CODE {(6 << 16) + (12 << 8) + 255}\n" in text
    assert "#define CONFIG_NUMA 1\n" in text
    assert "#define CONFIG_HZ 250\n" in text
    assert "#define CONFIG_NFS_MODULE 1\n" in text
    assert "CONFIG_NOT" not in text


def test_helpers_are_declared_on_demand_also_through_macros_of_the_dialect() -> None:
    text = prelude("int f(void *ctx) { return bpf_get_smp_processor_id(); }")
    assert "static u32 (*bpf_get_smp_processor_id)(void) = (void *)8;" in text
    assert "bpf_sk_assign" not in text
    text = prelude(
        "TRACEPOINT_PROBE(syscalls, sys_enter_openat)"
        "{ char c[8]; TP_DATA_LOC_READ_STR(c, x, 8); return 0; }"
    )
    assert "(*bpf_probe_read_kernel_str)" in text


def test_a_helper_gives_the_record_it_returns() -> None:
    text = prelude("int f(void *ctx) { return bpf_get_current_task_btf()->pid; }")
    assert "struct task_struct {" in text


def test_aliases_of_members_need_a_network_header() -> None:
    body = "struct own { int sk_state; }; int f(struct own *o) { return o->sk_state; }"
    assert "define sk_state" not in prelude(body)
    assert "define sk_state" in prelude("#include <net/sock.h>\n" + body)


def test_known_headers_are_empty_and_others_absent() -> None:
    found = assemble(Source(HELLO, includes={"own.h": "int x;"}), Target(kernel()))
    for name in ("linux/sched.h", "uapi/linux/ptrace.h", "net/sock.h", "asm/page.h", "vmlinux.h"):
        assert found.headers[name] == ""
    assert found.headers["own.h"] == "int x;"
    assert "struct ethernet_t" in found.headers["bcc/proto.h"]
    assert "linux/no_such_thing.h" not in found.headers


def test_flags_end_with_those_of_the_user_and_are_scanned() -> None:
    found = assemble(Source(HELLO), Target(kernel(), cflags=["-DLIMIT=TASK_COMM_LEN"]))
    assert found.flags[-1] == "-DLIMIT=TASK_COMM_LEN"
    assert "-D__x86_64__" in found.flags
    assert "TASK_COMM_LEN = 16" in found.prelude


@pytest.mark.parametrize("arch", sorted(REGISTERS))
def test_every_architecture_has_its_registers(arch: str) -> None:
    text = prelude("int f(struct pt_regs *ctx) { return PT_REGS_RC(ctx); }", arch=arch)
    assert f"struct pt_regs {{ {REGISTERS[arch]} }};" in text


def test_supplied_names_are_defined_by_their_entries() -> None:
    for name, entry in entries().items():
        for form in entry.forms:
            assert form.size or form.count or name in form.text, name
    assert len(entries()) > 600
    assert len(known_headers()) > 5000


def test_the_helper_table_is_complete_and_in_order() -> None:
    assert [helper.number for helper in HELPERS] == list(range(1, 212))
    assert by_name()["bpf_ringbuf_output"].since == "5.8"
    assert by_name()["bpf_cgrp_storage_get"].number == 210
    assert by_name()["bpf_probe_read"].declaration(bcc=True) == (
        "static int (*bpf_probe_read)(void *dst, u32 size, const void *unsafe_ptr) = (void *)4;"
    )


def test_registers_come_with_a_kernel_type_that_holds_them() -> None:
    g = Graph()
    g.struct("bpf_perf_event_data", 168, ("regs", g.struct("pt_regs", 168), 0))
    text = prelude("int f(struct bpf_perf_event_data *c) { return 0; }", FakeKernel(g.btf()))
    assert f"struct pt_regs {{ {REGISTERS['x86_64']} }};" in text


@pytest.mark.parametrize(
    "text",
    ["static __attribute__((noinline)) int f(void);", "static __noinline int f(void);"],
)
def test_the_name_of_an_attribute_is_not_taken_for_a_macro(text: str) -> None:
    assert "#define noinline" not in prelude(text)


def test_the_arguments_of_an_attribute_are_names_the_text_uses() -> None:
    assert "#define ETH_P_IP " in prelude("int x __attribute__((unused, aligned(ETH_P_IP)));")
