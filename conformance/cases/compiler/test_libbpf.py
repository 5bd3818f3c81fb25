"""libbpf's dialect: the macros and maps of its headers, from our own."""

from __future__ import annotations

import os
import struct
import subprocess
import tempfile
from pathlib import Path

import pytest

from bpfkit.collection import load
from bpfkit.errors import VerifierError
from bpfkit.events.trace_pipe import TracePipe
from bpfkit.links.kprobe import attach_kprobe
from bpfkit.system import System
from bpfkit.uapi.bpf import AttachType
from conformance.case import case
from conformance.libbpf import (
    HEAD,
    RAW_TP_RUN,
    in_tracepoint,
    load_text,
    run,
    stored,
    trigger,
)
from conformance.triggers import until


@case("compiler/libbpf/bpf-prog", kernel=RAW_TP_RUN)
def test_named_arguments_come_from_the_contexts_words() -> None:
    """BPF_PROG gives a program's arguments names and types, narrow and signed ones too."""
    text = """
    SEC("raw_tp/x") int BPF_PROG(program, int a, u8 b, char *c, s64 d, bool e) {
        OUT(0, a); OUT(1, b); OUT(2, (u64)c); OUT(3, d); OUT(4, e); OUT(5, ctx[3]);
        return 5;
    }
    """
    words = [(7 << 32) + (1 << 32) - 1, 0x1FF, 4711, -9, 1]
    assert run(text, 6, words) == [-1, 255, 4711, -9, 1, -9]


@case("compiler/libbpf/bpf-prog2", kernel=RAW_TP_RUN)
def test_struct_arguments_take_several_words() -> None:
    """BPF_PROG2 takes types and names in turn; a struct by value fills as many words as it has."""
    text = """
    struct two { long a; int b; }; struct one { u8 x; u8 y; };
    SEC("raw_tp/x") int BPF_PROG2(program, int, first, struct two, pair, struct one, small,
                                  u64, last) {
        OUT(0, first); OUT(1, pair.a); OUT(2, pair.b); OUT(3, small.x); OUT(4, small.y);
        OUT(5, last);
        return 0;
    }
    """
    assert run(text, 6, [1, 2, 3, 0x0504, 6]) == [1, 2, 3, 4, 5, 6]


@case("compiler/libbpf/bpf-kprobe", kernel=RAW_TP_RUN, config="KPROBES")
def test_kprobes_name_the_functions_arguments() -> None:
    """BPF_KPROBE takes arguments from registers, BPF_KRETPROBE the result; PT_REGS_* agree."""
    text = """
    const volatile int wanted;
    #define MINE ((bpf_get_current_pid_tgid() >> 32) == wanted)
    SEC("kprobe/vfs_read") int BPF_KPROBE(entry, struct file *file, char *buf, size_t count) {
        if (!MINE) return 0;
        OUT(0, count); OUT(1, PT_REGS_PARM3(ctx) == count);
        OUT(2, PT_REGS_PARM3_CORE(ctx) == count);
        OUT(3, (void *)PT_REGS_PARM1(ctx) == file); OUT(4, PT_REGS_IP(ctx) != 0);
        OUT(5, PT_REGS_SP_CORE(ctx) == PT_REGS_SP(ctx));
        return 0;
    }
    SEC("kretprobe/vfs_read") int BPF_KRETPROBE(leave, long result) {
        if (MINE) { OUT(6, result); OUT(7, PT_REGS_RC(ctx) == result); }
        return 0;
    }
    """
    with (
        load_text(text, 8, globals={"wanted": os.getpid()}) as collection,
        tempfile.TemporaryFile() as file,
    ):
        file.write(bytes(100))
        file.flush()
        system = collection.system
        entry, leave = (collection.load_program(name) for name in ("entry", "leave"))
        with (
            attach_kprobe(system, entry, "vfs_read"),
            attach_kprobe(system, leave, "vfs_read", retprobe=True),
        ):
            os.pread(file.fileno(), 1234, 0)
        assert stored(collection) == [1234, 1, 1, 1, 1, 1, 100, 1]


