"""Maps that C declares and Python uses, typed by the object's BTF; what only a program fills."""

from __future__ import annotations

import os
import struct
import sys
from pathlib import Path
from typing import Any

import pytest

from bpfkit.collection import load
from bpfkit.errors import EncodeError
from bpfkit.links.tracepoint import attach_tracepoint
from bpfkit.maps import ArrayMap, HashMap, StackTraceMap, UserRingBuf
from bpfkit.uapi.bpf import ProgType, UpdateFlag
from conformance.case import case
from conformance.map_life import pinned_at
from conformance.triggers import getpid_calls, only_mine

DECLARED = """
struct key { u32 pid; char comm[16]; }; struct leaf { u64 calls; s16 last; u8 bits : 3; };
BPF_HASH(seen, struct key, struct leaf);
BPF_ARRAY(slots, s32, 4);
TRACEPOINT_PROBE(raw_syscalls, sys_enter) {
    if (NOT_MINE)
        return 0;
    struct key key = {}; struct leaf zero = {}, *leaf;
    key.pid = bpf_get_current_pid_tgid() >> 32;
    __builtin_memcpy(key.comm, "case", 5);
    leaf = seen.lookup_or_try_init(&key, &zero);
    if (leaf) { leaf->calls += 1; leaf->last = -5; leaf->bits = 6; }
    return 0;
}
"""


@case("maps/py/declared", kernel="5.6", feature="map_type/hash")
def test_a_map_that_c_declares_has_the_types_of_c() -> None:
    """Keys and values of a map of a C text are read and written by the names of their members."""
    with load(DECLARED, cflags=only_mine()) as collection, pinned_at("declared") as path:
        seen = collection.maps["seen"]
        assert isinstance(seen, HashMap)
        program = collection.load_program(
            "tracepoint__raw_syscalls__sys_enter", ProgType.TRACEPOINT
        )
        with attach_tracepoint(collection.system, program, "raw_syscalls", "sys_enter"):
            getpid_calls(3)
        (pair,) = seen.items()
        key, leaf = pair
        assert (key.pid, key.comm.rstrip(b"\0")) == (os.getpid(), b"case")
        assert (leaf.calls, leaf.last, leaf.bits) == (3, -5, 6)
        seen[{"pid": 1, "comm": b"x"}] = {"calls": 2**64 - 1, "last": -1}
        assert seen[1, b"x"].last == -1
        with pytest.raises(EncodeError, match="last"):
            seen[1, b"x"] = {"last": 1 << 15}
        assert seen.raw.lookup(struct.pack("=I16s", 1, b"x")) is not None
        slots = collection.maps["slots"]
        assert isinstance(slots, ArrayMap)
        slots[-1] = -7
        assert list(slots.values()) == [0, 0, 0, -7]
        seen.pin(path)
        with HashMap[Any, Any].open_pinned(path) as again:
            assert again[1, b"x"].calls == 2**64 - 1


LOCKED = """
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct value { struct bpf_spin_lock lock; int a; long b; };
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 4); __type(key, int);
         __type(value, struct value); } locked SEC(".maps");
SEC("xdp") int program(struct xdp_md *ctx) {
    int key = 1; struct value *v = bpf_map_lookup_elem(&locked, &key);
    if (!v) return 1;
    bpf_spin_lock(&v->lock); v->a++; v->b--; bpf_spin_unlock(&v->lock);
    return 2;
}
char _license[] SEC("license") = "GPL";
"""


@case("maps/py/spin-lock", kernel="5.6", feature="map_type/hash")
def test_a_value_with_a_lock_is_changed_under_it() -> None:
    """With LOCK a value is read and written under its spin lock, which itself is never shown."""
    with load(LOCKED) as collection:
        locked = collection.maps["locked"]
        assert isinstance(locked, HashMap)
        locked[1] = {"a": 4, "b": 5}
        assert collection.load_program("program").test_run(bytes(64)).retval == 2
        found = locked.get(1, flags=UpdateFlag.LOCK)
        assert found is not None
        assert (found.a, found.b) == (5, 4)
        locked.put(1, {"a": 7, "b": 8}, UpdateFlag.LOCK)
        assert [value.a for value in locked.values()] == [7]


