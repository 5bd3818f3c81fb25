"""C as programs use it: the same values as a C compiler gives, on a real kernel."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from bpfkit import BPF
from conformance.case import case
from conformance.triggers import getpid_calls
from conformance.values import in_task


@case("compiler/integers", kernel="4.7")
def test_integer_conversions_and_promotions() -> None:
    """Conversions, promotions, signs and widths of integers follow C."""
    body = """
    u8 small = 250; s8 negative = -3; u16 half = 65535; s32 word = -7; u64 big = 1ULL << 40;
    OUT(0, small + 10); OUT(1, (u8)(small + 10)); OUT(2, negative >> 1); OUT(3, half * 2);
    OUT(4, word / 2); OUT(5, word % 4); OUT(6, big >> 38); OUT(7, (s8)small);
    """
    assert in_task(body, 8) == [260, 4, -2, 131070, -3, -3, 4, -6]


@case("compiler/bit-fields", kernel="4.7")
def test_bit_fields_are_read_and_written() -> None:
    """Bit-fields keep their width and sign, and neighbours stay untouched."""
    before = "struct bits { u32 a:3; s32 b:5; u32 c:24; u64 d:33; };"
    body = """
    struct bits x = { .a = 5, .b = -9, .c = 0xabcdef, .d = 0x1ffffffffULL };
    x.a += 4; x.b--; x.c ^= 0xff;
    OUT(0, x.a); OUT(1, x.b); OUT(2, x.c); OUT(3, x.d); OUT(4, sizeof(x));
    """
    assert in_task(body, 5, before) == [1, -10, 0xABCD10, 0x1FFFFFFFF, 16]


@case("compiler/control-flow", kernel="5.3")
def test_loops_switches_and_conditions() -> None:
    """Loops, switch with ranges and fall-through, short circuit and conditional operators follow
    C.
    """
    before = """
    static int classify(int n) {
        switch (n) {
        case 0: return 10;
        case 1 ... 5: n += 100;
        case 9: return n;
        default: return -1;
        }
    }
    """
    body = """
    int sum = 0, i, calls = 0;
    for (i = 0; i < 10; i++) { if (i == 3) continue; if (i == 8) break; sum += i; }
    OUT(0, sum); OUT(1, classify(0)); OUT(2, classify(4)); OUT(3, classify(9)); OUT(4, classify(7));
    (void)(sum == 25 || calls++); (void)(sum && calls++);
    OUT(5, calls); OUT(6, sum ?: 3); OUT(7, 0 ?: 3);
    do { i--; } while (i > 2); OUT(8, i);
    """
    assert in_task(body, 9, before) == [25, 10, 104, 9, -1, 1, 25, 3, 2]


@case("compiler/aggregates", kernel="4.7")
def test_structs_are_copied_and_initialised() -> None:
    """Struct copies, designated and nested initialisers, unions and arrays follow C."""
    before = """
    struct inner { u16 x; u8 y[3]; };
    struct outer { u64 head; struct inner in[2]; union { u32 whole; u8 part[4]; }; };
    """
    body = """
    struct outer a = { .in = { [1] = { .x = 7, .y = { 1, 2, 3 } } }, .whole = 0x01020304 };
    struct outer b = a;
    b.in[0] = b.in[1]; b.in[0].y[2] = 9;
    OUT(0, a.head); OUT(1, b.in[0].x); OUT(2, b.in[0].y[2]); OUT(3, a.in[1].y[2]);
    OUT(4, a.part[0]); OUT(5, sizeof(struct outer)); OUT(6, offsetof(struct outer, in[1].y));
    """
    assert in_task(body, 7, before) == [0, 7, 9, 3, 4, 24, 16]


@case("compiler/inline-functions", kernel="4.7")
def test_a_helper_reads_local_and_kernel_memory() -> None:
    """One inline function called with a local and a kernel pointer reads each as it must."""
    before = "static int tgid_of(struct task_struct *t) { return t->tgid; }"
    body = """
    struct task_struct *task = (struct task_struct *)bpf_get_current_task();
    OUT(0, tgid_of(task));
    OUT(1, tgid_of(task->group_leader));
    OUT(2, task->pid);
    """
    pid = os.getpid()
    assert in_task(body, 3, before) == [pid, pid, pid]


@case("compiler/kernel-arrays", kernel="4.7")
def test_arrays_inside_kernel_structs_are_read() -> None:
    """``task->comm`` as an array is an address; its elements and copies are read."""
    body = """
    struct task_struct *task = (struct task_struct *)bpf_get_current_task();
    char comm[16] = {};
    bpf_probe_read_kernel(&comm, sizeof(comm), task->comm);
    OUT(0, comm[0]); OUT(1, task->comm[1]);
    """
    comm = Path("/proc/self/comm").read_bytes()
    assert in_task(body, 2) == [comm[0], comm[1]]


@case("compiler/flags", kernel="4.7")
def test_cflags_define_macros() -> None:
    """``cflags`` reach the compiler, and LINUX_VERSION_CODE is that of this kernel."""
    with BPF(
        text="""
        BPF_ARRAY(out, u64, 2);
        TRACEPOINT_PROBE(raw_syscalls, sys_enter) {
            int zero = 0, one = 1; u64 answer = ANSWER, version = LINUX_VERSION_CODE;
            out.update(&zero, &answer); out.update(&one, &version);
            return 0;
        }
        """,
        cflags=["-DANSWER=42", "-DUNUSED"],
    ) as b:
        getpid_calls(1)
        answer, version = (b["out"][i].value for i in range(2))
    assert answer == 42
    assert version >> 16 >= 4


@case("compiler/src-file", kernel="4.7")
def test_a_source_file_is_compiled() -> None:
    """``BPF(src_file=…)`` reads the text from a file."""
    with tempfile.NamedTemporaryFile("w", suffix=".c") as file:
        file.write("BPF_ARRAY(numbers, u32, 3);")
        file.flush()
        with BPF(src_file=file.name) as b:
            assert len(b["numbers"]) == 3
