from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bpfkit.errors import AttachError
from bpfkit.events.poller import Poller
from bpfkit.events.ring import RingBuffer
from bpfkit.links.base import Link, Method
from bpfkit.links.kprobe import attach_kprobe
from bpfkit.links.raw_tracepoint import attach_raw_tracepoint
from bpfkit.links.tracepoint import attach_tracepoint
from bpfkit.links.xdp import attach_xdp, attach_xdp_link, detach_xdp
from bpfkit.maps.base import Map
from bpfkit.programs.program import Program
from bpfkit.system import System
from bpfkit.uapi.bpf import MapType, ProgType
from bpfkit.uapi.netlink import XdpFlag
from tests.contracts.links import check_link
from tests.fakes.insns import exit_with, only_for, ringbuf_writer

pytestmark = pytest.mark.kernel
Load = Callable[..., Program]
ROOT = Path(__file__).resolve().parents[3]


def calls_seen(system: System, ring: Map, link: Link, count: int = 3) -> int:
    """Records that arrive while this process makes ``count`` system calls."""
    with Poller() as poller:
        poller.add(RingBuffer(system, ring, lambda address, size: 0))
        poller.consume()
        for _ in range(count):
            os.getppid()
        return poller.consume()


@pytest.fixture
def ring(create: Callable[..., Map]) -> Map:
    return create(MapType.RINGBUF, 0, 0, 4096 * 16)


@pytest.fixture
def writer(load: Load, ring: Map) -> Callable[[ProgType], Program]:
    """A program of any type that sends a record when this process runs it."""
    return lambda type: load(type, only_for(os.getpid(), ringbuf_writer(ring.fileno(), 7)))


def test_a_tracepoint_runs_the_program(
    system: System, ring: Map, writer: Callable[[ProgType], Program]
) -> None:
    program = writer(ProgType.TRACEPOINT)
    with attach_tracepoint(system, program, "syscalls", "sys_enter_getppid") as link:
        assert calls_seen(system, ring, link) == 3
    assert calls_seen(system, ring, link) == 0


def test_two_programs_share_a_tracepoint(
    system: System, ring: Map, writer: Callable[[ProgType], Program]
) -> None:
    first, second = writer(ProgType.TRACEPOINT), writer(ProgType.TRACEPOINT)
    with (
        attach_tracepoint(system, first, "syscalls", "sys_enter_getppid"),
        attach_tracepoint(system, second, "syscalls", "sys_enter_getppid") as link,
    ):
        assert calls_seen(system, ring, link) == 6


def test_tracepoint_links_keep_their_contract(system: System, load: Load) -> None:
    program = load(ProgType.TRACEPOINT, exit_with(0))
    check_link(lambda: attach_tracepoint(system, program, "sched", "sched_switch"))


def test_a_missing_tracepoint_names_the_nearest(system: System, load: Load) -> None:
    with pytest.raises(AttachError, match="'sched:sched_switch'"):
        attach_tracepoint(system, load(ProgType.TRACEPOINT, exit_with(0)), "sched", "sched_swich")


def test_a_program_of_another_type_is_refused(system: System, load: Load) -> None:
    with pytest.raises(AttachError, match="BPF_PROG_TYPE_XDP"):
        attach_tracepoint(system, load(ProgType.XDP, exit_with(2)), "sched", "sched_switch")


def test_a_raw_tracepoint_runs_the_program(
    system: System, ring: Map, writer: Callable[[ProgType], Program]
) -> None:
    program = writer(ProgType.RAW_TRACEPOINT)
    with attach_raw_tracepoint(system, program, "sys_enter") as link:
        assert calls_seen(system, ring, link) >= 3
    assert calls_seen(system, ring, link) == 0


def test_raw_tracepoint_links_keep_their_contract(system: System, load: Load) -> None:
    program = load(ProgType.RAW_TRACEPOINT, exit_with(0))
    check_link(lambda: attach_raw_tracepoint(system, program, "sched_switch"))


def test_a_missing_raw_tracepoint_names_the_nearest(system: System, load: Load) -> None:
    with pytest.raises(AttachError, match="'sched_switch'"):
        attach_raw_tracepoint(system, load(ProgType.RAW_TRACEPOINT, exit_with(0)), "sched_swich")


# ---------------------------------------------------------------- kprobes


@pytest.fixture
def kprobes(system: System) -> None:
    if not system.facts.has_symbol("register_kprobe"):
        pytest.skip("CONFIG_KPROBES is not set")


def function(system: System) -> str:
    """What getppid() calls in the kernel."""
    names = ("__x64_sys_getppid", "__arm64_sys_getppid", "__do_sys_getppid", "sys_getppid")
    return next(name for name in names if system.facts.has_symbol(name))


def test_without_kprobes_the_error_says_so(system: System, load: Load) -> None:
    if system.facts.has_symbol("register_kprobe"):
        pytest.skip("this kernel has kprobes")
    with pytest.raises(AttachError, match="CONFIG_KPROBES"):
        attach_kprobe(system, load(ProgType.KPROBE, exit_with(0)), "vfs_read")


@pytest.mark.usefixtures("kprobes")
@pytest.mark.parametrize("retprobe", [False, True])
@pytest.mark.parametrize("maxactive", [0, 4])
def test_a_kprobe_runs_the_program(
    system: System,
    ring: Map,
    writer: Callable[[ProgType], Program],
    retprobe: bool,
    maxactive: int,
) -> None:
    program = writer(ProgType.KPROBE)
    target = function(system)
    options = {"retprobe": retprobe, "maxactive": maxactive if retprobe else 0}
    with attach_kprobe(system, program, target, **options) as link:
        assert calls_seen(system, ring, link) == 3
    assert calls_seen(system, ring, link) == 0


