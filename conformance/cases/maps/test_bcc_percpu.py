"""bcc's per-CPU tables: each CPU counts for itself, Python joins."""

from __future__ import annotations

import ctypes

import pytest

from bpfkit import BPF
from bpfkit.compat.bcc.utils import get_possible_cpus
from conformance.case import case
from conformance.maps import on_each_cpu, run_xdp

TEXT = """
struct odd { u64 a; u32 b; };
BPF_PERCPU_HASH(h1);
BPF_PERCPU_HASH(hash, u32, u64, 16);
BPF_PERCPU_HASH(narrow, u32, u32, 16);
BPF_PERCPU_HASH(odd, u32, struct odd, 16);
BPF_PERCPU_ARRAY(a1);
BPF_PERCPU_ARRAY(array, s32, 4);
BPF_TABLE("lru_percpu_hash", u32, u64, lru, 64);
int f(struct xdp_md *ctx) {
    u32 key = 7, cpu = bpf_get_smp_processor_id();
    int at = 2;
    u64 zero = 0, *v, one = 1;
    v = hash.lookup_or_try_init(&key, &zero);
    if (v) *v += 1 + cpu;
    u32 *n = narrow.lookup(&key), none = 0;
    if (!n) { narrow.update(&key, &none); n = narrow.lookup(&key); }
    if (n) *n += 1;
    struct odd *o, empty = {};
    o = odd.lookup_or_try_init(&key, &empty);
    if (o) { o->a += 1; o->b = 100 + cpu; }
    array.increment(at, -3);
    lru.update(&key, &one);
    return 2;
}
"""


@case("maps/bcc/percpu", kernel="4.12", feature="map_type/percpu_hash")
def test_each_cpu_counts_for_itself_and_python_joins() -> None:
    """items, getvalue, sum, max, average and a reducer of per-CPU hashes and arrays give what each
    CPU counted, for leaves of 4, 8 and 12 bytes.
    """
    possible = len(get_possible_cpus())
    with BPF(text=TEXT) as b:
        ran: list[int] = []

        def once(cpu: int) -> None:
            run_xdp(b, "f")
            ran.append(cpu)

        count = on_each_cpu(once)
        t = b["hash"]
        key = t.Key(7)
        expected = [1 + cpu if cpu in ran else 0 for cpu in range(possible)]
        assert list(t[key]) == list(t.getvalue(key)) == expected
        assert [(k.value, list(v)) for k, v in t.items()] == [(7, expected)]
        assert t.sum(key).value == sum(expected)
        assert t.max(key).value == max(expected)
        assert t.average(key) == sum(expected) / possible
        summed = b.get_table("hash", reducer=lambda x, y: x + y)
        assert summed[key] == sum(expected)
        assert [v for _, v in summed.items()] == [sum(expected)]

        narrow = b["narrow"]
        assert (narrow.sLeaf, narrow.Leaf) == (ctypes.c_uint, ctypes.c_uint64 * possible)
        assert narrow.sum(key).value == count
        assert list(narrow.items()[0][1]) == [int(cpu in ran) for cpu in range(possible)]

        odd = b["odd"].items()[0][1]
        assert [(odd[cpu].a, odd[cpu].b) for cpu in ran] == [(1, 100 + cpu) for cpu in ran]
        assert len(b["lru"]) == 1
        array = b["array"]
        assert array.sum(2).value == -3 * count
        assert array.max(-2).value == (-3 if count == possible else 0)
        assert (b["h1"].max_entries, len(b["a1"])) == (10240, 10240)


@case("maps/bcc/percpu-python", kernel="4.12", feature="map_type/percpu_array")
def test_per_cpu_leaves_written_from_python_come_back() -> None:
    """Arrays of leaves go in one by one and in batches, clear and zero reset every CPU, and a leaf
    for one CPU is refused.
    """
    possible = len(get_possible_cpus())
    with BPF(text=TEXT) as b:
        for name in ("hash", "narrow", "lru", "array"):
            t = b[name]
            row = list(range(1, possible + 1))
            t[t.Key(1)] = t.Leaf(*row)
            t[t.Key(2)] = (t.sLeaf * possible)(*row)
            assert list(t[t.Key(1)]) == list(t[t.Key(2)]) == row
            t.items_update_batch([0, 3], [row, t.Leaf(*row)])
            assert {k.value: list(v) for k, v in t.items()} == dict.fromkeys(range(4), row)
            assert {k.value: list(v) for k, v in t.items_lookup_batch()}[3] == row
            t.zero()
            assert all(sum(v) == 0 for v in t.values())
            with pytest.raises(TypeError, match=f"table '{name}'"):
                t[t.Key(1)] = t.sLeaf(5)
            t.clear()
            assert len(t) == (4 if name == "array" else 0)
            with pytest.raises((KeyError, IndexError)):
                t[t.Key(9)]