USER_RING = """
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct { __uint(type, BPF_MAP_TYPE_USER_RINGBUF); __uint(max_entries, 4096); } ring SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 2); __type(key, int);
         __type(value, long); } out SEC(".maps");
static long taken(struct bpf_dynptr *sample, void *ctx) {
    int zero = 0, one = 1; long number = 0, *sum = bpf_map_lookup_elem(&out, &zero);
    long *count = bpf_map_lookup_elem(&out, &one);
    if (!sum || !count || bpf_dynptr_read(&number, sizeof(number), sample, 0, 0)) return 0;
    *sum += number; *count += 1;
    return 0;
}
SEC("tp/raw_syscalls/sys_enter") int program(void *ctx) {
    bpf_user_ringbuf_drain(&ring, taken, 0, 0);
    return 0;
}
char _license[] SEC("license") = "GPL";
"""


@case("maps/py/user-ringbuf/drained", kernel="6.1", feature="map_type/user_ringbuf")
def test_a_program_takes_what_python_wrote() -> None:
    """Samples that Python writes come to a program whole and once, round after round."""
    with load(USER_RING) as collection:
        ring, out = collection.maps["ring"], collection.maps["out"]
        assert isinstance(ring, UserRingBuf)
        assert isinstance(out, ArrayMap)
        program = collection.load_program("program")
        expected = 0
        with (
            ring.writer() as writer,
            attach_tracepoint(collection.system, program, "raw_syscalls", "sys_enter"),
        ):
            for number in range(1000):
                while not writer.write(number.to_bytes(8 + number % 5, sys.byteorder)):
                    getpid_calls(1)
                expected += number
            while writer.unread:
                getpid_calls(1)
        assert list(out.values()) == [expected, 1000]


STACKS = """
BPF_ARRAY(ids, s64, 2);
STACKS
TRACEPOINT_PROBE(raw_syscalls, sys_enter) {
    if (NOT_MINE)
        return 0;
    int zero = 0; s64 id = stacks.get_stackid(args, FLAGS);
    ids.update(&zero, &id);
    return 0;
}
"""


@case("maps/py/stack-trace/frames", kernel="4.18", feature="map_type/stack_trace")
def test_frames_of_a_stack_are_read() -> None:
    """The kernel's frames of a system call are addresses; the user's have build ids when asked."""
    kernel = STACKS.replace("STACKS", "BPF_STACK_TRACE(stacks, 128);").replace("FLAGS", "0")
    user = STACKS.replace("STACKS", "BPF_STACK_TRACE_BUILDID(stacks, 128);")
    user = user.replace("FLAGS", "BPF_F_USER_STACK")
    for text, build_ids in ((kernel, False), (user, True)):
        with load(text, cflags=only_mine()) as collection:
            stacks, ids = collection.maps["stacks"], collection.maps["ids"]
            assert isinstance(stacks, StackTraceMap)
            assert isinstance(ids, ArrayMap)
            name = "tracepoint__raw_syscalls__sys_enter"
            program = collection.load_program(name, ProgType.TRACEPOINT)
            with attach_tracepoint(collection.system, program, "raw_syscalls", "sys_enter"):
                getpid_calls(1)
            stack_id = ids[0]
            assert stack_id in stacks
            assert stack_id in list(stacks)
            assert stacks.has_build_ids is build_ids
            if build_ids:
                check_build_ids(stacks, stack_id)
            else:
                assert all(address >> 63 for address in stacks.frames(stack_id))
                assert stacks[stack_id]
            del stacks[stack_id]
            assert stack_id not in stacks


def check_build_ids(stacks: StackTraceMap, stack_id: int) -> None:
    """The innermost frame is in the C library, or known by its address where that has no id."""
    frames = stacks.build_id_frames(stack_id)
    assert frames
    known = {frame.build_id for frame in frames if frame.build_id}
    mapped = [line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines()]
    contents = [Path(p).read_bytes()[:4096] for p in set(mapped) if p.startswith("/usr")]
    assert not known or any(one in content for one in known for content in contents)
