"""Maps of descriptors from Python alone: programs, perf events, cgroups, devices, CPUs, sockets."""

from __future__ import annotations

import contextlib
import errno
import socket
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bpfkit.errors import SyscallError
from bpfkit.maps.progs import CgroupArray, PerfEventArray, ProgArray
from bpfkit.maps.redirect import CpuEntry, CpuMap, DeviceEntry, DevMap, DevMapHash, XskMap
from bpfkit.maps.sockets import ReuseportSockArray, SockHash, SockMap
from bpfkit.maps.typed import TypedMap
from bpfkit.syscalls.fd import OwnedFd
from bpfkit.syscalls.requests import PerfEvent, ProgLoad
from bpfkit.system import System
from bpfkit.uapi.bpf import AttachType, ProgType
from conformance.case import case
from conformance.map_life import check_opening
from tests.contracts.maps import check_any, check_slots

# r0 = 2 (XDP_PASS); exit
RETURN = struct.pack("=BBhiBBhi", 0xB7, 0, 0, 2, 0x95, 0, 0, 0)
SO_COOKIE = 57
AF_XDP = 44
SOL_XDP = 283
XDP_RX_RING = 2


def xdp(attach_type: int = 0) -> OwnedFd:
    """Load an XDP program that passes everything."""
    request = ProgLoad(ProgType.XDP, RETURN, expected_attach_type=attach_type)
    return System.live().syscalls.prog_load(request)


@case("maps/py/prog-array", kernel="4.15", feature="map_type/prog_array")
def test_a_program_array_from_python() -> None:
    """Programs go into an array by themselves, and their ids are read."""
    calls = System.live().syscalls
    with xdp() as one, xdp() as two, ProgArray.create(name="j", max_entries=3) as map:
        ids = [calls.prog_info(fd.fileno()).id for fd in (one, two)]
        check_slots(map, [0, 1, 2], [one, two], ids)
        check_opening(map)
        map[2] = one
        assert map[2] == ids[0]
        with (
            calls.prog_load(ProgLoad(ProgType.SOCKET_FILTER, RETURN)) as other,
            pytest.raises(SyscallError, match="EINVAL"),
        ):
            map[1] = other
        with pytest.raises(IndexError):
            map[3] = one


@case("maps/py/perf-event-array", kernel="4.15", feature="map_type/perf_event_array")
def test_an_array_of_perf_events_from_python() -> None:
    """Perf events go into an array and come out of it again."""
    calls = System.live().syscalls
    software = PerfEvent(type=1, config=10)  # PERF_COUNT_SW_BPF_OUTPUT
    with (
        calls.perf_event_open(software, cpu=0) as event,
        calls.perf_event_open(software, cpu=0) as other,
        PerfEventArray.create(name="e", max_entries=3) as map,
    ):
        check_slots(map, [0, 1, 2], [event, other], None)
        check_opening(map)
    with PerfEventArray.create(name="e") as map:
        assert map.max_entries == System.live().facts.possible_cpus


@contextlib.contextmanager
def cgroup() -> Iterator[Path]:
    """A cgroup of version 2 of our own."""
    root = Path("/sys/fs/cgroup")
    if not (root / "cgroup.procs").exists():
        root = Path("/run/bpfkit-cgroup2")
        root.mkdir(exist_ok=True)
        if not (root / "cgroup.procs").exists():
            subprocess.run(["mount", "-t", "cgroup2", "none", str(root)], check=True)
    path = root / "bpfkit_case"
    path.mkdir(exist_ok=True)
    try:
        yield path
    finally:
        path.rmdir()


@case("maps/py/cgroup-array", kernel="4.15", feature="map_type/cgroup_array", config="CGROUPS")
def test_an_array_of_cgroups_from_python() -> None:
    """Cgroups go into an array by their directory."""
    with cgroup() as path, CgroupArray.create(name="c", max_entries=3) as map:
        check_opening(map)
        map[0] = path
        map[1] = str(path)
        del map[0]
        with pytest.raises(KeyError):
            del map[0]
        with pytest.raises(SyscallError, match="EBADF"):
            map[2] = Path("/proc")


def check_devices(map: DevMap) -> None:
    """What both kinds of device maps do."""
    loopback = socket.if_nametoindex("lo")
    check_any(map)
    check_opening(map)
    map[0] = "lo"
    map[1] = loopback
    assert map[0] == map[1] == DeviceEntry(loopback)
    assert (sorted(map), len(map)) == ([0, 1], 2)
    assert 2 not in map
    with pytest.raises(SyscallError, match=r"EINVAL|ENODEV"):
        map[2] = 1 << 30
    del map[0]
    with pytest.raises(KeyError):
        map[0]
    with pytest.raises(KeyError):
        del map[0]
    if map.raw.value_size == 8:
        with xdp(AttachType.XDP_DEVMAP) as program, xdp() as other:
            map[1] = (loopback, program)
            id_ = System.live().syscalls.prog_info(program.fileno()).id
            assert map[1] == DeviceEntry(loopback, id_)
            with pytest.raises(SyscallError, match="EINVAL"):
                map[2] = ("lo", other)


