from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bpfkit.compat.bcc import BPF
from bpfkit.compat.bcc.network_hooks import BccAttachError
from bpfkit.errors import AttachError
from bpfkit.links.base import Link
from bpfkit.uapi.bpf import AttachType, ProgType
from tests.fakes.hooks import FakeKernel, FakeProgram, kernel


class FakeBpf:
    """A BPF object, as far as static methods look at it."""

    def __init__(self, fake: FakeKernel) -> None:
        self.links: list[Link] = []
        self.func_links: list[tuple[bytes, int, int, Link]] = []
        self.collection = SimpleNamespace(system=fake.system, disown=self.links.remove)

    def own(self, link: Link) -> None:
        self.links.append(link)


@pytest.fixture
def fake(tmp_path: Path) -> FakeKernel:
    return kernel(tmp_path)


@pytest.fixture
def bpf(fake: FakeKernel) -> Iterator[FakeBpf]:
    made = FakeBpf(fake)
    yield made
    for link in made.links:
        link.close()


def function(bpf: FakeBpf, kind: ProgType) -> Any:  # noqa: ANN401 - stands for a LoadedFunction
    return SimpleNamespace(bpf=bpf, name=b"fn", program=FakeProgram("fn", kind), sock=-1)


def test_a_raw_socket_is_left_in_the_function(bpf: FakeBpf) -> None:
    loaded = function(bpf, ProgType.SOCKET_FILTER)
    BPF.attach_raw_socket(loaded, b"")
    assert loaded.sock == bpf.links[0].fileno()
    os.close(loaded.sock)  # scripts do; closing the object later must not mind


@pytest.mark.parametrize(
    "attach",
    [
        pytest.param(lambda: BPF.attach_raw_socket("fn", "lo"), id="raw-socket"),  # type: ignore[arg-type]
        pytest.param(lambda: BPF.attach_xdp("lo", None), id="xdp"),  # type: ignore[arg-type]
        pytest.param(lambda: BPF.attach_func(1, 0, 17), id="func"),  # type: ignore[arg-type]
        pytest.param(lambda: BPF.detach_func(1, 0, 17), id="detach"),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_function_is_refused_in_bccs_words(attach: Any) -> None:  # noqa: ANN401
    with pytest.raises(Exception, match=r"^arg 1 must be of type BPF\.Function$"):
        attach()


def test_a_refusal_begins_with_bccs_words_and_keeps_its_parts(bpf: FakeBpf) -> None:
    with pytest.raises(BccAttachError) as caught:
        BPF.attach_xdp(b"bk9", function(bpf, ProgType.XDP))
    error = caught.value
    assert str(error).startswith("Failed to attach BPF to device bk9: cannot attach program 'fn'")
    assert error.target == "XDP of bk9"
    assert "devices: " in error.hint
    assert isinstance(error.__cause__, AttachError)


def test_a_function_is_attached_and_detached_by_the_same_three(
    bpf: FakeBpf, fake: FakeKernel
) -> None:
    loaded, kind = function(bpf, ProgType.CGROUP_SOCK), AttachType.CGROUP_INET_SOCK_CREATE
    with socket.socket() as stands_for_a_cgroup:
        BPF.attach_func(loaded, stands_for_a_cgroup.fileno(), kind, 2)
        assert fake.syscalls.calls == [("prog_attach", kind, 2)]
        BPF.detach_func(loaded, stands_for_a_cgroup.fileno(), int(kind))
    assert fake.syscalls.names() == ["prog_attach", "prog_detach"]
    assert not bpf.links
    assert not bpf.func_links


def test_what_somebody_else_attached_can_be_detached(bpf: FakeBpf, fake: FakeKernel) -> None:
    loaded = function(bpf, ProgType.FLOW_DISSECTOR)
    BPF.detach_func(loaded, 0, 17)
    assert fake.syscalls.calls == [("prog_detach", AttachType.FLOW_DISSECTOR)]
    fake.syscalls.errors["prog_detach"] = [2]
    with pytest.raises(
        AttachError, match=r"^Failed to detach BPF function with attach_type 17: .*not attached"
    ):
        BPF.detach_func(loaded, 0, 17)


def test_an_attach_type_that_is_none_is_refused(bpf: FakeBpf) -> None:
    with pytest.raises(
        AttachError, match=r"^Failed to attach BPF function with attach_type 999: .*EINVAL"
    ):
        BPF.attach_func(function(bpf, ProgType.SK_MSG), 3, 999)


def test_what_bcc_lacks_gives_links(bpf: FakeBpf, fake: FakeKernel) -> None:
    link = BPF.attach_tc("lo", function(bpf, ProgType.SCHED_CLS), "egress", priority=4)
    assert link in bpf.links
    link = BPF.attach_cgroup("/proc", function(bpf, ProgType.CGROUP_DEVICE))
    assert link in bpf.links
    assert fake.syscalls.names() == ["clsact_create", "filter_set", "link_create"]
