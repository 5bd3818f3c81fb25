"""What outlives descriptors: routes, sockets, and leaving by a signal."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from bpfkit.errors import AttachError
from bpfkit.links.lwt import attach_lwt
from bpfkit.links.socket import attach_raw_socket, attach_socket_filter
from bpfkit.syscalls.requests import EncapRoute
from bpfkit.uapi.bpf import ProgType
from tests.fakes.hooks import FakeKernel, FakeProgram, kernel

XMIT = FakeProgram("xmit", ProgType.LWT_XMIT)
FILTER = FakeProgram("filter", ProgType.SOCKET_FILTER)


@pytest.fixture
def fake(tmp_path: Path) -> FakeKernel:
    return kernel(tmp_path)


def test_a_route_with_another_name_stays(fake: FakeKernel) -> None:
    link = attach_lwt(fake.system, XMIT, "10.9.0.0/16", "lo")
    fake.syscalls.routes[:] = ["somebody else's"]
    link.close()
    assert "route_delete" not in fake.syscalls.names()


def test_a_route_has_an_address_a_metric_and_a_name_of_its_own(fake: FakeKernel) -> None:
    with (
        attach_lwt(fake.system, [XMIT], "fd00::/64", "lo", via="fd00::1", headroom=14),
        attach_lwt(fake.system, [XMIT], "10.9.0.0/16", "lo", metric=7),
    ):
        six, four = (call[1] for call in fake.syscalls.calls if call[0] == "route_add")
        assert isinstance(six, EncapRoute)
        assert isinstance(four, EncapRoute)
    assert (six.family, six.prefix_len, six.metric) == (socket.AF_INET6, 64, 1024)
    assert six.gateway == socket.inet_pton(socket.AF_INET6, "fd00::1")
    assert (four.family, four.prefix_len, four.metric) == (socket.AF_INET, 16, 7)
    assert str(four) == "10.9.0.0/16 through device 1"
    assert four.name != six.name


def test_a_failed_route_needs_no_undoing(fake: FakeKernel) -> None:
    fake.syscalls.errors["route_add"] = [errno.EEXIST]
    with pytest.raises(AttachError, match="another metric"):
        attach_lwt(fake.system, XMIT, "10.9.0.0/16", "lo")
    assert "route_delete" not in fake.syscalls.names()


def test_a_closed_socket_needs_no_undoing(fake: FakeKernel) -> None:
    one = socket.socket(socket.AF_UNIX)
    link = attach_socket_filter(fake.system, FILTER, one)
    one.close()
    link.close()
    assert fake.syscalls.calls == [("socket_set", 50, 100)]


def test_a_packet_socket_is_filtered_before_it_is_bound(fake: FakeKernel) -> None:
    attach_raw_socket(fake.system, FILTER, "lo").close()
    assert fake.syscalls.names() == ["packet_open", "socket_set", "packet_bind"]


def test_a_packet_socket_that_its_user_closed_is_not_closed_again(fake: FakeKernel) -> None:
    link = attach_raw_socket(fake.system, FILTER)
    number = link.fileno()
    os.close(number)
    other, end = os.pipe()
    try:
        os.dup2(end, number)
        link.close()
        os.fstat(number)  # still open
    finally:
        os.close(other)
        os.close(end)
        if number not in (other, end):
            os.close(number)


_SCRIPT = """
import signal, sys, time
from bpfkit.links.base import Link, Method
{before}
link = Link(hook="h", program="p", target="t", method=Method.NETLINK,
            undo=lambda: print("undone", flush=True))
print("ready", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize(
    ("before", "output", "status"),
    [
        pytest.param("", "undone\n", 128 + signal.SIGTERM, id="default"),
        pytest.param(
            "signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))", "undone\n", 3, id="own-handler"
        ),
    ],
)
def test_sigterm_undoes_what_outlives_the_process(before: str, output: str, status: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", _SCRIPT.format(before=before)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.read() == output
        assert process.wait(30) == status


def test_the_handler_goes_with_the_last_thing_to_undo(fake: FakeKernel) -> None:
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    first = attach_lwt(fake.system, XMIT, "10.9.0.0/16", "lo")
    second = attach_lwt(fake.system, XMIT, "10.8.0.0/16", "lo")
    first.close()
    with pytest.raises(SystemExit) as left:
        signal.raise_signal(signal.SIGTERM)
    assert left.value.code == 128 + signal.SIGTERM
    second.close()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_handler_of_the_users_stays(fake: FakeKernel) -> None:
    seen: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: seen.append(number))
    try:
        with attach_lwt(fake.system, XMIT, "10.9.0.0/16", "lo"):
            signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert seen == [signal.SIGTERM, signal.SIGTERM]
