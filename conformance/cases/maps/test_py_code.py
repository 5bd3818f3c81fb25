"""Maps about code from Python alone: struct_ops and arrays of instructions."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from bpfkit.errors import EncodeError, NotSupportedError, SyscallError
from bpfkit.maps.insns import InsnArray, InsnPlace
from bpfkit.maps.struct_ops import StructOps, struct_ops_type
from bpfkit.syscalls.fd import OwnedFd
from bpfkit.syscalls.requests import ProgLoad
from bpfkit.system import System
from bpfkit.uapi.bpf import MapFlag, ProgType
from conformance.case import case
from conformance.map_life import check_opening
from tests.contracts.maps import check_any

# r0 = 2; exit
RETURN = struct.pack("=BBhiBBhi", 0xB7, 0, 0, 2, 0x95, 0, 0, 0)
OPS = "tcp_congestion_ops"
NAME = b"bpfkit_case"
NEEDED = ("ssthresh", "undo_cwnd", "cong_avoid")
ALLOWED = Path("/proc/sys/net/ipv4/tcp_available_congestion_control")


@contextlib.contextmanager
def congestion(system: System) -> Iterator[dict[str, OwnedFd | bytes]]:
    """Programs for what the kernel needs of a congestion control."""
    found = struct_ops_type(system.facts.btf, OPS)
    with contextlib.ExitStack() as stack:
        members: dict[str, OwnedFd | bytes] = {"name": NAME}
        for name in NEEDED:
            request = ProgLoad(
                ProgType.STRUCT_OPS, RETURN, name=name, attach_btf_id=found.type_id,
                expected_attach_type=found.index(name),
            )  # fmt: skip
            members[name] = stack.enter_context(system.syscalls.prog_load(request))
        yield members


def available() -> bool:
    """Whether the kernel offers our congestion control."""
    return NAME.decode() in ALLOWED.read_text().split()


@case("maps/py/struct-ops", kernel="5.6", feature="map_type/struct_ops", config="BPF_JIT")
def test_a_structure_of_programs_from_python() -> None:
    """A congestion control made of programs is registered, used by a socket, and taken back."""
    system = System.live()
    with congestion(system) as members, StructOps.create(OPS, members, system=system) as ops:
        check_any(ops)
        check_opening(ops)
        assert ops.state.name == "INIT"
        with pytest.raises(SyscallError):
            ops.unregister()
        ops.register()
        assert ops.state.name == "INUSE"
        assert available()
        with socket.socket() as one:
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, NAME)
            assert one.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16).startswith(NAME)
        with pytest.raises(SyscallError, match="EBUSY"):
            ops.register()
        ops.unregister()
        assert not available()
        with StructOps.open_id(ops.id) as other, pytest.raises(ValueError, match="others fill it"):
            other.register()
    with congestion(system) as members, pytest.raises(EncodeError, match="no member 'nothing'"):
        StructOps.create(OPS, {**members, "nothing": 1}, system=system)
    with pytest.raises(EncodeError, match="program"):
        StructOps.create(OPS, {"ssthresh": "text"}, system=system)
    with pytest.raises(NotSupportedError, match="struct_ops of struct task_struct"):
        StructOps.create("task_struct", {}, system=system)
    with StructOps.create(OPS, {"name": NAME}, system=system) as empty:
        with pytest.raises(SyscallError, match="EINVAL"):
            empty.register()
        with pytest.raises(ValueError, match="made without"):
            empty.attach()


@case("maps/py/struct-ops/link", kernel="6.4", feature="map_type/struct_ops", config="BPF_JIT")
def test_a_structure_is_registered_by_a_link() -> None:
    """Made with LINK, it is registered as long as its link is open."""
    if System.live().facts.version < (6, 4, 0):
        pytest.skip("BPF_F_LINK came with Linux 6.4")
    system = System.live()
    with (
        congestion(system) as members,
        StructOps.create(OPS, members, flags=MapFlag.LINK, system=system) as ops,
    ):
        with ops.attach():
            assert available()
            assert ops.state.name == "READY"
        assert not available()


@case("maps/py/insn-array", kernel="6.19", feature="map_type/insn_array")
def test_an_array_of_instructions_from_python() -> None:
    """Where an instruction went is told once the map is frozen and a program loaded with it."""
    with InsnArray.create(name="i", max_entries=2) as map:
        check_any(map)
        check_opening(map)
        map[0], map[1] = 0, InsnPlace(1)
        assert [place.original for place in map.values()] == [0, 1]
        with pytest.raises(TypeError):
            del map[0]
        with pytest.raises(SyscallError, match="EINVAL"):
            map[0] = InsnPlace(0, 5, 5)
        map.freeze()
        request = ProgLoad(ProgType.XDP, RETURN, fd_array=(map.fileno(),), fd_array_whole=True)
        with System.live().syscalls.prog_load(request):
            assert [place.translated for place in map.values()] == [0, 1]
