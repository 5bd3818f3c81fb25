from __future__ import annotations

import errno
from dataclasses import replace
from pathlib import Path

import pytest

from bpfkit.errors import AttachError
from bpfkit.links.tc import attach_tc
from bpfkit.syscalls.requests import TcFilter, TcPlace
from bpfkit.uapi.bpf import ProgType
from bpfkit.uapi.netlink import TC_H_MIN_EGRESS, TC_H_MIN_INGRESS
from tests.fakes.hooks import FakeKernel, FakeProgram, kernel

PROGRAM = FakeProgram(type=ProgType.SCHED_CLS)
THEIRS = TcFilter(TcPlace(1, TC_H_MIN_EGRESS, 1, 1), "bpf", 7)


@pytest.fixture
def fake(tmp_path: Path) -> FakeKernel:
    return kernel(tmp_path)


def test_the_qdisc_is_made_and_goes_with_the_last_of_our_filters(fake: FakeKernel) -> None:
    first = attach_tc(fake.system, PROGRAM, "lo", priority=1)
    second = attach_tc(fake.system, PROGRAM, "lo", "egress", priority=1)
    first.close()
    assert fake.syscalls.qdisc == "clsact"
    second.close()
    assert not fake.syscalls.qdisc
    assert not fake.system.made


def test_a_qdisc_that_was_there_stays(fake: FakeKernel) -> None:
    fake.syscalls.qdisc = "clsact"
    attach_tc(fake.system, PROGRAM, "lo").close()
    assert fake.syscalls.names() == ["filter_set", "filter_delete"]


def test_our_qdisc_stays_below_somebody_elses_filter(fake: FakeKernel) -> None:
    link = attach_tc(fake.system, PROGRAM, "lo")
    fake.syscalls.tc_filters.append(THEIRS)
    link.close()
    assert fake.syscalls.tc_filters == [THEIRS]
    assert fake.syscalls.qdisc == "clsact"


def test_a_filter_that_took_our_place_stays(fake: FakeKernel) -> None:
    link = attach_tc(fake.system, PROGRAM, "lo", priority=3, handle=4)
    ours = fake.syscalls.tc_filters[0]
    fake.syscalls.tc_filters = [replace(ours, prog_id=8)]
    link.close()
    assert [each.prog_id for each in fake.syscalls.tc_filters] == [8]


def test_the_place_is_the_one_the_kernel_chose(fake: FakeKernel) -> None:
    with attach_tc(fake.system, PROGRAM, "lo") as link:
        assert link.place == TcPlace(1, TC_H_MIN_INGRESS, 49152, 1)


def test_a_failure_leaves_no_qdisc(fake: FakeKernel) -> None:
    fake.syscalls.errors["filter_set"] = [errno.EINVAL]
    with pytest.raises(AttachError, match=r"EINVAL.*another kind"):
        attach_tc(fake.system, PROGRAM, "lo")
    assert not fake.syscalls.qdisc


def test_a_refusal_leaves_the_same_program_of_another_link(fake: FakeKernel) -> None:
    with attach_tc(fake.system, PROGRAM, "lo", priority=3, handle=4):
        fake.syscalls.errors["filter_set"] = [errno.EEXIST]
        with pytest.raises(AttachError, match="EEXIST"):
            attach_tc(fake.system, PROGRAM, "lo", priority=3, handle=4)
        assert len(fake.syscalls.tc_filters) == 1


def test_an_interrupted_attachment_is_undone(
    fake: FakeKernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = fake.syscalls.filter_set

    def interrupted(place: TcPlace, fd: int, name: str, *, replace: bool = False) -> TcPlace:
        real(place, fd, name, replace=replace)
        raise KeyboardInterrupt

    monkeypatch.setattr(fake.syscalls, "filter_set", interrupted)
    with pytest.raises(KeyboardInterrupt):
        attach_tc(fake.system, PROGRAM, "lo")
    assert not fake.syscalls.tc_filters
    assert not fake.syscalls.qdisc


def test_whoever_made_the_qdisc_first_keeps_it(fake: FakeKernel) -> None:
    fake.syscalls.errors["clsact_create"] = [errno.EEXIST]
    attach_tc(fake.system, PROGRAM, "lo").close()
    assert "clsact_delete" not in fake.syscalls.names()


def test_a_kernel_without_the_filter_is_named(fake: FakeKernel) -> None:
    fake.syscalls.errors["clsact_create"] = [errno.ENOENT]
    with pytest.raises(AttachError, match=r"ENOENT.*CONFIG_NET_CLS_BPF"):
        attach_tc(fake.system, PROGRAM, "lo")


def test_the_qdisc_ingress_is_in_the_way(fake: FakeKernel) -> None:
    fake.syscalls.qdisc = "ingress"
    with pytest.raises(AttachError, match="tc qdisc del dev lo ingress"):
        attach_tc(fake.system, PROGRAM, "lo")


def test_an_update_replaces_and_is_what_is_removed(fake: FakeKernel) -> None:
    link = attach_tc(fake.system, PROGRAM, "lo")
    fake.syscalls.program_id = 2000
    link.update(FakeProgram("next", ProgType.SCHED_CLS))
    assert [each.prog_id for each in fake.syscalls.tc_filters] == [2000]
    link.close()
    assert not fake.syscalls.tc_filters
