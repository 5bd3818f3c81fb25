"""Local storage from Python alone: at sockets, files, tasks and cgroups."""

from __future__ import annotations

import os
import socket
import struct
import tempfile
from pathlib import Path
from typing import Any

import pytest

from bpfkit.errors import SyscallError
from bpfkit.maps.cgroup_storage import CgroupKey, CgroupStorage, PerCpuCgroupStorage
from bpfkit.maps.slots import opened
from bpfkit.maps.storage import CgroupLocalStorage, InodeStorage, Pidfd, SkStorage, TaskStorage
from bpfkit.syscalls.requests import ProgLoad
from bpfkit.system import System
from bpfkit.uapi.bpf import AttachType, ProgType
from conformance.case import case
from conformance.cases.maps.test_py_slots import cgroup
from conformance.map_life import check_opening
from tests.contracts.maps import check_any, check_storage

GET_LOCAL_STORAGE = 81  # BPF_FUNC_get_local_storage


@case("maps/py/sk-storage", kernel="5.4", feature="map_type/sk_storage")
def test_storage_at_sockets_from_python() -> None:
    """A value is at a socket, and at no other."""
    with SkStorage[int].create(name="s", value="u64") as map, socket.socket() as one:
        with socket.socket() as other:
            check_storage(map, one, other, [5, 2**64 - 1])
        check_opening(map)
        with pytest.raises(SyscallError, match=r"EBADF|ENOTSOCK"):
            map[1 << 20] = 1
    with (
        SkStorage[int].create(name="s", value="u64") as typed,
        SkStorage[int].from_fd(typed) as again,
        socket.socket() as one,
    ):
        typed[one] = 2**63
        assert again[one] == 2**63  # the kernel knows the type


@case("maps/py/inode-storage", kernel="5.10", feature="map_type/inode_storage", config="BPF_LSM")
def test_storage_at_files_from_python() -> None:
    """A value is at a file, whatever path or descriptor leads to it."""
    with tempfile.TemporaryDirectory() as directory:
        one, other = Path(directory, "one"), Path(directory, "other")
        one.write_text("")
        other.write_text("")
        with InodeStorage[int].create(name="i", value="u64") as map:
            check_storage(map, one, other, [5, 2**64 - 1])
            check_opening(map)
            map[one] = 7
            with one.open() as file:
                assert map[file] == 7


@case("maps/py/task-storage", kernel="5.11", feature="map_type/task_storage")
def test_storage_at_tasks_from_python() -> None:
    """A value is at a process, by its id or a pidfd."""
    with TaskStorage[int].create(name="t", value="u64") as map:
        check_storage(map, os.getpid(), 1, [5, 2**64 - 1])
        check_opening(map)
        map[os.getpid()] = 7
        pidfd = os.pidfd_open(os.getpid())
        try:
            assert map[Pidfd(pidfd)] == 7
        finally:
            os.close(pidfd)


@case("maps/py/cgrp-storage", kernel="6.2", feature="map_type/cgrp_storage", config="CGROUPS")
def test_storage_at_cgroups_from_python() -> None:
    """A value is at a cgroup, by its directory."""
    with CgroupLocalStorage[int].create(name="c", value="u64") as map, cgroup() as path:
        check_storage(map, path, path.parent, [5, 2**64 - 1])
        check_opening(map)


@case("maps/py/cgroup-storage", kernel="5.9", feature="map_type/cgroup_storage")
def test_storage_of_cgroup_programs_from_python() -> None:
    """Nothing is there before a program is attached; user space adds and removes nothing."""
    for shared in (False, True):
        with CgroupStorage[int].create(name="c", value="u64", shared=shared) as map:
            check_any(map)
            check_opening(map)
            _check_empty(map, 5)
        with PerCpuCgroupStorage[int].create(name="c", value="u32", shared=shared) as each:
            check_any(each)
            check_opening(each)
            _check_empty(each, [1] * each.cpus)


def _check_empty(map: CgroupStorage[Any], value: object) -> None:
    with cgroup() as path:
        key = CgroupKey.of(path)
        assert list(map.items()) == []
        with pytest.raises(KeyError):
            map[key]
        with pytest.raises(SyscallError, match="ENOENT"):
            map[key] = value
        with pytest.raises(TypeError):
            del map[key]


def storing(fd: int) -> bytes:
    """A program that takes its storage from map ``fd`` and lets every packet pass."""
    return b"".join(
        struct.pack("=BBhi", *insn)
        for insn in (
            (0x18, 0x11, 0, fd), (0, 0, 0, 0),  # r1 = the map
            (0xB7, 2, 0, 0),  # r2 = 0
            (0x85, 0, 0, GET_LOCAL_STORAGE),
            (0xB7, 0, 0, 1), (0x95, 0, 0, 0),  # return 1
        )
    )  # fmt: skip


@case("maps/py/cgroup-storage/attached", kernel="5.9", feature="map_type/cgroup_storage")
def test_storage_of_an_attached_program_from_python() -> None:
    """The element of an attached program is there, is changed, and goes with the program."""
    calls = System.live().syscalls
    egress = AttachType.CGROUP_INET_EGRESS
    for shared in (False, True):
        with (
            CgroupStorage[int].create(name="c", value="u64", shared=shared) as map,
            cgroup() as path,
            opened(path) as directory,
            calls.prog_load(ProgLoad(ProgType.CGROUP_SKB, storing(map.fileno()))) as program,
        ):
            calls.prog_attach(directory, program.fileno(), egress)
            key = CgroupKey.of(path, egress if not shared else AttachType(0))
            try:
                assert dict(map.items()) == {key: 0}
                map[key] = 7
                assert (map[key], len(map), list(map)) == (7, 1, [key])
                with pytest.raises(SyscallError, match="BPF_MAP_DELETE_ELEM"):
                    map.raw.delete(bytes(map.raw.key_size))
            finally:
                calls.prog_detach(directory, program.fileno(), egress)
