"""What outlives descriptors does not outlive the process, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bpfkit.system import System
from bpfkit.uapi.bpf import AttachType
from conformance.case import case
from conformance.cgroups import new_cgroup
from conformance.counting import elf_of
from conformance.leaving import TEXT
from conformance.network import NEAR, ip, wire

ENDS = {
    "exit": ("exit", None, 0),
    "exception": ("exception", None, 1),
    "sigterm": ("wait", signal.SIGTERM, 128 + signal.SIGTERM),
    "sigint": ("wait", signal.SIGINT, -signal.SIGINT),
}


def listing(cgroup: Path) -> str:
    """Everything that the process could leave."""
    kind = AttachType.CGROUP_INET_SOCK_CREATE
    fd = os.open(cgroup, os.O_RDONLY)
    try:
        attached = System.live().syscalls.prog_query(fd, kind)
    finally:
        os.close(fd)
    qdiscs = subprocess.run(["tc", "qdisc", "show"], capture_output=True, text=True, check=True)
    xdp = "xdp" in ip("link", "show", NEAR)
    return f"{attached} {xdp} {qdiscs.stdout} {ip('route', 'show')}"


@pytest.mark.parametrize("end", ENDS)
@case("links/leftovers/", kernel="4.15", feature="program_type/lwt_xmit", config="LWTUNNEL_BPF")
def test_nothing_is_left_when_the_process_ends(end: str, tmp_path: Path) -> None:
    """XDP set through netlink, filters and their qdisc, routes and programs on cgroups are gone
    after their process ended: normally, by an exception, by SIGTERM, by SIGINT.
    """
    how, number, status = ENDS[end]
    path = tmp_path / "leaving.o"
    path.write_bytes(elf_of(TEXT))
    with wire(), new_cgroup() as cgroup:
        before = listing(cgroup)
        command = [sys.executable, "-W", "ignore", "-m", "conformance.leaving"]
        with subprocess.Popen(
            [*command, str(path), NEAR, str(cgroup), how],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "attached 5\n"
            if number is not None:
                assert listing(cgroup) != before
                process.send_signal(number)
            assert process.wait(60) == status
        assert listing(cgroup) == before
