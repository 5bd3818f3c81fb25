from __future__ import annotations

import errno
from pathlib import Path

import pytest

from bpfkit.errors import AttachError
from bpfkit.links.base import Method
from bpfkit.links.raw_tracepoint import attach_raw_tracepoint
from bpfkit.links.tracepoint import attach_tracepoint
from tests.contracts.links import check_link
from tests.fakes.hooks import FakeProgram, kernel


def test_the_events_id_is_opened(tmp_path: Path) -> None:
    fake = kernel(tmp_path)
    with attach_tracepoint(fake.system, FakeProgram(), "sched", "sched_switch") as link:
        (event,) = fake.syscalls.events
        assert (event.type, event.config, event.sample_period) == (2, 41, 1)
        assert link.target == "tracepoint sched:sched_switch"


def test_a_missing_tracepoint_names_the_nearest(tmp_path: Path) -> None:
    fake = kernel(tmp_path)
    with pytest.raises(AttachError, match="did you mean 'sched:sched_switch'"):
        attach_tracepoint(fake.system, FakeProgram(), "sched", "sched_swich")
    assert fake.syscalls.calls == []


@pytest.mark.parametrize(
    ("call", "code", "expected"),
    [
        ("perf_event_open", errno.EACCES, "run as root"),
        ("link_create", errno.EPERM, "run as root"),
        ("link_create", errno.EACCES, "beyond the record"),
        ("link_create", errno.EEXIST, "attached there already"),
    ],
)
def test_a_refusal_is_explained(tmp_path: Path, call: str, code: int, expected: str) -> None:
    fake = kernel(tmp_path)
    fake.syscalls.errors[call] = [code]
    with pytest.raises(AttachError, match=expected):
        attach_tracepoint(fake.system, FakeProgram(), "sched", "sched_switch")


def test_a_program_of_another_type_is_told(tmp_path: Path) -> None:
    fake = kernel(tmp_path)
    fake.syscalls.errors = {"link_create": [errno.EINVAL], "set_bpf": [errno.EINVAL]}
    with pytest.raises(AttachError, match="BPF_PROG_TYPE_KPROBE"):
        attach_tracepoint(fake.system, FakeProgram(), "sched", "sched_switch")


def test_tracepoint_links_keep_their_contract(tmp_path: Path) -> None:
    fake = kernel(tmp_path)
    check_link(lambda: attach_tracepoint(fake.system, FakeProgram(), "sched", "sched_switch"))


def test_a_raw_tracepoint_is_opened_by_name(tmp_path: Path) -> None:
    fake = kernel(tmp_path)
    with attach_raw_tracepoint(fake.system, FakeProgram(), "sched_switch") as link:
        assert fake.syscalls.calls == [("raw_tracepoint_open", "sched_switch", 100)]
        assert link.method is Method.RAW_TRACEPOINT


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("sched_swich", "did you mean 'sched_switch'", id="misspelt"),
        pytest.param("sched:sched_switch", "use 'sched_switch'", id="category"),
        pytest.param("sys_enter_read", "attach to 'sys_enter'", id="syscall"),
        pytest.param("zzzz", "module", id="nothing-near"),
    ],
)
def test_a_missing_raw_tracepoint_is_explained(tmp_path: Path, name: str, expected: str) -> None:
    fake = kernel(tmp_path)
    fake.syscalls.errors["raw_tracepoint_open"] = [errno.ENOENT]
    with pytest.raises(AttachError, match=expected):
        attach_raw_tracepoint(fake.system, FakeProgram(), name)


@pytest.mark.parametrize("code", [errno.EPERM, errno.EINVAL, errno.ENOMEM])
def test_other_refusals_name_the_errno(tmp_path: Path, code: int) -> None:
    fake = kernel(tmp_path)
    fake.syscalls.errors["raw_tracepoint_open"] = [code]
    with pytest.raises(AttachError, match=errno.errorcode[code]):
        attach_raw_tracepoint(fake.system, FakeProgram(), "sched_switch")


def test_raw_tracepoint_links_keep_their_contract(tmp_path: Path) -> None:
    fake = kernel(tmp_path)
    check_link(lambda: attach_raw_tracepoint(fake.system, FakeProgram(), "sched_switch"))
