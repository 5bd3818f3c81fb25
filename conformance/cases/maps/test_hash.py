"""Hash maps, from C and from Python."""

from __future__ import annotations

import ctypes
import os

import pytest

from bpfkit import BPF
from conformance.case import case
from conformance.triggers import getpid_calls, only_mine

COUNT_BY_PID = """
#include <uapi/linux/ptrace.h>
BPF_HASH(counts, u32);
TRACEPOINT_PROBE(raw_syscalls, sys_enter) {
    u32 pid = bpf_get_current_pid_tgid() >> 32;
    if (!(NOT_MINE))
        counts.increment(pid);
    return 0;
}
"""


@case("maps/hash/increment", kernel="4.7", feature="map_type/hash")
def test_increment_counts_from_a_missing_key() -> None:
    """``t.increment(k)`` starts a missing key at one and adds to it afterwards."""
    with BPF(text=COUNT_BY_PID, cflags=only_mine()) as b:
        getpid_calls(7)
        counts = {k.value: v.value for k, v in b["counts"].items()}
    assert counts[os.getpid()] == 7


@case("maps/hash/python", kernel="4.7", feature="map_type/hash")
def test_python_reads_what_python_wrote() -> None:
    """Keys and leaves written from Python come back; deleting removes them; a missing key is
    KeyError.
    """
    with BPF(text="BPF_HASH(t, u64, u32, 8);") as b:
        t = b["t"]
        for i in range(5):
            t[t.Key(i)] = t.Leaf(i * 10)
        assert sorted((k.value, v.value) for k, v in t.items()) == [(i, i * 10) for i in range(5)]
        assert len(t) == 5
        del t[t.Key(3)]
        assert t.Key(3) not in t
        with pytest.raises(KeyError):
            t[t.Key(3)]
        t.clear()
        assert len(t) == 0


@case("maps/hash/full", kernel="4.7", feature="map_type/hash")
def test_a_full_map_refuses_another_key() -> None:
    """The key beyond max_entries is refused with an error that names the map and E2BIG."""
    with BPF(text="BPF_HASH(small, u32, u32, 4);") as b:
        t = b["small"]
        for i in range(4):
            t[t.Key(i)] = t.Leaf(i)
        with pytest.raises(Exception, match=r"small.*E2BIG"):
            t[t.Key(99)] = t.Leaf(0)
        assert len(t) == 4


STRUCT_KEY = """
struct key_t { u32 pid; char comm[16]; u8 flag; };
struct leaf_t { u64 calls; s16 last; };
BPF_HASH(seen, struct key_t, struct leaf_t);
TRACEPOINT_PROBE(raw_syscalls, sys_enter) {
    if (NOT_MINE)
        return 0;
    struct key_t key = {};
    struct leaf_t zero = {}, *leaf;
    key.pid = bpf_get_current_pid_tgid() >> 32;
    key.flag = 200;
    bpf_get_current_comm(&key.comm, sizeof(key.comm));
    leaf = seen.lookup_or_try_init(&key, &zero);
    if (leaf) {
        leaf->calls += 1;
        leaf->last = -5;
    }
    return 0;
}
"""


@case("maps/hash/struct-key", kernel="4.7", feature="map_type/hash")
def test_struct_keys_and_leaves_have_their_fields() -> None:
    """A struct key and leaf built in C are read by field name in Python, padding and sign
    included.
    """
    with BPF(text=STRUCT_KEY, cflags=only_mine()) as b:
        getpid_calls(3)
        mine = [(k, v) for k, v in b["seen"].items() if k.pid == os.getpid()]
    assert len(mine) == 1
    key, leaf = mine[0]
    assert key.flag == 200
    assert key.comm
    assert (leaf.calls, leaf.last) == (3, -5)


@case("maps/hash/lookup-or-init", kernel="4.7", feature="map_type/hash")
def test_lookup_or_init_leaves_the_function_when_the_map_is_full() -> None:
    """``lookup_or_init`` returns 0 from the enclosing function when it cannot insert."""
    text = """
    BPF_HASH(one, u32, u64, 1);
    BPF_ARRAY(after, u64, 1);
    TRACEPOINT_PROBE(raw_syscalls, sys_enter) {
        if (NOT_MINE)
            return 0;
        u32 key = 7; u64 zero = 0; int slot = 0;
        u64 *v = one.lookup_or_init(&key, &zero);
        (*v)++;
        after.increment(slot);
        return 0;
    }
    """
    with BPF(text=text, cflags=only_mine()) as b:
        one = b["one"]
        one[one.Key(1)] = one.Leaf(0)
        getpid_calls(4)
        assert b["after"][ctypes.c_int(0)].value == 0
        one.clear()
        getpid_calls(4)
        assert b["after"][ctypes.c_int(0)].value >= 4
        assert one[one.Key(7)].value >= 4


@case("maps/hash/delete-from-c", kernel="4.7", feature="map_type/hash")
def test_c_deletes_and_updates() -> None:
    """``delete`` and ``update`` from C act on what Python wrote."""
    text = """
    BPF_HASH(t, u32, u32);
    TRACEPOINT_PROBE(raw_syscalls, sys_enter) {
        if (NOT_MINE)
            return 0;
        u32 gone = 1, changed = 2, value = 22;
        t.delete(&gone);
        t.update(&changed, &value);
        return 0;
    }
    """
    with BPF(text=text, cflags=only_mine()) as b:
        t = b["t"]
        for i in (1, 2, 3):
            t[t.Key(i)] = t.Leaf(i)
        getpid_calls(1)
        assert {k.value: v.value for k, v in t.items()} == {2: 22, 3: 3}