@case("compiler/libbpf/bpf-ksyscall", kernel=RAW_TP_RUN, config="KPROBES", arch="x86_64")
def test_system_calls_name_their_arguments() -> None:
    """BPF_KSYSCALL finds a system call's arguments behind the wrapper's registers."""
    text = """
    const volatile int wanted;
    SEC("ksyscall/lseek") int BPF_KSYSCALL(entry, int fd, long offset, int whence) {
        if (bpf_get_current_pid_tgid() >> 32 != wanted) return 0;
        struct pt_regs *regs = PT_REGS_SYSCALL_REGS(ctx);
        OUT(0, fd); OUT(1, offset); OUT(2, whence);
        OUT(3, PT_REGS_PARM2_CORE_SYSCALL(regs));
        return 0;
    }
    """
    with (
        load_text(text, 4, globals={"wanted": os.getpid()}) as collection,
        tempfile.TemporaryFile() as file,
    ):
        program = collection.load_program("entry")
        with attach_kprobe(collection.system, program, "__x64_sys_lseek"):
            os.lseek(file.fileno(), 1 << 33, os.SEEK_SET)
        assert stored(collection) == [file.fileno(), 1 << 33, os.SEEK_SET, 1 << 33]


@case("compiler/libbpf/endian", kernel=RAW_TP_RUN)
def test_byte_orders_are_converted() -> None:
    """bpf_htons and its like swap on little-endian machines, constants and variables alike."""
    before = "volatile u64 n = 0x0102030405060708ULL;"
    body = """
    OUT(0, bpf_htons(0x0102)); OUT(1, bpf_ntohl(0x01020304)); OUT(2, bpf_htons((u16)n));
    OUT(3, bpf_ntohl((u32)n)); OUT(4, bpf_cpu_to_be64(n)); OUT(5, bpf_be64_to_cpu(n) == n);
    """
    little = struct.pack("=H", 1) == struct.pack("<H", 1)
    swapped = [0x0201, 0x04030201, 0x0807, 0x08070605, 0x0807060504030201, 0]
    plain = [0x0102, 0x01020304, 0x0708, 0x05060708, 0x0102030405060708, 1]
    assert in_tracepoint(body, 6, before) == (swapped if little else plain)


@case("compiler/libbpf/printk", kernel="5.16")
def test_messages_are_printed_with_any_number_of_values() -> None:
    """bpf_printk prints up to three values by the old helper and more by bpf_trace_vprintk."""
    body = """
    OUT(0, bpf_printk("mine none") > 0); OUT(1, bpf_printk("mine %d %s", 42, "text") > 0);
    OUT(2, bpf_printk("mine %d %d %d %d %llx", 1, -2, 3, 4, 0x123456789aULL) > 0);
    """
    seen = []
    pipe_path = System.live().facts.tracefs.path / "trace_pipe"
    with TracePipe(pipe_path, nonblocking=True) as pipe:
        assert in_tracepoint(body, 3) == [1, 1, 1]

        def look() -> None:
            line = pipe.readline()
            if line and b"mine " in line:
                seen.append(line.rpartition(b"mine ")[2].strip())

        assert until(lambda: len(seen) == 3, look)
    assert seen == [b"none", b"42 text", b"1 -2 3 4 123456789a"]


@case("compiler/libbpf/snprintf", kernel="5.13")
def test_text_is_formatted_into_a_buffer() -> None:
    """BPF_SNPRINTF formats up to twelve values into memory and gives the length with the NUL."""
    text = """
    char buffer[64];
    SEC("raw_tp/x") int program(void *ctx) {
        OUT(0, BPF_SNPRINTF(buffer, sizeof(buffer), "%d|%s|%u|%c|%x", -5, "abc", 7, 'z', 255));
        OUT(1, BPF_SNPRINTF(buffer + 32, 32, "plain"));
        return 0;
    }
    """
    with load_text(text, 2) as collection:
        trigger(collection)
        buffer = collection.globals["buffer"]
        assert isinstance(buffer, bytes)
        assert stored(collection) == [len("-5|abc|7|z|ff") + 1, len("plain") + 1]
        assert buffer.startswith(b"-5|abc|7|z|ff\0")


@case("compiler/libbpf/seq-printf", kernel="5.8")
def test_iterators_print() -> None:
    """BPF_SEQ_PRINTF writes a line for each task into the iterator's file."""
    text = """
    const volatile int wanted;
    SEC("iter/task") int each(struct bpf_iter__task *ctx) {
        struct task_struct *task = ctx->task;
        if (!task || task->tgid != wanted || task->pid != wanted) return 0;
        BPF_SEQ_PRINTF(ctx->meta->seq, "pid %d parent %d\\n", task->pid, task->real_parent->tgid);
        BPF_SEQ_PRINTF(ctx->meta->seq, "end\\n");
        return 0;
    }
    """
    with load_text(text, 1, globals={"wanted": os.getpid()}) as collection:
        program = collection.load_program("each")
        calls = collection.system.syscalls
        with (
            calls.link_create(program.fileno(), 0, AttachType.TRACE_ITER) as link,
            calls.iter_create(link.fileno()) as reader,
        ):
            found = os.read(reader.fileno(), 4096).decode()
    assert found == f"pid {os.getpid()} parent {os.getppid()}\nend\n"


