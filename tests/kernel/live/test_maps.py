"""Every family of maps on the kernel of this machine."""

from __future__ import annotations

import errno
from collections.abc import Callable

import pytest

from bpfkit.errors import SyscallError
from bpfkit.features.probe import Support
from bpfkit.maps.base import Map
from bpfkit.maps.create import create_map
from bpfkit.obj.spec import MapSpec
from bpfkit.system import System
from bpfkit.uapi.bpf import MapFlag, MapType
from conformance.fuzz.maps import KINDS, run, twin_of

pytestmark = pytest.mark.kernel


def number(value: int, size: int) -> bytes:
    return value.to_bytes(size, "little")


KEYED = [
    pytest.param(MapSpec("hash", MapType.HASH, 4, 8, 300), id="hash"),
    pytest.param(MapSpec("lru", MapType.LRU_HASH, 4, 8, 4000), id="lru_hash"),
    pytest.param(MapSpec("percpu", MapType.PERCPU_HASH, 4, 8, 300), id="percpu_hash"),
    pytest.param(MapSpec("lru", MapType.LRU_PERCPU_HASH, 4, 8, 4000), id="lru_percpu_hash"),
]


@pytest.mark.parametrize("spec", KEYED)
def test_a_keyed_map_keeps_its_contract(system: System, spec: MapSpec) -> None:
    with create_map(spec, system) as map:
        check_map(map, lambda i: number(i, map.buffer_size))


def check_map(map: Map, value: Callable[[int], bytes]) -> None:
    """What every map with free keys must do."""
    items = [(number(i, map.key_size), value(i)) for i in range(200)]
    assert list(map.items()) == []
    assert map.lookup(items[0][0]) is None
    assert not map.delete(items[0][0])
    for key, content in items[:3]:
        map.update(key, content)
        assert map.lookup(key) == content
    map.update_many(items)
    assert sorted(map.items()) == sorted(items)
    assert sorted(map.keys()) == sorted(key for key, _ in items)
    assert map.delete_many([items[5][0], b"\xff" * map.key_size, items[6][0]]) == 2
    assert map.delete(items[7][0])
    assert len(list(map.drain())) == 197
    assert list(map.keys()) == []
    info = map.info()
    assert (info.type, info.key_size, info.value_size) == (map.type, map.key_size, map.value_size)
    assert info.name == map.name


def test_an_array_is_whole_from_the_start(system: System) -> None:
    with create_map(MapSpec("array", MapType.ARRAY, 4, 8, 100), system) as map:
        map.update(number(99, 4), number(5, 8))
        assert len(list(map.items())) == 100
        with pytest.raises(SyscallError, match="elements of this map type stay") as caught:
            map.delete(number(0, 4))
        assert caught.value.errno == errno.EINVAL


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(2))
def test_a_map_does_as_its_model(system: System, kind: str, seed: int) -> None:
    if system.features.get(f"map_type/{kind}") is not Support.YES:
        pytest.skip(f"this kernel has no {kind}")
    with twin_of(kind, system) as twin:
        run(twin, seed, 300)


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param(MapSpec("e", MapType.PERF_EVENT_ARRAY, 4, 4, 0), id="perf_event_array"),
        pytest.param(MapSpec("r", MapType.RINGBUF, 0, 0, 4096), id="ringbuf"),
        pytest.param(MapSpec("j", MapType.PROG_ARRAY, 4, 4, 3), id="prog_array"),
        pytest.param(MapSpec("s", MapType.STACK_TRACE, 4, 127 * 8, 16), id="stack_trace"),
    ],
)
def test_maps_of_other_things_can_be_made(system: System, spec: MapSpec) -> None:
    with create_map(spec, system) as map:
        assert map.info().type == spec.type


def test_a_ring_is_as_large_as_a_power_of_two_of_pages(system: System) -> None:
    with create_map(MapSpec("ring", MapType.RINGBUF, 0, 0, 5000), system) as map:
        assert map.info().max_entries == map.max_entries == 8192


def test_a_full_map_and_a_value_that_is_too_large_are_told_apart(system: System) -> None:
    with create_map(MapSpec("small", MapType.HASH, 4, 4, 1), system) as map:
        map.update(b"aaaa", b"bbbb")
        with pytest.raises(SyscallError, match="the map is full"):
            map.update(b"cccc", b"dddd")
    with pytest.raises(SyscallError, match="larger than the kernel allows"):
        create_map(MapSpec("huge", MapType.HASH, 4, 1 << 30, 1), system)


def test_a_frozen_map_is_read_only(system: System) -> None:
    spec = MapSpec(".rodata", MapType.ARRAY, 4, 4, 1, MapFlag.RDONLY_PROG, initial=b"abcd",
                   frozen=True)  # fmt: skip
    with create_map(spec, system) as map:
        assert map.lookup(bytes(4)) == b"abcd"
        with pytest.raises(SyscallError, match="EPERM"):
            map.update(bytes(4), b"efgh")


def test_probes_finish_on_this_kernel(system: System) -> None:
    for name in ("map_type/hash", "map_type/ringbuf", "program_type/xdp", "btf/float", "link/xdp"):
        assert system.features.get(name) is not Support.UNKNOWN
