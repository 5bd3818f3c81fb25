"""Typed maps of every family over the kernel in memory."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bpfkit.errors import DecodeError, EncodeError, LoadError, NotSupportedError, SyscallError
from bpfkit.maps.array import ArrayMap
from bpfkit.maps.bloom import BloomFilter
from bpfkit.maps.cgroup_storage import CgroupKey, CgroupStorage, PerCpuCgroupStorage
from bpfkit.maps.families import CLASSES
from bpfkit.maps.hash import HashMap, LruHashMap, ResizableHashMap
from bpfkit.maps.lpm import LpmTrie
from bpfkit.maps.of_maps import ArrayOfMaps, HashOfMaps
from bpfkit.maps.percpu import LruPerCpuHashMap, PerCpuArrayMap, PerCpuHashMap
from bpfkit.maps.progs import CgroupArray, PerfEventArray, ProgArray
from bpfkit.maps.queue import Queue, Stack
from bpfkit.maps.redirect import CpuEntry, CpuMap, DeviceEntry, DevMap, DevMapHash, XskMap
from bpfkit.maps.rings import UserRingBuf
from bpfkit.maps.sockets import ReuseportSockArray, SockHash, SockMap
from bpfkit.maps.stacks import BuildIdFrame, StackTraceMap
from bpfkit.maps.storage import CgroupLocalStorage, InodeStorage, Pidfd, SkStorage, TaskStorage
from bpfkit.maps.typed import TypedMap
from bpfkit.syscalls.requests import Batch
from bpfkit.system import System
from bpfkit.uapi.bpf import AttachType, MapFlag, MapType
from tests.contracts.maps import (
    Plain,
    check_bloom,
    check_map,
    check_queue,
    check_slots,
    check_storage,
)
from tests.fakes.syscalls import FakeSyscalls
from tests.fakes.system import fake_system

NETS = [ipaddress.ip_network(text) for text in ("10.0.0.0/8", "11.0.0.0/8", "12.1.0.0/16")]
LISTS = [[1, 2, 3, 4], [5, 6, 7, 8], [0, 0, 0, 2**32 - 1]]


@pytest.fixture
def system(tmp_path: Path) -> System:
    return fake_system(tmp_path)[0]


@pytest.fixture
def calls(system: System) -> FakeSyscalls:
    assert isinstance(system.syscalls, FakeSyscalls)
    return system.syscalls


def test_every_map_type_has_its_class() -> None:
    assert set(CLASSES) == set(MapType) - {MapType.UNSPEC}


Make = Callable[[System], Any]
MAPPINGS: list[tuple[Make, list[Any], list[Any]]] = [
    (lambda s: HashMap.create(key="u32", value="s64", max_entries=3, system=s), [1, 2, 3],
     [-1, 2, 3]),
    (lambda s: LruHashMap.create(key="u32", value=3, max_entries=3, system=s), [1, 2, 3],
     [b"abc", b"def", b"ghi"]),
    (lambda s: ResizableHashMap.create(key=2, value="f64", max_entries=3, system=s),
     [b"aa", b"bb", b"cc"], [0.5, 2.0, -1.0]),
    (lambda s: PerCpuHashMap.create(key="u32", value="u32", max_entries=3, system=s), [1, 2, 3],
     LISTS),
    (lambda s: LruPerCpuHashMap.create(key="u32", value="u64", max_entries=3, system=s), [1, 2, 3],
     LISTS),
    (lambda s: ArrayMap.create(value="u32", max_entries=3, system=s), [0, 1, 2], [5, 6, 7]),
    (lambda s: PerCpuArrayMap.create(value="u32", max_entries=3, system=s), [0, 1, 2], LISTS),
    (lambda s: LpmTrie.create(data="ipv4", value="u32", max_entries=3, system=s), NETS, [5, 6, 7]),
]  # fmt: skip


@pytest.mark.parametrize("index", range(len(MAPPINGS)))
@pytest.mark.parametrize("batches", [True, False])
def test_a_mapping_keeps_its_contract(
    system: System, calls: FakeSyscalls, index: int, batches: bool
) -> None:
    calls.has_batches = calls.has_take = batches
    make, keys, values = MAPPINGS[index]
    with make(system) as map:
        check_map(map, keys, values)


@pytest.mark.parametrize("kind", [Queue, Stack])
def test_a_queue_keeps_its_contract(system: System, kind: type[Queue[int]]) -> None:
    with kind.create(value="u16", max_entries=3, system=system) as queue:
        check_queue(queue, [1, 2, 3])


def test_a_filter_keeps_its_contract(system: System, calls: FakeSyscalls) -> None:
    with BloomFilter.create(value="u64", max_entries=9, hashes=3, system=system) as filter:
        check_bloom(filter, [1, 2, 3])
        assert calls.maps[filter.fileno()].request.map_extra == 3


@pytest.fixture
def files() -> Iterator[list[int]]:
    fds = [os.memfd_create(f"thing {i}") for i in range(2)]
    yield fds
    for fd in fds:
        os.close(fd)


SLOTS: list[Callable[[System], Any]] = [
    lambda s: ProgArray.create(max_entries=3, system=s),
    lambda s: SockMap.create(max_entries=3, system=s),
    lambda s: SockHash.create(key="u32", max_entries=3, system=s),
    lambda s: ReuseportSockArray.create(max_entries=3, system=s),
    lambda s: PerfEventArray.create(system=s),
    lambda s: CgroupArray.create(max_entries=3, system=s),
    lambda s: XskMap.create(max_entries=3, system=s),
]


@pytest.mark.parametrize("make", SLOTS)
def test_a_map_of_descriptors_keeps_its_contract(
    system: System, files: list[int], make: Callable[[System], Any]
) -> None:
    with make(system) as map:
        readable = map.type not in (MapType.PERF_EVENT_ARRAY, MapType.CGROUP_ARRAY, MapType.XSKMAP)
        check_slots(map, [0, 1, 2], files, [1000 + fd for fd in files] if readable else None)


def test_ids_are_read_where_descriptors_went_in(system: System, files: list[int]) -> None:
    with ProgArray.create(max_entries=2, system=system) as programs:
        programs[1] = files[0]
        assert programs[1] == 1000 + files[0]
    with SockMap.create(max_entries=2, system=system) as sockets:
        sockets[0] = files[1]
        assert sockets[0] == 1000 + files[1]


def test_a_cgroup_is_put_in_by_its_directory(system: System, tmp_path: Path) -> None:
    with CgroupArray.create(max_entries=2, system=system) as cgroups:
        cgroups[0] = tmp_path
        with pytest.raises(FileNotFoundError):
            cgroups[1] = tmp_path / "none"


def test_maps_of_maps_are_opened_where_they_are_read(system: System) -> None:
    with (
        HashMap[int, int].create(key="u32", value="u32", max_entries=1, system=system) as inner,
        HashMap[int, int].create(key="u32", value="u32", max_entries=1, system=system) as other,
        ArrayOfMaps.create(inner=inner, max_entries=3, system=system) as array,
        HashOfMaps[bytes].create(key=2, inner=inner, max_entries=3, system=system) as hash,
    ):
        check_slots(array, [0, 1, 2], [inner, other], [inner.id, other.id])
        check_slots(hash, [b"aa", b"bb", b"cc"], [inner, other], [inner.id, other.id])
        array[1] = inner
        hash[b"xy"] = other
        assert list(hash.items()) == [(b"xy", other.id)]
        inner[7] = 9
        with array[1] as found:
            assert isinstance(found, HashMap)
            assert found.id == inner.id
        with pytest.raises(KeyError):
            array[0]


def test_devices_and_cpus_have_entries(system: System, files: list[int]) -> None:
    loopback = socket.if_nametoindex("lo")
    with DevMap.create(max_entries=3, system=system) as devices:
        devices[0] = "lo"
        devices[1] = (loopback, files[0])
        assert devices[0] == DeviceEntry(loopback)
        assert devices[1] == DeviceEntry(loopback, files[0])
        assert (list(devices), len(devices), 2 in devices, 9 in devices) == (
            [0, 1],
            2,
            False,
            False,
        )
        with pytest.raises(IndexError, match="no element 3 of 3"):
            devices[3] = "lo"
        with pytest.raises(OSError, match="no interface"):
            devices[2] = "no such device"
        del devices[0]
        with pytest.raises(KeyError):
            del devices[0]
    with DevMapHash.create(max_entries=3, system=system) as devices:
        devices[1 << 31] = "lo"
        assert list(devices) == [1 << 31]
    with CpuMap.create(max_entries=3, system=system) as cpus:
        cpus[2] = 64
        cpus[1] = (32, files[0])
        assert (cpus[2], cpus[1]) == (CpuEntry(64), CpuEntry(32, files[0]))
        with pytest.raises(KeyError):
            cpus[0]


def test_an_old_kernels_targets_have_no_program(
    system: System, calls: FakeSyscalls, files: list[int]
) -> None:
    calls.refuse_map = lambda request: 22 if request.value_size == 8 else 0
    with CpuMap.create(max_entries=3, system=system) as cpus:
        cpus[2] = 64
        assert cpus[2] == CpuEntry(64)
        with pytest.raises(NotSupportedError, match=r"a program in map"):
            cpus[2] = (64, files[0])


@pytest.mark.parametrize("kind", [SkStorage, InodeStorage, CgroupLocalStorage])
def test_a_storage_keeps_its_contract(
    system: System, calls: FakeSyscalls, files: list[int], kind: type[Any]
) -> None:
    with kind.create(value="u64", system=system) as storage:
        check_storage(storage, files[0], files[1], [5, 2**64 - 1])
        assert storage.info().btf_id
        assert storage.info().value_type_id


def test_a_storage_is_at_a_file_or_process(system: System, tmp_path: Path) -> None:
    with InodeStorage.create(value=3, system=system) as storage:
        storage[tmp_path] = b"abc"
        assert storage[str(tmp_path)] == b"abc"
        with pytest.raises(SyscallError, match="EBADF"):
            storage[1 << 20] = b"abc"
    with TaskStorage.create(value="u64", system=system) as tasks:
        pidfd = os.pidfd_open(os.getpid())
        tasks[Pidfd(pidfd)] = 5
        assert tasks[Pidfd(pidfd)] == 5
        tasks[os.getpid()] = 6
        os.close(pidfd)
        with pytest.raises(ProcessLookupError):
            tasks[1 << 22]


def test_storage_of_a_cgroup_changes_and_stays(system: System, calls: FakeSyscalls) -> None:
    key = CgroupKey(7, AttachType.CGROUP_INET_EGRESS)
    with CgroupStorage.create(value="u64", system=system) as storage:
        with pytest.raises(SyscallError, match="ENOENT"):
            storage[key] = 1
        fake = calls.maps[storage.fileno()]
        fake.values[(7).to_bytes(8, "little") + (1).to_bytes(8, "little")] = bytes(8)
        storage[key] = 9
        assert dict(storage.items()) == {key: 9}
        with pytest.raises(TypeError, match="detached"):
            del storage[key]
        with pytest.raises(TypeError, match="detached"):
            storage.pop(key)
    with PerCpuCgroupStorage.create(value="u32", shared=True, system=system) as storage:
        calls.maps[storage.fileno()].values[(7).to_bytes(8, "little")] = bytes(32)
        storage[CgroupKey(7)] = LISTS[0]
        assert storage[CgroupKey(7)] == LISTS[0]


def test_the_key_of_a_cgroup_is_its_directorys_number(tmp_path: Path) -> None:
    assert CgroupKey.of(tmp_path) == CgroupKey(tmp_path.stat().st_ino, 0)


def test_stacks_are_read_by_number(system: System, calls: FakeSyscalls) -> None:
    with StackTraceMap.create(max_entries=4, depth=4, system=system) as stacks:
        values = calls.maps[stacks.fileno()].values
        values[(2).to_bytes(4, "little")] = b"".join(n.to_bytes(8, "little") for n in (7, 8, 0, 0))
        assert stacks[2] == (7, 8) == stacks.frames(2)
        assert (list(stacks), len(stacks), 2 in stacks, -14 in stacks) == ([2], 1, True, False)
        for missing in (3, -14):
            with pytest.raises(KeyError):
                stacks[missing]
            with pytest.raises(KeyError):
                del stacks[missing]
        stacks.clear()
        assert list(stacks) == []


def test_frames_with_build_ids_are_told_by_file(system: System, calls: FakeSyscalls) -> None:
    with StackTraceMap.create(max_entries=4, depth=3, build_ids=True, system=system) as stacks:
        frames = (1).to_bytes(4, "little") + b"b" * 20 + (64).to_bytes(8, "little")
        frames += (2).to_bytes(4, "little") + bytes(20) + (0x1234).to_bytes(8, "little")
        calls.maps[stacks.fileno()].values[bytes(4)] = frames + bytes(32)
        assert stacks[0] == (BuildIdFrame(b"b" * 20, 64), BuildIdFrame(b"", 0x1234))


def test_a_user_ring_takes_samples_until_it_is_full(system: System) -> None:
    with UserRingBuf.create(size=1, system=system) as ring:
        assert ring.max_entries == 4096
        with ring.writer() as writer:
            assert all(writer.write(bytes(1016)) for _ in range(4))
            assert (writer.write(b""), writer.unread) == (False, 4096)
            with pytest.raises(EncodeError, match="fits a ring of 4096 bytes"):
                writer.write(bytes(4090))
        writer.close()  # twice is harmless


def test_one_cpus_value_is_read_and_set(system: System) -> None:
    with PerCpuHashMap[int, int].create(
        key="u32", value="u32", max_entries=2, system=system
    ) as map:
        map[1] = LISTS[0]
        assert map.get_cpu(1, 3) == 4  # this kernel has no BPF_F_CPU
        with pytest.raises(NotSupportedError, match=r"BPF_F_CPU.*7\.0"):
            map.put_cpu(1, 3, 9)
        map.put_all(2, 7)
        assert map[2] == [7] * 4
        for cpu in (-1, 4):
            with pytest.raises(IndexError, match="of 4"):
                map.get_cpu(1, cpu)
            with pytest.raises(IndexError, match="of 4"):
                map.put_cpu(1, cpu, 1)
        with pytest.raises(EncodeError, match="4 values"):
            map[1] = [1, 2]


def test_an_array_is_memory(system: System) -> None:
    with ArrayMap[int].create(
        value="u32", max_entries=3, flags=MapFlag.MMAPABLE, system=system
    ) as map:
        assert (map.stride, map.mmapable) == (8, True)
        with contextlib.closing(map.memory(writable=True)) as memory:
            assert len(memory.view) == 4096
            assert not memory.view.readonly


@pytest.mark.parametrize(
    ("network", "wrong"),
    [
        pytest.param("ipv4", "::/0", id="other family"),
        pytest.param("ipv4", "10.0.0.1/8", id="host bits"),
        pytest.param("ipv6", 5, id="number"),
        pytest.param(2, (17, b"ab"), id="too many bits"),
        pytest.param(2, (8, b"abc"), id="too many bytes"),
        pytest.param("ipv4", "nonsense", id="text"),
    ],
)
def test_what_is_no_prefix_never_reaches_the_kernel(
    system: System, network: str | int, wrong: Plain
) -> None:
    with (
        LpmTrie[int].create(data=network, value="u8", max_entries=2, system=system) as map,
        pytest.raises(EncodeError),
    ):
        map[wrong] = 1


def test_prefixes_come_back_as_networks_or_bits(system: System) -> None:
    with LpmTrie[int].create(data="ipv6", value="u8", max_entries=2, system=system) as map:
        map[ipaddress.ip_address("fe80::1")] = 1
        assert list(map) == [ipaddress.ip_network("fe80::1/128")]
    with LpmTrie[int].create(data=2, value="u8", max_entries=2, system=system) as map:
        map[16, b"ab"] = 1
        assert dict(map.items()) == {(16, b"ab"): 1}
    with pytest.raises(TypeError, match="no kind of prefix"):
        LpmTrie.create(data="ipv5", value="u8", max_entries=2, system=system)


def test_a_map_is_opened_again(system: System, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "pin"
    with HashMap[bytes, bytes].create(
        name="h", key=4, value=4, max_entries=2, system=system
    ) as map:
        map[b"aaaa"] = b"bbbb"
        map.pin(path)
        for other in (
            HashMap.open_pinned(path, system=system),
            HashMap.open_id(map.id, system=system),
            HashMap.from_fd(map, system=system),
            TypedMap.from_fd(map.fileno(), system=system),
        ):
            with other:
                assert isinstance(other, HashMap)
                assert other[b"aaaa"] == b"bbbb"
        with pytest.raises(LoadError, match=r"BPF_MAP_TYPE_HASH, which ArrayMap does not stand"):
            ArrayMap.open_pinned(path, system=system)
    with pytest.raises(SyscallError, match="ENOENT"):
        HashMap.open_id(99, system=system)


def test_wrong_types_of_keys_and_values_are_told(system: System) -> None:
    with pytest.raises(DecodeError, match="u33"):
        HashMap.create(key="u33", value="u32", max_entries=1, system=system)


def test_options_reach_the_kernel(system: System, calls: FakeSyscalls) -> None:
    token = system.syscalls.btf_load(b"any descriptor")
    with token, HashMap[int, int].create(
        key="u32", value="u32", max_entries=1, name="n", numa_node=0, ifindex=3, token=token,
        flags=MapFlag.NO_PREALLOC, system=system,
    ) as map:  # fmt: skip
        request = calls.maps[map.fileno()].request
        assert request.flags == MapFlag.NO_PREALLOC | MapFlag.NUMA_NODE | MapFlag.TOKEN_FD
        assert (request.name, request.ifindex, request.token_fd) == ("n", 3, token.fileno())


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        pytest.param(MapFlag.RDONLY, "BPF_MAP_UPDATE_ELEM", id="rdonly"),
        pytest.param(MapFlag.WRONLY, "BPF_MAP_LOOKUP_ELEM", id="wronly"),
    ],
)
def test_a_descriptor_for_one_way_refuses_the_other(
    system: System, flags: MapFlag, words: str
) -> None:
    with HashMap[int, int].create(
        key="u32", value="u32", max_entries=1, flags=flags, system=system
    ) as map:
        map_calls = (lambda: map.put(1, 1), lambda: map.get(1))
        with pytest.raises(SyscallError, match=words):
            map_calls[flags is MapFlag.WRONLY]()


def test_a_frozen_map_is_not_changed(system: System) -> None:
    with ArrayMap[int].create(value="u32", max_entries=1, system=system) as map:
        map.freeze()
        with pytest.raises(SyscallError, match="EPERM"):
            map[0] = 1
        assert map[0] == 0


def test_what_changes_for_ever_ends_all_the_same(system: System, calls: FakeSyscalls) -> None:
    """Programs that add as fast as we read must not keep a walk going."""
    with HashMap[int, int].create(key="u32", value="u32", max_entries=4, system=system) as map:
        batch = calls.map_lookup_batch
        map.update({1: 1, 2: 2})

        def endless(*args: Plain, **options: Plain) -> Batch:
            found = batch(*args, **options)
            return Batch(found.count, found.keys, found.values, bytes(8))

        calls.map_lookup_batch = endless  # type: ignore[method-assign]
        assert len(list(map.items())) <= 2 * 4 + 4 + 2
        calls.has_batches = False
        after = calls.map_next_key

        def circling(fd: int, key: bytes | None, size: int, *, subject: str = "") -> bytes | None:
            return after(fd, key, size) or after(fd, None, size)

        calls.map_next_key = circling  # type: ignore[method-assign]
        calls.map_lookup_batch = batch  # type: ignore[method-assign]
        assert dict(map.items()) == {1: 1, 2: 2}


def test_maps_that_are_closed_leave_nothing_open(system: System) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(500):
        HashMap.create(key="u32", value="u32", max_entries=1, system=system).close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_float_that_is_too_large_is_told(system: System) -> None:
    with HashMap[int, float].create(key="u32", value="f32", max_entries=1, system=system) as map:
        with pytest.raises(EncodeError, match="a number of 4 bytes"):
            map[1] = 1e300
        map[1] = 0.5
        assert map[1] == 0.5


def test_a_closed_map_says_so(system: System) -> None:
    map: HashMap[int, int] = HashMap.create(key="u32", value="u32", max_entries=1, system=system)
    map[1] = 2
    map.raw.close()
    map.close()  # twice is harmless
    for call in (lambda: map[1], lambda: map.__setitem__(1, 2), lambda: map.get(1), map.clear):
        with pytest.raises(ValueError, match="is closed"):
            call()
