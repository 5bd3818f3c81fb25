"""Mappings from Python alone: hashes, arrays, per-CPU maps, tries."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any

import pytest

from bpfkit.errors import NotSupportedError, SyscallError
from bpfkit.maps.array import ArrayMap
from bpfkit.maps.hash import HashMap, LruHashMap, ResizableHashMap
from bpfkit.maps.keyed import KeyedMap
from bpfkit.maps.lpm import LpmTrie
from bpfkit.maps.percpu import LruPerCpuHashMap, PerCpuArrayMap, PerCpuHashMap
from bpfkit.system import System
from bpfkit.uapi.bpf import MapFlag
from conformance.case import case
from conformance.fuzz.maps import run, twin_of
from conformance.map_life import check_frozen, check_no_leak, check_opening, check_two_threads
from tests.contracts.maps import check_map

SEEDS = (1, 2, 3)
STEPS = 300
VALUES = [7, 2**64 - 1, 1 << 32, 5]


def whole_life(
    map: KeyedMap[Any, Any], keys: Sequence[Any], values: Sequence[Any], kind: str
) -> None:
    """Contract, opening, two threads, freezing, random operations."""
    with map:
        check_map(map, keys, values)
        check_opening(map)
        check_two_threads(map, lambda i: keys[i % len(keys)], list(values))
        map.clear()
        check_frozen(map, keys[0], values[0])
    system = System.live()
    for seed in SEEDS:
        with twin_of(kind, system) as twin:
            run(twin, seed, STEPS)


def lists(values: Sequence[int]) -> list[list[int]]:
    """A list for each value, one element for each CPU."""
    cpus = System.live().facts.possible_cpus
    return [[(value + cpu) & 0xFFFFFFFF for cpu in range(cpus)] for value in values]


@case("maps/py/hash", kernel="5.6", feature="map_type/hash")
def test_a_hash_from_python() -> None:
    """A hash made without C does as a dict: each operation, full, missing, wrong, two threads."""
    map: HashMap[int, int] = HashMap.create(name="h", key="u32", value="u64", max_entries=4)
    whole_life(map, range(4), VALUES, "hash")


@case("maps/py/hash/full", kernel="4.6", feature="map_type/hash")
def test_a_full_hash_refuses_another_key() -> None:
    """The key too many is refused with E2BIG and a hint, with and without memory in advance."""
    for flags in (0, MapFlag.NO_PREALLOC):
        with HashMap[int, int].create(
            name="small", key="u32", value="u64", max_entries=4, flags=flags
        ) as map:
            map.update({i: i for i in range(4)})
            with pytest.raises(SyscallError, match=r"map 'small': E2BIG.*the map is full"):
                map[9] = 1
            with pytest.raises(SyscallError, match="E2BIG"):
                map.update({0: 5, 9: 1})
            assert (map[0], len(map)) == (5, 4)


@case("maps/py/rhash", kernel="7.3", feature="map_type/rhash")
def test_a_resizable_hash_from_python() -> None:
    """A resizable hash made without C does as a dict."""
    with ResizableHashMap[int, int].create(name="r", key="u32", value="u64", max_entries=4) as map:
        check_map(map, range(4), VALUES)
        check_opening(map)
        check_two_threads(map, lambda i: i % 4, VALUES)
    for seed in SEEDS:
        with twin_of("rhash", System.live()) as twin:
            run(twin, seed, STEPS)


@case("maps/py/lru-hash", kernel="5.6", feature="map_type/lru_hash")
def test_an_lru_hash_from_python() -> None:
    """An LRU hash does as a dict while it is not full, and takes any number of keys."""
    map: LruHashMap[int, int] = LruHashMap.create(
        name="lru", key="u32", value="u64", max_entries=4000
    )
    whole_life(map, range(4), VALUES, "lru_hash")
    for flags in (0, MapFlag.NO_COMMON_LRU):
        with LruHashMap[int, int].create(
            key="u32", value="u64", max_entries=512, flags=flags
        ) as small:
            small.update({i: i for i in range(5000)})
            assert 0 < len(small) <= 512
            assert all(key == value for key, value in small.items())


@case("maps/py/percpu-hash", kernel="5.6", feature="map_type/percpu_hash")
def test_a_per_cpu_hash_from_python() -> None:
    """A per-CPU hash has a list of values for each key, one for each possible CPU."""
    map: PerCpuHashMap[int, int] = PerCpuHashMap.create(
        name="p", key="u32", value="u32", max_entries=4
    )
    whole_life(map, range(4), lists(VALUES), "percpu_hash")


@case("maps/py/lru-percpu-hash", kernel="5.6", feature="map_type/lru_percpu_hash")
def test_an_lru_per_cpu_hash_from_python() -> None:
    """An LRU per-CPU hash has a list of values for each key."""
    map: LruPerCpuHashMap[int, int] = LruPerCpuHashMap.create(
        name="lp", key="u32", value="u32", max_entries=4000
    )
    whole_life(map, range(4), lists(VALUES), "lru_percpu_hash")


@case("maps/py/array", kernel="5.6", feature="map_type/array")
def test_an_array_from_python() -> None:
    """An array has every index; negative ones count from its end, none can be removed."""
    map: ArrayMap[int] = ArrayMap.create(name="a", value="u64", max_entries=4)
    whole_life(map, range(4), VALUES, "array")


@case("maps/py/percpu-array", kernel="5.6", feature="map_type/percpu_array")
def test_a_per_cpu_array_from_python() -> None:
    """A per-CPU array has a list of values for each index."""
    map: PerCpuArrayMap[int] = PerCpuArrayMap.create(name="pa", value="u32", max_entries=4)
    whole_life(map, range(4), lists(VALUES), "percpu_array")


@case("maps/py/lpm-trie", kernel="5.6", feature="map_type/lpm_trie")
def test_a_trie_from_python() -> None:
    """A trie takes networks and gives the value of the longest one that holds an address."""
    nets = [ipaddress.ip_network(f"10.{i}.0.0/16") for i in range(4)]
    with LpmTrie[int].create(name="t", data="ipv4", value="u64", max_entries=5) as map:
        check_map(map, nets, VALUES)
        check_opening(map)
        map["10.0.0.0/8"] = 1
        map["10.1.0.0/16"] = 2
        assert [map[a] for a in ("10.1.2.3", "10.200.0.1")] == [2, 1]
        with pytest.raises(KeyError):
            map["11.0.0.1"]
        with pytest.raises(KeyError):
            del map["10.1.2.3"]
        map.clear()
        check_two_threads(map, lambda i: nets[i % 4], VALUES)
    with LpmTrie[int].create(name="t", data="ipv4", value="u64", max_entries=2) as small:
        small.update({nets[0]: 1, nets[1]: 2})
        with pytest.raises(SyscallError, match=r"ENOSPC.*the trie is full"):
            small[nets[2]] = 3
    with LpmTrie[int].create(name="t", data="ipv6", value="u64", max_entries=2) as six:
        six["fe80::/10"] = 4
        assert six["fe80::1"] == 4
        assert list(six) == [ipaddress.ip_network("fe80::/10")]
    for seed in SEEDS:
        with twin_of("lpm_trie", System.live()) as twin:
            run(twin, seed, STEPS)


@case("maps/py/one-cpu", kernel="5.6", feature="map_type/percpu_hash")
def test_one_cpus_value() -> None:
    """One CPU's value is read on every kernel, and set alone where the kernel has BPF_F_CPU."""
    with PerCpuHashMap[int, int].create(key="u32", value="u32", max_entries=4) as map:
        map.put_all(1, 7)
        assert map[1] == [7] * map.cpus
        assert map.get_cpu(1, map.cpus - 1) == 7
        with pytest.raises(KeyError):
            map.get_cpu(2, 0)
        if System.live().facts.version < (7, 0, 0):
            with pytest.raises(NotSupportedError, match=r"7\.0"):
                map.put_cpu(1, 0, 9)
            return
        map.put_cpu(1, 0, 9)
        assert map[1] == [9, *[7] * (map.cpus - 1)]


@case("maps/py/batches-stream", kernel="5.6", feature="map/batch")
def test_many_elements_come_in_batches() -> None:
    """100,000 elements are written, read and removed whole, in one batch after another."""
    count = 100_000
    with HashMap[int, int].create(key="u64", value="u64", max_entries=count) as map:
        map.update({i: i * i for i in range(count)})
        assert len(map) == count
        assert all(value == key * key for key, value in map.items())
        assert map.delete_many(range(10)) == 10
        assert sum(1 for _ in map.drain()) == count - 10
        assert len(map) == 0


@case("maps/py/no-leak", kernel="5.6", feature="map_type/hash")
def test_ten_thousand_maps_leave_nothing_open() -> None:
    """10,000 maps made and closed leave no descriptor open."""
    system = System.live()
    check_no_leak(lambda: ArrayMap[int].create(value="u32", max_entries=1, system=system))
