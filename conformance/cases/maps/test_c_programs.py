"""Tail calls, performance counters and stack traces from C."""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Iterator

import pytest

from bpfkit.collection import Collection, load
from bpfkit.errors import CompileError
from bpfkit.syscalls.requests import PerfEvent
from bpfkit.uapi.bpf import ProgType
from conformance import values
from conformance.case import case
from conformance.libbpf import PACKET, load_text, stored, trigger
from conformance.values import in_task

OUT = """
BPF_ARRAY(out, s64, 4);
#define OUT(i, v) do { int _i = (i); s64 _v = (s64)(v); out.update(&_i, &_v); } while (0)
"""


def put(collection: Collection, name: str, index: int, fd: int) -> None:
    collection.maps[name].raw.update(struct.pack("=I", index), struct.pack("=i", fd))


@case("maps/prog_array/c-bcc", kernel="4.2", feature="map_type/prog_array")
def test_bcc_tail_calls() -> None:
    """``call`` ends the program in the one of the slot; with an empty slot it goes on."""
    text = (
        OUT
        + """
    BPF_PROG_ARRAY(next, 4);
    int first(struct xdp_md *ctx) {
        next.call(ctx, 1);
        OUT(0, 1);
        next.call(ctx, 2);
        OUT(0, 2);
        return XDP_PASS;
    }
    int second(struct xdp_md *ctx) { OUT(1, 7); return XDP_DROP; }
    """
    )
    with load(text) as collection:
        first = collection.load_program("first", ProgType.XDP)
        second = collection.load_program("second", ProgType.XDP)
        put(collection, "next", 2, second.fileno())
        assert first.test_run(PACKET).retval == 1
        assert values.stored(collection)[:2] == [1, 7]
        collection.maps["next"].raw.delete(struct.pack("=I", 2))
        assert first.test_run(PACKET).retval == 2
        assert values.stored(collection)[:2] == [2, 7]


@case("maps/prog_array/c-bcc-table", kernel="4.2", feature="map_type/prog_array")
def test_bcc_tail_calls_through_a_general_table() -> None:
    """BPF_TABLE("prog", …) offers ``call`` too, also with an index known only at run time."""
    text = (
        OUT
        + """
    BPF_TABLE("prog", u32, u32, next, 4);
    int first(struct xdp_md *ctx) { next.call(ctx, ctx->data_end - ctx->data - 61); return 2; }
    int second(struct xdp_md *ctx) { OUT(0, 9); return 1; }
    """
    )
    with load(text) as collection:
        first = collection.load_program("first", ProgType.XDP)
        put(collection, "next", 3, collection.load_program("second", ProgType.XDP).fileno())
        assert first.test_run(PACKET).retval == 1
        assert values.stored(collection)[0] == 9


@case("maps/prog_array/c-wrong-map")
def test_calls_of_another_kind_of_map_are_refused() -> None:
    """``call`` and ``get_stackid`` on a hash are errors at the call."""
    text = 'BPF_TABLE("hash", int, u64, t, 1); int f(void *ctx) {{ {} return 0; }}'
    with pytest.raises(CompileError, match=r"program\.c:1:\d+.*only available on program arrays"):
        load(text.format("t.call(ctx, 1);"))
    with pytest.raises(CompileError, match=r"program\.c:1:\d+.*only available on stacktrace maps"):
        load(text.format("t.get_stackid(ctx, 1);"))


@case("maps/prog_array/c-chain", kernel="5.10", feature="map_type/prog_array")
def test_a_program_that_calls_itself_stops() -> None:
    """A program in its own array runs 34 times: once, and 33 tail calls deep."""
    text = """
    struct { __uint(type, BPF_MAP_TYPE_PROG_ARRAY); __uint(max_entries, 1); __uint(key_size, 4);
             __uint(value_size, 4); } again SEC(".maps");
    SEC("tc") int program(struct __sk_buff *skb) {
        OUT(0, out[0] + 1);
        bpf_tail_call_static(skb, &again, 0);
        return 0;
    }
    """
    with load_text(text) as collection:
        program = collection.load_program("program")
        put(collection, "again", 0, program.fileno())
        trigger(collection)
        # Interpreter and JITs agree on 33 since Linux kernel commit ebf7f6f0a6cd ("bpf: Change
        # value of MAX_TAIL_CALL_CNT from 32 to 33") (in v5.17); before that JITs stopped at 32.
        assert stored(collection)[0] in (33, 34)


SOFTWARE, CPU_CLOCK, PAGE_FAULTS = 1, 0, 2


@contextlib.contextmanager
def counting(collection: Collection, name: str, config: int) -> Iterator[None]:
    """Count a software event on every CPU that is online, one slot for each."""
    with contextlib.ExitStack() as stack:
        calls = collection.system.syscalls
        for cpu in sorted(os.sched_getaffinity(0)):
            event = stack.enter_context(
                calls.perf_event_open(PerfEvent(type=SOFTWARE, config=config), cpu=cpu)
            )
            put(collection, name, cpu, event.fileno())
        yield


