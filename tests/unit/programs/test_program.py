"""Live programs: test runs, statistics, pins, and opening what is in the kernel."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from bpfkit.errors import NotSupportedError, SyscallError
from bpfkit.handles.token import create_token
from bpfkit.programs.opening import open_program_id, open_program_pin
from bpfkit.programs.program import Program
from bpfkit.programs.stats import RunStats, count_runs
from bpfkit.syscalls.fd import OwnedFd
from bpfkit.syscalls.requests import ObjectKind, TestRun, TestRunResult
from bpfkit.system import System
from bpfkit.uapi.bpf import ProgType


def null(what: str) -> OwnedFd:
    return OwnedFd(os.open("/dev/null", os.O_RDONLY), what)


@dataclass
class Calls:
    """A kernel with one program, number 7; ``code`` is the errno of every call."""

    code: int = 0
    type: int = ProgType.XDP
    name: str = "packets"
    runs: list[TestRun] = field(default_factory=list)
    subjects: list[str] = field(default_factory=list)
    pins: list[str] = field(default_factory=list)

    def _check(self, call: str) -> None:
        if self.code:
            raise SyscallError(self.code, call, "the fake")

    def prog_test_run(self, fd: int, request: TestRun, *, subject: str = "") -> TestRunResult:
        self.runs.append(request)
        self.subjects.append(subject)
        return TestRunResult(2, 10, b"", b"")

    def prog_info(self, fd: int) -> SimpleNamespace:
        self._check("info")
        return SimpleNamespace(
            id=7, name=self.name, type=self.type, run_count=4, run_time_ns=100, recursion_misses=1
        )

    def obj_pin(self, fd: int, path: str) -> None:
        self.pins.append(path)

    def obj_get(self, path: str, flags: int = 0) -> OwnedFd:
        return null(path)

    def open_id(self, kind: ObjectKind, id: int) -> OwnedFd:
        assert (kind, id) == (ObjectKind.PROG, 7)
        return null("program 7")

    def enable_stats(self, kind: int) -> OwnedFd:
        self._check("stats")
        return null("statistics")

    def token_create(self, bpffs_fd: int) -> OwnedFd:
        self._check("BPF_TOKEN_CREATE")
        return null("token")


def system_of(calls: Calls, version: tuple[int, int, int] = (6, 12, 0)) -> System:
    return cast("System", SimpleNamespace(syscalls=calls, facts=SimpleNamespace(version=version)))


def program(calls: Calls, type: ProgType = ProgType.XDP) -> Program:
    return Program(null("program"), "packets", type, system_of(calls))


@pytest.mark.parametrize(
    ("type", "repeat"),
    [
        pytest.param(ProgType.XDP, 1, id="packets"),
        pytest.param(ProgType.SYSCALL, 0, id="system-calls"),
        pytest.param(ProgType.RAW_TRACEPOINT, 0, id="raw-tracepoints"),
    ],
)
def test_a_program_runs_as_often_as_its_type_allows(type: ProgType, repeat: int) -> None:
    calls = Calls()
    with program(calls, type) as loaded:
        loaded.test_run(b"x", context=b"y", data_out=3, context_out=4, flags=1, cpu=2, batch=8)
        loaded.test_run(repeat=5)
    assert calls.runs[0] == TestRun(b"x", b"y", repeat, 3, 4, 1, 2, 8)
    assert calls.runs[1].repeat == 5
    assert calls.subjects[0] == f"program 'packets' (BPF_PROG_TYPE_{type.name})"


def test_statistics_are_read_off_the_information() -> None:
    with program(Calls()) as loaded:
        assert loaded.stats() == RunStats(4, 100, 1)
        assert loaded.stats().mean_ns == 25
    assert RunStats(0, 0).mean_ns == 0


def test_counting_is_refused_where_there_is_none() -> None:
    count_runs(system_of(Calls())).close()
    with pytest.raises(NotSupportedError, match=r"Linux 5\.8.*bpf_stats_enabled"):
        count_runs(system_of(Calls(code=errno.EINVAL)))
    with pytest.raises(SyscallError, match="EPERM"):
        count_runs(system_of(Calls(code=errno.EPERM)))


def test_a_pin_is_made_and_taken_away(tmp_path: Path) -> None:
    calls = Calls()
    path = tmp_path / "folder" / "name"
    with program(calls) as loaded:
        loaded.pin(path)
        assert calls.pins == [str(path)]
        path.touch()
        assert loaded.unpin(path)
        assert not loaded.unpin(path)


def test_what_is_in_the_kernel_is_opened_by_id_and_name() -> None:
    with open_program_id(system_of(Calls()), 7) as known:
        assert (known.name, known.type) == ("packets", ProgType.XDP)
    with open_program_pin(system_of(Calls(name="")), "/sys/fs/bpf/x") as pinned:
        assert pinned.name == "id 7"


def test_what_is_no_program_is_closed_again() -> None:
    with pytest.raises(SyscallError, match="EINVAL"):
        open_program_pin(system_of(Calls(code=errno.EINVAL)), "/sys/fs/bpf/x")


def test_a_token_is_taken_or_why_not_is_told(tmp_path: Path) -> None:
    create_token(system_of(Calls()), tmp_path).close()
    with pytest.raises(NotSupportedError, match=r"Linux 6\.9"):
        create_token(system_of(Calls(code=errno.EINVAL), (6, 1, 0)), tmp_path)
    with pytest.raises(SyscallError, match="EINVAL"):
        create_token(system_of(Calls(code=errno.EINVAL)), tmp_path)
    with pytest.raises(SyscallError, match="ENOENT"):
        create_token(system_of(Calls()), tmp_path / "nothing")