@case("compiler/libbpf/iterator-loops", kernel="6.4")
def test_loops_over_iterators_run_to_their_end() -> None:
    """bpf_for, bpf_repeat and bpf_for_each loop by open-coded iterators; leaving them cleans up."""
    before = """
    static __noinline int find(int wanted) {
        int i;
        bpf_for(i, 0, 1000) { if (i * i >= wanted) return i; }
        return -1;
    }
    """
    body = """
    int i, sum = 0, inner = 0, *p;
    bpf_for(i, 2, 10) { if (i == 4) continue; if (i == 8) break; sum += i; }
    OUT(0, sum); sum = 0;
    bpf_repeat(7) sum += 2;
    OUT(1, sum); OUT(2, find(50)); OUT(3, find(1 << 30)); sum = 0;
    bpf_for(i, 0, 3) { int k; bpf_for(k, 0, 4) inner++; }
    OUT(4, inner);
    bpf_for_each(num, p, 5, 8) sum += *p;
    OUT(5, sum);
    """
    assert in_tracepoint(body, 6, before) == [2 + 3 + 5 + 6 + 7, 14, 8, -1, 12, 18]


@case("compiler/libbpf/small-macros", kernel=RAW_TP_RUN)
def test_small_macros_do_what_they_say() -> None:
    """container_of, offsetof, KERNEL_VERSION, barrier, barrier_var and NULL are there."""
    before = "struct in { int a, b; }; struct around { long head; struct in in; };"
    body = """
    struct around a = { 5, { 6, 7 } }; int *b = &a.in.b, x = 3;
    OUT(0, container_of(b, struct around, in.b)->head); OUT(1, offsetof(struct around, in.b));
    OUT(2, KERNEL_VERSION(5, 10, 300)); barrier(); barrier_var(x); OUT(3, x); OUT(4, NULL == 0);
    """
    assert in_tracepoint(body, 5, before) == [5, 12, (5 << 16) + (10 << 8) + 255, 3, 1]


@case("compiler/libbpf/maps", kernel=RAW_TP_RUN)
def test_maps_are_defined_by_their_attributes() -> None:
    """Maps in ``.maps`` have the types, sizes and flags that ``__uint`` and ``__type`` give."""
    text = """
    struct key { u32 a; u64 b; }; struct value { char name[16]; };
    struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 64); __type(key, struct key);
             __type(value, struct value); __uint(map_flags, BPF_F_NO_PREALLOC); } hash SEC(".maps");
    struct sizes { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 3);
             __uint(key_size, sizeof(u32)); __uint(value_size, 24); }
        array SEC(".maps"), twin SEC(".maps");
    struct { __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); __uint(max_entries, 1); __type(key, int);
             __type(value, long); } percpu SEC(".maps");
    struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 5000); } ring SEC(".maps");
    SEC("raw_tp/x") int program(void *ctx) {
        struct key k = { 1, 2 }; struct value v = { "name" }, *found; int zero = 0; long *slot;
        OUT(0, bpf_map_update_elem(&hash, &k, &v, BPF_ANY));
        found = bpf_map_lookup_elem(&hash, &k);
        if (found) OUT(1, found->name[2]);
        slot = bpf_map_lookup_elem(&percpu, &zero);
        if (slot) OUT(2, ++*slot);
        OUT(3, bpf_map_lookup_elem(&array, &zero) != bpf_map_lookup_elem(&twin, &zero));
        OUT(4, bpf_ringbuf_output(&ring, &k, sizeof(k), 0));
        return 0;
    }
    """
    with load_text(text, 5) as collection:
        trigger(collection)
        assert stored(collection) == [0, ord("m"), 1, 1, 0]
        maps = collection.maps
        assert (maps["hash"].raw.key_size, maps["hash"].raw.value_size) == (16, 16)
        assert (maps["twin"].raw.value_size, maps["twin"].max_entries) == (24, 3)
        assert maps["hash"].info().flags == 1