@case("maps/py/devmap", kernel="5.8", feature="map_type/devmap")
def test_a_device_map_from_python() -> None:
    """Devices are put in by name or index, with a program, and read back."""
    with DevMap.create(name="d", max_entries=3) as map:
        check_devices(map)
        with pytest.raises(IndexError):
            map[3] = "lo"


@case("maps/py/devmap-hash", kernel="5.8", feature="map_type/devmap_hash")
def test_a_device_hash_from_python() -> None:
    """Devices are put under any number."""
    with DevMapHash.create(name="d", max_entries=3) as map:
        check_devices(map)
        map[1 << 31] = "lo"
        assert 1 << 31 in map


@case("maps/py/cpumap", kernel="5.9", feature="map_type/cpumap")
def test_a_cpu_map_from_python() -> None:
    """A CPU is given room for packets and a program, and read back."""
    with CpuMap.create(name="c", max_entries=System.live().facts.possible_cpus) as map:
        check_any(map)
        check_opening(map)
        map[0] = 192
        assert map[0] == CpuEntry(192)
        assert list(map) == [0]
        with pytest.raises(SyscallError, match="EOVERFLOW"):
            map[0] = 1 << 30
        with xdp(AttachType.XDP_CPUMAP) as program:
            map[0] = (64, program)
            assert map[0] == CpuEntry(64, System.live().syscalls.prog_info(program.fileno()).id)
        del map[0]
        assert 0 not in map


@case("maps/py/xskmap", kernel="5.1", feature="map_type/xskmap", config="XDP_SOCKETS")
def test_a_map_of_xdp_sockets_from_python() -> None:
    """AF_XDP sockets go in, others do not."""
    with XskMap.create(name="x", max_entries=3) as map:
        check_any(map)
        check_opening(map)
        with socket.socket() as tcp, pytest.raises(SyscallError, match=r"ENOTSUP|EINVAL"):
            map[0] = tcp
        with pytest.raises(SyscallError, match="EBADF"):
            map[0] = 1 << 20
        with socket.socket(AF_XDP, socket.SOCK_RAW) as one, one.dup() as two:
            one.setsockopt(SOL_XDP, XDP_RX_RING, 64)
            check_slots(map, [0, 1, 2], [one, two], None)


@contextlib.contextmanager
def connected() -> Iterator[list[socket.socket]]:
    """Two connected TCP sockets."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
        server.accept()[0] as other,
    ):
        yield [client, other]


def cookie(one: socket.socket) -> int:
    """What SO_COOKIE gives."""
    return int.from_bytes(one.getsockopt(socket.SOL_SOCKET, SO_COOKIE, 8), "little")


def check_sockets(map: SockMap | SockHash[int]) -> None:
    """What both kinds do."""
    with connected() as pair:
        check_slots(map, [0, 1, 2], pair, [cookie(one) for one in pair])
        check_opening(map)
        map[1] = pair[0]
        assert map[1] == cookie(pair[0])
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wrong:
            with pytest.raises(SyscallError) as caught:
                map[2] = wrong
            assert caught.value.errno in (errno.EOPNOTSUPP, errno.EINVAL)
    assert 1 not in map  # closed sockets leave


@case("maps/py/sockmap", kernel="5.10", feature="map_type/sockmap", config="NET")
def test_a_socket_map_from_python() -> None:
    """Sockets go in by themselves, cookies come out, closed ones leave."""
    with SockMap.create(name="s", max_entries=3) as map:
        check_sockets(map)


@case("maps/py/sockhash", kernel="5.10", feature="map_type/sockhash", config="NET")
def test_a_socket_hash_from_python() -> None:
    """Sockets go under any key."""
    with SockHash[int].create(name="s", key="u32", max_entries=3) as map:
        check_sockets(map)


@case("maps/py/reuseport-sockarray", kernel="5.8", feature="map_type/reuseport_sockarray")
def test_an_array_of_a_reuseport_group_from_python() -> None:
    """Sockets of an SO_REUSEPORT group go in, cookies come out."""
    with contextlib.ExitStack() as stack:
        pair: list[socket.socket] = []
        for _ in range(2):
            one = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            one.bind(("127.0.0.1", pair[0].getsockname()[1] if pair else 0))
            pair.append(one)
        map = stack.enter_context(ReuseportSockArray.create(name="r", max_entries=3))
        assert isinstance(map, TypedMap)
        check_opening(map)
        for index, one in enumerate(pair):
            map[index] = one
            assert map[index] == cookie(one)
        assert list(map) == [0, 1]
        with pytest.raises(SyscallError, match=r"EBUSY|EINVAL"):
            map[2] = pair[0]  # it is in the array already
        del map[0]
        assert 0 not in map
        alone = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        with pytest.raises(SyscallError, match="EINVAL"):
            map[2] = alone
