from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest

from bpfkit.errors import LoadError, SyscallError
from bpfkit.maps.base import Map
from bpfkit.maps.create import create_map
from bpfkit.obj.spec import MapSpec
from bpfkit.system import System
from bpfkit.uapi.bpf import MapType, UpdateFlag
from tests.fakes.syscalls import FakeSyscalls
from tests.fakes.system import fake_system

HASH = MapSpec("counts", MapType.HASH, 4, 8, 10)


def key(number: int) -> bytes:
    return number.to_bytes(4, "little")


def value(number: int) -> bytes:
    return number.to_bytes(8, "little")


@pytest.fixture
def system(tmp_path: Path) -> System:
    return fake_system(tmp_path)[0]


@pytest.fixture
def calls(system: System) -> FakeSyscalls:
    assert isinstance(system.syscalls, FakeSyscalls)
    return system.syscalls


@pytest.fixture
def counts(system: System) -> Iterator[Map]:
    with create_map(HASH, system) as map:
        yield map


def test_elements_come_back_and_go_away(counts: Map) -> None:
    counts.update(key(1), value(5))
    assert counts.lookup(key(1)) == value(5)
    assert counts.lookup(key(2)) is None
    assert counts.delete(key(1))
    assert not counts.delete(key(1))


def test_a_full_map_says_so(counts: Map) -> None:
    for i in range(10):
        counts.update(key(i), value(i))
    with pytest.raises(SyscallError) as caught:
        counts.update(key(10), value(0))
    assert caught.value.errno == errno.E2BIG
    assert "map 'counts'" in str(caught.value)


def test_flags_decide_about_what_is_there(counts: Map) -> None:
    with pytest.raises(SyscallError, match="ENOENT"):
        counts.update(key(1), value(1), UpdateFlag.EXIST)
    counts.update(key(1), value(1), UpdateFlag.NOEXIST)
    with pytest.raises(SyscallError, match="EEXIST"):
        counts.update(key(1), value(1), UpdateFlag.NOEXIST)


@pytest.mark.parametrize("batches", [True, False])
def test_items_are_the_same_with_and_without_batches(
    counts: Map, calls: FakeSyscalls, batches: bool
) -> None:
    calls.has_batches = batches
    items = [(key(i), value(i)) for i in range(10)]
    counts.update_many(items)
    assert sorted(counts.items()) == items
    assert counts.delete_many([key(1), key(99), key(2)]) == 2
    assert sorted(counts.drain()) == [items[0], *items[3:]]
    assert list(counts.keys()) == []


def test_an_array_has_every_index(system: System) -> None:
    with create_map(MapSpec("a", MapType.ARRAY, 4, 8, 3), system) as map:
        map.update(key(2), value(7))
        assert [v for _, v in map.items()] == [value(0), value(0), value(7)]
        assert list(map.keys()) == [key(0), key(1), key(2)]


def test_slots_that_are_empty_have_no_key(system: System) -> None:
    with create_map(MapSpec("a", MapType.DEVMAP, 4, 4, 3), system) as map:
        map.update(key(2), key(1))
        assert list(map.keys()) == [key(2)]


def test_a_queue_has_no_keys(system: System) -> None:
    with create_map(MapSpec("q", MapType.QUEUE, 0, 8, 1), system) as map:
        map.update(b"", value(1))
        assert (list(map.keys()), list(map.items())) == ([], [])


def test_a_perf_buffer_without_a_size_has_a_slot_for_each_cpu(system: System) -> None:
    with create_map(MapSpec("e", MapType.PERF_EVENT_ARRAY, 4, 4, 0), system) as map:
        assert map.max_entries == 4


def test_content_is_written_before_a_map_is_frozen(system: System, calls: FakeSyscalls) -> None:
    spec = MapSpec(".rodata", MapType.ARRAY, 4, 4, 1, initial=b"abcd", frozen=True)
    with create_map(spec, system) as map:
        assert map.lookup(key(0)) == b"abcd"
        assert calls.maps[map.fileno()].frozen
        with pytest.raises(SyscallError, match="EPERM"):
            map.update(key(0), b"efgh")


def test_the_memory_limit_is_raised_once_and_the_map_tried_again(
    system: System, calls: FakeSyscalls
) -> None:
    calls.memlock_can_be_raised = True
    calls.refuse_map = lambda request: 0 if calls.memlock_raised else errno.EPERM
    create_map(HASH, system).close()
    assert calls.memlock_raised == 1


def test_a_map_without_permission_fails_with_what_and_why(
    system: System, calls: FakeSyscalls
) -> None:
    calls.refuse_map = lambda request: errno.EPERM
    with pytest.raises(SyscallError, match=r"BPF_MAP_CREATE failed for map 'counts': EPERM"):
        create_map(HASH, system)


def test_an_old_kernel_gets_a_map_without_types_and_name(
    system: System, calls: FakeSyscalls
) -> None:
    calls.refuse_map = lambda request: errno.E2BIG if request.name or request.btf_fd else 0
    spec = MapSpec("counts", MapType.HASH, 4, 8, 10, key_type_id=1, value_type_id=2, typed=True)
    with create_map(spec, system, btf_fd=1) as map:
        assert calls.maps[map.fileno()].request.name == ""


def test_a_pinned_map_is_shared(system: System, calls: FakeSyscalls, tmp_path: Path) -> None:
    spec = MapSpec("counts", MapType.HASH, 4, 8, 10, pin_path=str(tmp_path / "bpf/counts"))
    with create_map(spec, system) as first, create_map(spec, system) as second:
        first.update(key(1), value(1))
        assert second.lookup(key(1)) == value(1)
    other = MapSpec("counts", MapType.HASH, 8, 8, 10, pin_path=spec.pin_path)
    with pytest.raises(LoadError, match="is pinned at"):
        create_map(other, system)


def test_nothing_is_left_open_when_pinning_fails(
    system: System, calls: FakeSyscalls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(fd: int, path: str) -> None:
        raise SyscallError(errno.EPERM, "BPF_OBJ_PIN", path)

    monkeypatch.setattr(calls, "obj_pin", refuse)
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(SyscallError, match="BPF_OBJ_PIN"):
        create_map(MapSpec("c", MapType.HASH, 4, 8, 1, pin_path=str(tmp_path / "c")), system)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