@case("compiler/libbpf/maps-of-maps", kernel=RAW_TP_RUN)
def test_maps_may_hold_maps_from_the_start() -> None:
    """``__array(values, …)`` declares what a map of maps holds; initialisers fill it."""
    text = """
    struct inner { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, int);
                   __type(value, long); } first SEC(".maps"), second SEC(".maps");
    struct { __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS); __uint(max_entries, 4); __type(key, int);
             __array(values, struct inner); } outer SEC(".maps") = {
        .values = { [0] = &first, [2] = &second } };
    struct { __uint(type, BPF_MAP_TYPE_HASH_OF_MAPS); __uint(max_entries, 4); __type(key, int);
             __type(value, int); __array(values, struct { __uint(type, BPF_MAP_TYPE_ARRAY);
             __uint(max_entries, 1); __type(key, int); __type(value, long); }); }
        byname SEC(".maps");
    static long add(void *map, int which, long n) {
        int zero = 0; void *in = bpf_map_lookup_elem(map, &which); long *slot;
        if (!in) return -1;
        slot = bpf_map_lookup_elem(in, &zero);
        return slot ? *slot += n : -2;
    }
    SEC("raw_tp/x") int program(void *ctx) {
        OUT(0, add(&outer, 0, 5)); OUT(1, add(&outer, 2, 7)); OUT(2, add(&outer, 1, 1));
        OUT(3, add(&byname, 0, 1));
        return 0;
    }
    """
    with load_text(text, 4) as collection:
        trigger(collection)
        assert stored(collection) == [5, 7, -1, -1]
        assert collection.maps["second"].raw.lookup(bytes(4)) == struct.pack("=q", 7)


@case("compiler/libbpf/pinning", kernel=RAW_TP_RUN)
def test_maps_are_pinned_by_their_name() -> None:
    """LIBBPF_PIN_BY_NAME keeps a map below /sys/fs/bpf, where the next object finds it."""
    if not os.path.ismount("/sys/fs/bpf"):
        subprocess.run(["mount", "-t", "bpf", "bpf", "/sys/fs/bpf"], check=True)
    pin = Path("/sys/fs/bpf/bpfkit_case_pin")
    text = """
    struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, int);
             __type(value, long); __uint(pinning, LIBBPF_PIN_BY_NAME); }
        bpfkit_case_pin SEC(".maps");
    SEC("raw_tp/x") int program(void *ctx) {
        int zero = 0; long *slot = bpf_map_lookup_elem(&bpfkit_case_pin, &zero);
        if (slot) OUT(0, ++*slot);
        return 0;
    }
    """
    try:
        assert [run(text), run(text)] == [[1], [2]]
        assert pin.exists()
    finally:
        pin.unlink(missing_ok=True)


@case("compiler/libbpf/dialects", kernel=RAW_TP_RUN)
def test_the_includes_tell_the_dialect() -> None:
    """A text that includes vmlinux.h or libbpf's headers is libbpf's; any other one is bcc's."""
    bcc = "BPF_ARRAY(slots, u64, 1);\nint program(struct xdp_md *ctx) { return XDP_DROP; }\n"
    own = """
    #include <linux/bpf.h>
    #include <bpf/bpf_helpers.h>
    SEC("xdp") int program(struct xdp_md *ctx) { return XDP_DROP; }
    """
    for text in (bcc, own):
        with load(text) as collection:
            assert collection.load_program("program").test_run(bytes(64)).retval == 1


@case("compiler/libbpf/license", kernel=RAW_TP_RUN)
def test_a_program_has_the_license_it_names() -> None:
    """The license is what section ``license`` holds; without one, GPL helpers are refused."""
    text = """
    #include "vmlinux.h"
    #include <bpf/bpf_helpers.h>
    SEC("raw_tp/x") int program(void *ctx) { return bpf_get_current_task() != 0; }
    """
    with load(text) as collection, pytest.raises(VerifierError, match=r"(?i)GPL"):
        collection.load_program("program")
    with load(text + 'char _license[] SEC("license") = "Dual MIT/GPL";') as collection:
        assert collection.spec.license == "Dual MIT/GPL"
        assert collection.load_program("program").test_run(repeat=0).retval == 1


@case("compiler/libbpf/cpu-levels", kernel="6.6", arch="x86_64")
def test_instructions_of_the_newest_level_run() -> None:
    """``-mcpu=v4`` brings sign extension, byte swaps and signed division of the kernel's."""
    body = """
    volatile s32 a = -7; volatile s8 b = -3; volatile u64 c = 0x0102030405060708ULL;
    SEC("raw_tp/x") int program(void *ctx) {
        OUT(0, a / b); OUT(1, a % b); OUT(2, (s64)b); OUT(3, __builtin_bswap64(c));
        return 0;
    }
    """
    text = HEAD.format(results=4) + body
    found = []
    for flags in ([], ["-mcpu=v4"], ["-mcpu=v2"], ["-mcpu=v1"]):
        with load(text, cflags=flags) as collection:
            trigger(collection)
            found.append(stored(collection))
    assert found == [[2, -1, -3, 0x0807060504030201]] * 4
