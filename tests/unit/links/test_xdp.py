from __future__ import annotations

import errno
from pathlib import Path

import pytest

from bpfkit.errors import AttachError, SyscallError
from bpfkit.links.base import Method
from bpfkit.links.xdp import attach_xdp, attach_xdp_link, detach_xdp
from bpfkit.syscalls.requests import XdpState
from bpfkit.uapi.bpf import AttachType, ProgType
from bpfkit.uapi.netlink import XdpFlag
from tests.contracts.links import check_link
from tests.fakes.hooks import FakeKernel, FakeProgram, kernel

PROGRAM = FakeProgram(type=ProgType.XDP)


@pytest.fixture
def fake(tmp_path: Path) -> FakeKernel:
    return kernel(tmp_path)


def sets(fake: FakeKernel) -> list[tuple[object, ...]]:
    return [call[1:] for call in fake.syscalls.calls if call[0] == "xdp_set"]


def test_netlink_sets_and_the_link_takes_off(fake: FakeKernel) -> None:
    with attach_xdp(fake.system, PROGRAM, "lo", flags=XdpFlag.SKB_MODE) as link:
        assert link.method is Method.NETLINK
    assert sets(fake) == [(100, 2), (-1, 2)]


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(XdpState(0), id="gone"),
        pytest.param(XdpState(1, 7), id="replaced"),
        pytest.param(XdpState(4, 0, 7, 8), id="others-in-both-modes"),
    ],
)
def test_what_is_not_ours_is_left_alone(fake: FakeKernel, state: XdpState) -> None:
    link = attach_xdp(fake.system, PROGRAM, "lo")
    fake.syscalls.xdp = state
    link.close()
    assert sets(fake) == [(100, 0)]


def test_of_several_modes_only_ours_is_taken_off(fake: FakeKernel) -> None:
    link = attach_xdp(fake.system, PROGRAM, "lo")
    fake.syscalls.xdp = XdpState(4, 0, 7, 1000)
    link.close()
    assert sets(fake)[1:] == [(-1, XdpFlag.SKB_MODE)]


def test_a_device_that_is_gone_needs_no_undoing(fake: FakeKernel) -> None:
    link = attach_xdp(fake.system, PROGRAM, "lo")
    fake.syscalls.errors["xdp_get"] = [errno.ENODEV]
    link.close()


def test_a_driver_that_refuses_is_followed_by_generic_mode(fake: FakeKernel) -> None:
    fake.syscalls.errors["xdp_set"] = [errno.EOPNOTSUPP]
    with attach_xdp(fake.system, PROGRAM, "lo"):
        assert sets(fake) == [(100, 0), (100, XdpFlag.SKB_MODE)]


def test_a_mode_that_was_asked_for_is_not_changed(fake: FakeKernel) -> None:
    fake.syscalls.errors["xdp_set"] = [errno.EOPNOTSUPP]
    with pytest.raises(AttachError, match="SKB_MODE"):
        attach_xdp(fake.system, PROGRAM, "lo", flags=XdpFlag.DRV_MODE)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (errno.EBUSY, "a program runs there already"),
        (errno.EEXIST, "a program runs there already"),
        (errno.EPERM, "CAP_NET_ADMIN"),
        (errno.EINVAL, "type XDP"),
        (errno.ENOMEM, "ENOMEM"),
    ],
)
def test_a_refusal_is_explained(fake: FakeKernel, code: int, expected: str) -> None:
    fake.syscalls.errors["xdp_set"] = [code]
    with pytest.raises(AttachError, match=expected):
        attach_xdp(fake.system, PROGRAM, "lo")


def test_an_unknown_device_names_those_there_are(fake: FakeKernel) -> None:
    with pytest.raises(AttachError, match=r"no network device 'lo0'; devices: .*lo"):
        attach_xdp(fake.system, PROGRAM, "lo0")
    with pytest.raises(SyscallError, match="ENODEV"):
        detach_xdp(fake.system, "lo0")


def test_a_bpf_link_is_made_where_the_kernel_has_them(fake: FakeKernel) -> None:
    with attach_xdp_link(fake.system, PROGRAM, "lo", flags=3) as link:
        assert link.method is Method.LINK
        assert fake.syscalls.calls == [("link_create", 100, AttachType.XDP, 2)]


def test_without_xdp_links_netlink_does_not_replace(fake: FakeKernel) -> None:
    fake.syscalls.errors["link_create"] = [errno.EINVAL]
    with attach_xdp_link(fake.system, PROGRAM, "lo") as link:
        assert link.method is Method.NETLINK
        assert sets(fake) == [(100, XdpFlag.UPDATE_IF_NOEXIST)]


def test_detach_takes_off_whatever_runs(fake: FakeKernel) -> None:
    detach_xdp(fake.system, "lo", flags=XdpFlag.SKB_MODE | XdpFlag.UPDATE_IF_NOEXIST)
    assert sets(fake) == [(-1, 2)]


def test_xdp_links_keep_their_contract(fake: FakeKernel) -> None:
    check_link(lambda: attach_xdp(fake.system, PROGRAM, "lo"))
    check_link(lambda: attach_xdp_link(fake.system, PROGRAM, "lo"))