@pytest.mark.usefixtures("kprobes")
def test_through_tracefs_nothing_is_left_behind(
    system: System, ring: Map, writer: Callable[[ProgType], Program]
) -> None:
    entries = system.facts.tracefs.path / "kprobe_events"
    program = writer(ProgType.KPROBE)
    before = entries.read_text()
    with attach_kprobe(system, program, function(system), retprobe=True, maxactive=8) as link:
        assert "getppid" in entries.read_text()
        assert calls_seen(system, ring, link) == 3
    assert entries.read_text() == before


@pytest.mark.usefixtures("kprobes")
@pytest.mark.parametrize("maxactive", [0, 8])
def test_kprobe_links_keep_their_contract(system: System, load: Load, maxactive: int) -> None:
    program = load(ProgType.KPROBE, exit_with(0))
    check_link(
        lambda: attach_kprobe(system, program, function(system), retprobe=True, maxactive=maxactive)
    )


@pytest.mark.usefixtures("kprobes")
@pytest.mark.parametrize(
    ("target", "expected"),
    [("vfs_raed", "'vfs_read'"), ("no_such_function_at_all", "no such function")],
)
def test_a_missing_function_is_explained(
    system: System, load: Load, target: str, expected: str
) -> None:
    with pytest.raises(AttachError, match=expected):
        attach_kprobe(system, load(ProgType.KPROBE, exit_with(0)), target)


@pytest.mark.usefixtures("kprobes")
def test_an_offset_inside_an_instruction_is_explained(system: System, load: Load) -> None:
    program = load(ProgType.KPROBE, exit_with(0))

    def attach_everywhere() -> None:
        for offset in range(1, 16):
            attach_kprobe(system, program, "vfs_read", offset=offset).close()

    with pytest.raises(AttachError, match="no instruction begins"):
        attach_everywhere()


# ---------------------------------------------------------------- XDP


@pytest.fixture
def device() -> Iterator[str]:
    name = f"xt{os.getpid() % 100000}"
    made = subprocess.run(
        ["ip", "link", "add", name, "type", "veth", "peer", "name", f"{name}p"],
        check=False,
        capture_output=True,
    )
    if made.returncode:
        pytest.skip("cannot make a veth pair")
    yield name
    subprocess.run(["ip", "link", "del", name], check=False, capture_output=True)


@pytest.mark.parametrize("flags", [0, XdpFlag.SKB_MODE])
def test_xdp_links_keep_their_contract(system: System, load: Load, device: str, flags: int) -> None:
    program = load(ProgType.XDP, exit_with(2))
    check_link(lambda: attach_xdp(system, program, device, flags=flags))
    check_link(lambda: attach_xdp_link(system, program, device, flags=flags))


def running(system: System, device: str) -> int:
    return system.syscalls.xdp_get(socket.if_nametoindex(device)).prog_id


def test_xdp_replaces_and_leaves_the_successor_alone(
    system: System, load: Load, device: str
) -> None:
    first, second = load(ProgType.XDP, exit_with(2)), load(ProgType.XDP, exit_with(1))
    link = attach_xdp(system, first, device)
    assert running(system, device) == first.info().id
    with attach_xdp(system, second, device):
        assert running(system, device) == second.info().id
        link.close()
        assert running(system, device) == second.info().id
    assert running(system, device) == 0


def test_xdp_that_may_not_replace_is_refused(system: System, load: Load, device: str) -> None:
    program = load(ProgType.XDP, exit_with(2))
    with attach_xdp(system, program, device):
        with pytest.raises(AttachError, match="runs there already") as caught:
            attach_xdp(system, program, device, flags=XdpFlag.UPDATE_IF_NOEXIST)
        with pytest.raises(AttachError, match="runs there already"):
            attach_xdp_link(system, program, device)
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.__cause__.errno in (errno.EBUSY, errno.EEXIST)


def test_detach_takes_off_what_netlink_set(system: System, load: Load, device: str) -> None:
    link = attach_xdp(system, load(ProgType.XDP, exit_with(2)), device)
    detach_xdp(system, device)
    assert running(system, device) == 0
    link.close()
    detach_xdp(system, device)  # nothing there is fine


def test_closing_after_the_device_is_gone(system: System, load: Load, device: str) -> None:
    link = attach_xdp(system, load(ProgType.XDP, exit_with(2)), device)
    subprocess.run(["ip", "link", "del", device], check=True)
    link.close()


def test_a_link_method_is_told(system: System, load: Load, device: str) -> None:
    program = load(ProgType.XDP, exit_with(2))
    with attach_xdp(system, program, device) as link:
        assert link.method is Method.NETLINK


SCRIPT = """
import sys
from bpfkit.links.xdp import attach_xdp
from bpfkit.programs.program import Program
from bpfkit.syscalls.requests import ProgLoad
from bpfkit.system import System
from bpfkit.uapi.bpf import ProgType
from tests.fakes.insns import exit_with
system = System.live()
fd = system.syscalls.prog_load(ProgLoad(ProgType.XDP, exit_with(2), name="exits"))
keep = attach_xdp(system, Program(fd, "exits", ProgType.XDP, system), sys.argv[1])
print(system.syscalls.xdp_get(int(sys.argv[2])).prog_id)
{ending}
"""


@pytest.mark.parametrize("ending", ["", "raise KeyError", "sys.exit(3)"])
def test_xdp_is_taken_off_when_the_interpreter_exits(
    system: System, device: str, ending: str
) -> None:
    index = str(socket.if_nametoindex(device))
    command = [sys.executable, "-c", SCRIPT.format(ending=ending), device, index]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert int(done.stdout) > 0, done.stderr
    assert running(system, device) == 0
