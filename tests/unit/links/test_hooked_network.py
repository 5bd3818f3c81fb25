"""Every function that attaches to the network or a cgroup is a method of programs."""

from __future__ import annotations

import inspect
import socket
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import cast

import pytest

from bpfkit.links.base import Link
from bpfkit.links.hooked import HookedProgram
from bpfkit.links.netfilter import NetfilterHook
from bpfkit.links.owned import Owner
from bpfkit.programs.program import Program
from bpfkit.syscalls.fd import OwnedFd
from bpfkit.uapi.bpf import AttachType, ProgType
from tests.fakes.hooks import FakeKernel, kernel

HOMES = (
    "cgroup", "lirc", "lwt", "netfilter", "netns", "socket", "sockmap", "tc", "tcx", "xdp",
)  # fmt: skip


class FakeOwner:
    """Keeps what it is given, and says what the section was."""

    def __init__(self, section: str) -> None:
        self.section = section
        self.owned: list[Link] = []

    def own(self, thing: Link) -> None:
        self.owned.append(thing)

    def section_of(self, program: str) -> str:
        return self.section


@pytest.fixture
def fake(tmp_path: Path) -> FakeKernel:
    return kernel(tmp_path)


@pytest.fixture
def hooked(fake: FakeKernel) -> Iterator[Callable[..., HookedProgram]]:
    """Make a program of a type, from a section; its links are closed afterwards."""
    owners: list[FakeOwner] = []
    programs: list[HookedProgram] = []

    def make(kind: ProgType, section: str = "") -> HookedProgram:
        owners.append(FakeOwner(section))
        fd: OwnedFd = fake.syscalls._fd("program")
        program = Program(fd, "prog", kind, fake.system)
        programs.append(HookedProgram.adopt(program, cast("Owner", owners[-1])))
        return programs[-1]

    yield make
    for owner in owners:
        assert len(owner.owned) == 1, "a link was not given to the program's owner"
        owner.owned[0].close()
    for program in programs:
        program.close()


def test_every_function_that_attaches_is_a_method() -> None:
    functions = {
        name
        for home in HOMES
        for name, _ in inspect.getmembers(import_module(f"bpfkit.links.{home}"), inspect.isfunction)
        if name.startswith("attach_") and name != "attach_by_command"
    }
    assert functions <= set(dir(HookedProgram))


METHODS: dict[str, tuple[ProgType, Callable[[HookedProgram, socket.socket], Link]]] = {
    "xdp": (ProgType.XDP, lambda p, _: p.attach_xdp("lo")),
    "xdp-link": (ProgType.XDP, lambda p, _: p.attach_xdp_link("lo")),
    "tc": (ProgType.SCHED_CLS, lambda p, _: p.attach_tc("lo", "egress", priority=3)),
    "tcx": (ProgType.SCHED_CLS, lambda p, _: p.attach_tcx("lo", after="last")),
    "netkit": (ProgType.SCHED_CLS, lambda p, _: p.attach_netkit("lo", peer=True)),
    "netfilter": (
        ProgType.NETFILTER,
        lambda p, _: p.attach_netfilter(NetfilterHook.FORWARD, priority=-1),
    ),
    "cgroup": (ProgType.CGROUP_DEVICE, lambda p, _: p.attach_cgroup("/proc")),
    "netns": (ProgType.SK_LOOKUP, lambda p, _: p.attach_netns()),
    "filter": (ProgType.SOCKET_FILTER, lambda p, s: p.attach_socket_filter(s)),
    "reuseport": (ProgType.SK_REUSEPORT, lambda p, s: p.attach_reuseport(s)),
    "raw-socket": (ProgType.SOCKET_FILTER, lambda p, _: p.attach_raw_socket("lo")),
    "sockmap": (ProgType.SK_MSG, lambda p, s: p.attach_sockmap(s, AttachType.SK_MSG_VERDICT)),
    "lwt": (ProgType.LWT_OUT, lambda p, _: p.attach_lwt("10.9.0.0/16", "lo", metric=4)),
    "seg6local": (ProgType.LWT_SEG6LOCAL, lambda p, _: p.attach_seg6local("fd00::7", "lo")),
    "lirc": (ProgType.LIRC_MODE2, lambda p, _: p.attach_lirc("/dev/null")),
}


@pytest.mark.parametrize("method", METHODS)
def test_a_method_gives_its_link_to_the_owner(
    method: str, hooked: Callable[..., HookedProgram]
) -> None:
    kind, attach = METHODS[method]
    with socket.socket(socket.AF_UNIX) as sock:
        assert attach(hooked(kind), sock).program == "prog"


def test_the_section_names_the_attach_type(
    hooked: Callable[..., HookedProgram], fake: FakeKernel
) -> None:
    hooked(ProgType.CGROUP_SOCK_ADDR, "cgroup/connect6").attach_cgroup("/proc")
    assert fake.syscalls.calls[-1][2] == AttachType.CGROUP_INET6_CONNECT
    with socket.socket(socket.AF_UNIX) as sock:
        hooked(ProgType.SK_SKB, "sk_skb/stream_parser").attach_sockmap(sock)
    assert fake.syscalls.calls[-1][2] == AttachType.SK_SKB_STREAM_PARSER
