"""Helpers that call a function of the program for each element, and values of other CPUs."""

from __future__ import annotations

import struct

from bpfkit.collection import Collection, load
from bpfkit.uapi.bpf import ProgType
from conformance import values
from conformance.case import case
from conformance.libbpf import PACKET, load_text, run, stored, trigger
from conformance.values import in_xdp

EACH = """
struct total {{ u64 keys, values, calls, stop_at; }};
static long add(void *map, u32 *key, u64 *value, struct total *total) {{
    total->keys += *key;
    total->values += *value;
    total->calls++;
    return *value == total->stop_at;
}}
"""
WALK = """
    struct total total = {.stop_at = 1000};
    OUT(0, bpf_for_each_map_elem(&elements, add, &total, 0));
    OUT(1, total.keys);
    OUT(2, total.values);
    total.calls = 0;
    total.stop_at = 10;
    long seen = bpf_for_each_map_elem(&elements, add, &total, 0);
    OUT(3, seen >= 1 && seen <= 4);
    OUT(4, total.calls - seen);
    OUT(5, (int)bpf_for_each_map_elem(&elements, add, &total, 1));
"""
FILL = """
    for (int i = 0; i < 4; i++) {
        u32 key = i;
        u64 value = 10 * i;
        UPDATE(&key, &value);
    }
"""
WALKED = [4, 6, 60, 1, 0, -22]
KINDS = {
    "hash": "HASH",
    "array": "ARRAY",
    "percpu_hash": "PERCPU_HASH",
    "percpu_array": "PERCPU_ARRAY",
    "lru_hash": "LRU_HASH",
    "lru_percpu_hash": "LRU_PERCPU_HASH",
}


def bcc(kind: str) -> list[int]:
    before = EACH.format() + f'BPF_TABLE("{kind}", u32, u64, elements, 4);'
    return in_xdp(f"#define UPDATE elements.update\n{FILL}{WALK}", 6, before)


def libbpf(kind: str) -> list[int]:
    text = f"""
    {EACH.format()}
    struct {{ __uint(type, BPF_MAP_TYPE_{KINDS[kind]}); __uint(max_entries, 4); __type(key, u32);
             __type(value, u64); }} elements SEC(".maps");
    #define UPDATE(k, v) bpf_map_update_elem(&elements, k, v, BPF_ANY)
    SEC("xdp") int program(struct xdp_md *ctx) {{ {FILL} {WALK} return 2; }}
    """
    return run(text, 6)


@case("maps/hash/c-for-each", kernel="5.13", feature="helper/bpf_for_each_map_elem")
def test_each_element_of_a_hash() -> None:
    """The callback gets each key and value of a hash and the context, and may stop the walk."""
    assert bcc("hash") == WALKED
    assert libbpf("hash") == WALKED


@case("maps/array/c-for-each", kernel="5.13", feature="helper/bpf_for_each_map_elem")
def test_each_element_of_an_array() -> None:
    """The same of an array."""
    assert bcc("array") == WALKED
    assert libbpf("array") == WALKED


@case("maps/lru_hash/c-for-each", kernel="5.13", feature="helper/bpf_for_each_map_elem")
def test_each_element_of_an_lru_hash() -> None:
    """The same of an LRU hash."""
    assert bcc("lru_hash") == WALKED
    assert libbpf("lru_hash") == WALKED


@case("maps/percpu_array/c-for-each", kernel="5.13", feature="helper/bpf_for_each_map_elem")
def test_each_element_of_a_percpu_array() -> None:
    """Of a per-CPU array the callback gets this CPU's values."""
    assert bcc("percpu_array") == WALKED
    assert libbpf("percpu_array") == WALKED


@case("maps/percpu_hash/c-for-each", kernel="5.13", feature="helper/bpf_for_each_map_elem")
def test_each_element_of_a_percpu_hash() -> None:
    """Of per-CPU hashes, LRU or not, the callback gets this CPU's values."""
    for kind in ("percpu_hash", "lru_percpu_hash"):
        assert bcc(kind) == WALKED
        assert libbpf(kind) == WALKED


def set_for_all_cpus(collection: Collection, name: str, key: int) -> int:
    """Give each CPU's value its number times 3, and 1; how many CPUs there are."""
    map = collection.maps[name].raw
    cpus = map.buffer_size // 8
    value = b"".join(struct.pack("=Q", 3 * cpu + 1) for cpu in range(cpus))
    map.update(struct.pack("=I", key), value)
    return cpus


OTHERS = """
    u32 key = 1, missing = 9;
    u64 sum = 0;
    for (u32 cpu = 0; cpu < CPUS; cpu++) {
        u64 *value = bpf_map_lookup_percpu_elem(&elements, &key, cpu);
        if (value)
            sum += *value;
    }
    OUT(0, sum);
    OUT(1, bpf_map_lookup_percpu_elem(&elements, &missing, 0) == 0);
    OUT(2, bpf_map_lookup_percpu_elem(&elements, &key, 100000) == 0);
"""


@case("maps/percpu_hash/c-other-cpus", kernel="5.19", feature="helper/bpf_map_lookup_percpu_elem")
def test_bcc_values_of_other_cpus() -> None:
    """bpf_map_lookup_percpu_elem reads what each CPU has, of hashes and arrays."""
    for kind in ("percpu_hash", "percpu_array", "lru_percpu_hash"):
        text = f"""
        BPF_TABLE("{kind}", u32, u64, elements, 4);
        BPF_ARRAY(out, s64, 3);
        #define OUT(i, v) do {{ int _i = (i); s64 _v = (s64)(v); out.update(&_i, &_v); }} while (0)
        #define CPUS 64
        int program(struct xdp_md *ctx) {{ {OTHERS} return XDP_PASS; }}
        """
        with load(text) as collection:
            cpus = set_for_all_cpus(collection, "elements", 1)
            collection.load_program("program", ProgType.XDP).test_run(PACKET)
            expected = sum(3 * cpu + 1 for cpu in range(min(cpus, 64)))
            assert values.stored(collection) == [expected, 1, 1], kind


@case("maps/percpu_array/c-other-cpus", kernel="5.19", feature="helper/bpf_map_lookup_percpu_elem")
def test_values_of_other_cpus() -> None:
    """The same on a BTF-defined per-CPU array."""
    text = f"""
    struct {{ __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); __uint(max_entries, 4); __type(key, u32);
             __type(value, u64); }} elements SEC(".maps");
    #define CPUS 64
    SEC("xdp") int program(struct xdp_md *ctx) {{ {OTHERS} return 2; }}
    """
    with load_text(text, 3) as collection:
        cpus = set_for_all_cpus(collection, "elements", 1)
        trigger(collection)
        assert stored(collection) == [sum(3 * c + 1 for c in range(min(cpus, 64))), 1, 1]


LOOP = """
struct sum { u64 total; };
static long step(u32 index, struct sum *sum) {
    sum->total += index;
    return index == 9;
}
"""


@case("maps/array/c-loop", kernel="5.17", feature="helper/bpf_loop")
def test_bcc_bpf_loop() -> None:
    """bpf_loop calls a static function of a bcc program; what it gives stops the loop."""
    body = """
    struct sum sum = {};
    OUT(0, bpf_loop(100, step, &sum, 0));
    OUT(1, sum.total);
    """
    assert in_xdp(body, 2, LOOP) == [10, 45]
