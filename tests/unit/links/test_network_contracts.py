"""Every hook of the network and of cgroups keeps the contract of links."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from bpfkit.links.base import Link
from bpfkit.links.cgroup import attach_cgroup
from bpfkit.links.func import attach_func
from bpfkit.links.lirc import attach_lirc
from bpfkit.links.lwt import attach_lwt, attach_seg6local
from bpfkit.links.netfilter import NetfilterHook, attach_netfilter
from bpfkit.links.netns import attach_netns
from bpfkit.links.socket import attach_raw_socket, attach_reuseport, attach_socket_filter
from bpfkit.links.sockmap import attach_sockmap
from bpfkit.links.tc import attach_tc
from bpfkit.links.tcx import attach_netkit, attach_tcx
from bpfkit.system import System
from bpfkit.uapi.bpf import AttachType, ProgType
from tests.contracts.links import check_link
from tests.fakes.hooks import FakeProgram, kernel


def program(kind: ProgType) -> FakeProgram:
    return FakeProgram(type=kind)


CLS = program(ProgType.SCHED_CLS)
CREATE = AttachType.CGROUP_INET_SOCK_CREATE
HOOKS: dict[str, Callable[[System, socket.socket], Link]] = {
    "tc": lambda system, _: attach_tc(system, CLS, "lo"),
    "tcx": lambda system, _: attach_tcx(system, CLS, "lo", "egress", before="first"),
    "netkit": lambda system, _: attach_netkit(system, CLS, "lo", peer=True),
    "netfilter": lambda system, _: attach_netfilter(
        system, program(ProgType.NETFILTER), NetfilterHook.LOCAL_IN, defragment=True
    ),
    "cgroup-link": lambda system, _: attach_cgroup(
        system, program(ProgType.CGROUP_DEVICE), "/proc"
    ),
    "cgroup-command": lambda system, _: attach_cgroup(
        system, program(ProgType.CGROUP_SOCK), Path("/proc"), CREATE, flags=2
    ),
    "func": lambda system, sock: attach_func(
        system, program(ProgType.SK_MSG), sock.fileno(), AttachType.SK_MSG_VERDICT
    ),
    "netns": lambda system, _: attach_netns(system, program(ProgType.SK_LOOKUP)),
    "netns-open": lambda system, sock: attach_netns(system, program(ProgType.SK_LOOKUP), sock),
    "sockmap": lambda system, sock: attach_sockmap(
        system, program(ProgType.SK_MSG), sock, AttachType.SK_MSG_VERDICT
    ),
    "lwt": lambda system, _: attach_lwt(system, program(ProgType.LWT_OUT), "10.9.0.0/16", "lo"),
    "seg6local": lambda system, _: attach_seg6local(
        system, program(ProgType.LWT_SEG6LOCAL), "fd00::7", "lo"
    ),
    "lirc": lambda system, _: attach_lirc(system, program(ProgType.LIRC_MODE2), os.devnull),
    "socket": lambda system, sock: attach_socket_filter(
        system, program(ProgType.SOCKET_FILTER), sock
    ),
    "reuseport": lambda system, sock: attach_reuseport(
        system, program(ProgType.SK_REUSEPORT), sock
    ),
    "raw-socket": lambda system, _: attach_raw_socket(
        system, program(ProgType.SOCKET_FILTER), "lo"
    ),
}


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_keeps_the_contract(hook: str, tmp_path: Path) -> None:
    system = kernel(tmp_path).system
    with socket.socket(socket.AF_UNIX) as sock:
        check_link(lambda: HOOKS[hook](system, sock), FakeProgram("another"))


@pytest.mark.parametrize("hook", HOOKS)
def test_no_descriptor_is_left_over(hook: str, tmp_path: Path) -> None:
    system = kernel(tmp_path).system
    with socket.socket(socket.AF_UNIX) as sock:
        before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - the listing's own one counts
        HOOKS[hook](system, sock).close()
        assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