COUNTED = """
BPF_PERF_ARRAY(counters, {cpus});
int program(struct pt_regs *ctx);
RAW_TRACEPOINT_PROBE(sys_enter) {{
    struct bpf_perf_event_value value = {{}};
    OUT(0, counters.perf_read(CUR_CPU_IDENTIFIER));
    OUT(1, counters.perf_counter_value(CUR_CPU_IDENTIFIER, &value, sizeof(value)));
    OUT(2, value.counter);
    OUT(3, value.running > 0 && value.enabled >= value.running);
    return 0;
}}
"""


def cpus() -> int:
    return (os.cpu_count() or 1) + 64


@case("maps/perf_event_array/c-bcc-read", kernel="4.15", feature="helper/bpf_perf_event_read_value")
def test_bcc_counters() -> None:
    """``perf_read`` and ``perf_counter_value`` read the counter of this CPU."""
    with load(OUT + COUNTED.format(cpus=cpus())) as collection:
        program = collection.load_program("raw_tracepoint__sys_enter", ProgType.RAW_TRACEPOINT)
        with counting(collection, "counters", CPU_CLOCK):
            program.test_run(context=bytes(16), repeat=0)
            first = values.stored(collection)
            program.test_run(context=bytes(16), repeat=0)
            second = values.stored(collection)
            for cpu in sorted(os.sched_getaffinity(0)):
                collection.maps["counters"].raw.delete(struct.pack("=I", cpu))
            program.test_run(context=bytes(16), repeat=0)
            empty = values.stored(collection)
    assert first[0] > 0
    assert first[1] == 0
    assert first[2] >= first[0]
    assert first[3] == 1
    assert (second[0], second[2]) != (first[0], first[2])
    assert empty[:2] == [-2, -2]  # ENOENT: no event in the slot


@case("maps/perf_event_array/c-libbpf-read", kernel="5.10", feature="helper/bpf_perf_event_read")
def test_counters() -> None:
    """bpf_perf_event_read_value with BPF_F_CURRENT_CPU does on a BTF-defined array."""
    text = """
    struct { __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY); __uint(key_size, 4);
             __uint(value_size, 4); } counters SEC(".maps");
    SEC("raw_tp/sys_enter") int program(void *ctx) {
        struct bpf_perf_event_value value = {};
        OUT(0, bpf_perf_event_read_value(&counters, BPF_F_CURRENT_CPU, &value, sizeof(value)));
        OUT(1, value.counter > 0);
        return 0;
    }
    """
    with load_text(text, 2) as collection, counting(collection, "counters", CPU_CLOCK):
        trigger(collection)
        assert stored(collection) == [0, 1]


STACKS = """
    u64 ips[8] = {};
    int id = stacks.get_stackid(args, BPF_F_REUSE_STACKID);
    OUT(0, id >= 0);
    OUT(1, stacks.get_stackid(args, 0) == id || id < 0);
    OUT(2, bpf_get_stack(args, ips, sizeof(ips), 0));
    OUT(3, ips[0] != 0);
"""


@case("maps/stack_trace/c-bcc", kernel="4.17", feature="helper/bpf_get_stack")
def test_bcc_stacks() -> None:
    """``get_stackid`` gives the number of a stack, the same for the same one; bpf_get_stack the
    stack itself.
    """
    found = in_task(STACKS, 4, "BPF_STACK_TRACE(stacks, 1000);")
    assert found[0] == found[3] == 1
    assert found[2] > 0
    assert found[2] % 8 == 0


@case("maps/stack_trace/c-bcc-build-id", kernel="4.17", feature="map_type/stack_trace")
def test_bcc_stacks_by_build_id() -> None:
    """BPF_STACK_TRACE_BUILDID keeps (build id, offset) instead of user addresses."""
    text = """
    #include <linux/sched.h>
    BPF_STACK_TRACE_BUILDID(stacks, 64);
    BPF_ARRAY(out, s64, 1);
    TRACEPOINT_PROBE(raw_syscalls, sys_enter) {
        if (NOT_MINE) return 0;
        int zero = 0;
        s64 id = stacks.get_stackid(args, BPF_F_USER_STACK | BPF_F_REUSE_STACKID);
        out.update(&zero, &id);
        return 0;
    }
    """
    from bpfkit.links.tracepoint import attach_tracepoint
    from conformance.triggers import getpid_calls, only_mine

    with load(text, cflags=only_mine()) as collection:
        program = collection.load_program(
            "tracepoint__raw_syscalls__sys_enter", ProgType.TRACEPOINT
        )
        with attach_tracepoint(collection.system, program, "raw_syscalls", "sys_enter"):
            getpid_calls(1)
        (stack,) = values.stored(collection)
        assert stack >= 0
        found = collection.maps["stacks"].raw.lookup(struct.pack("=I", stack)) or b""
        assert len(found) == 127 * 32
        frames = list(struct.iter_unpack("=i20sQ", found))
        # 1 is BPF_STACK_BUILD_ID_VALID, 2 an address without one.
        assert frames[0][0] in (1, 2)
        assert frames[0][2] != 0
