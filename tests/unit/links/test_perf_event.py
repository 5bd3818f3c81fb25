from __future__ import annotations

import errno
from pathlib import Path

import pytest

from bpfkit.errors import AttachError
from bpfkit.links.perf_event import attach_perf_event, event_name
from bpfkit.uapi.bpf import ProgType
from tests.contracts.links import check_link
from tests.fakes.hooks import FakeProgram, kernel

PROGRAM = FakeProgram(type=ProgType.PERF_EVENT)
SOFTWARE, CLOCK = 1, 0


def test_every_cpu_that_is_online_gets_an_event(tmp_path: Path) -> None:
    fake = kernel(tmp_path)
    with attach_perf_event(fake.system, PROGRAM, SOFTWARE, CLOCK, frequency=99):
        assert [call[1:] for call in fake.syscalls.calls[:2]] == [(-1, 2), (-1, 3)]
        assert {(e.freq, e.sample_period) for e in fake.syscalls.events} == {(True, 99)}


@pytest.mark.parametrize(
    ("arguments", "opened"),
    [({"pid": 5}, (5, -1)), ({"cpu": 1}, (-1, 1)), ({"pid": 5, "cpu": 1}, (5, 1))],
)
def test_a_process_or_a_cpu_gets_one(
    tmp_path: Path, arguments: dict[str, int], opened: tuple[int, int]
) -> None:
    fake = kernel(tmp_path)
    attach_perf_event(fake.system, PROGRAM, SOFTWARE, CLOCK, period=7, **arguments).close()  # type: ignore[arg-type]
    assert [c[1:] for c in fake.syscalls.calls if c[0] == "perf_event_open"] == [opened]
    assert not fake.syscalls.events[0].freq


@pytest.mark.parametrize(
    ("code", "arguments", "expected"),
    [
        (errno.ENOENT, {"period": 1}, r"CPU_CLOCK.*does not have the event"),
        (errno.ESRCH, {"period": 1, "pid": 5}, "no process 5"),
        (errno.EACCES, {"period": 1}, "perf_event_paranoid"),
        (errno.EINVAL, {"frequency": 9}, "at most 4000 times"),
        (errno.EINVAL, {"period": 9}, "its period"),
        (errno.EMFILE, {"period": 9}, "EMFILE"),
        (0, {}, "a period or a frequency"),
        (0, {"period": 1, "frequency": 1}, "a period or a frequency"),
    ],
)
def test_a_refusal_is_explained(
    tmp_path: Path, code: int, arguments: dict[str, int], expected: str
) -> None:
    fake = kernel(tmp_path)
    (tmp_path / "proc/sys/kernel").mkdir(parents=True)
    (tmp_path / "proc/sys/kernel/perf_event_max_sample_rate").write_text("4000\n")
    fake.syscalls.errors["perf_event_open"] = [code]
    with pytest.raises(AttachError, match=expected):
        attach_perf_event(fake.system, PROGRAM, SOFTWARE, CLOCK, **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("type", "config", "expected"),
    [
        (0, 0, "PERF_COUNT_HW_CPU_CYCLES"),
        (1, 2, "PERF_COUNT_SW_PAGE_FAULTS"),
        (1, 99, "PERF_TYPE_SOFTWARE 0x63"),
        (4, 0x1C2, "PERF_TYPE_RAW 0x1c2"),
        (77, 1, "0x1 of source 77"),
    ],
)
def test_events_have_the_kernels_names(type: int, config: int, expected: str) -> None:
    assert event_name(type, config) == expected


def test_the_link_keeps_its_contract(tmp_path: Path) -> None:
    fake = kernel(tmp_path)
    check_link(lambda: attach_perf_event(fake.system, PROGRAM, SOFTWARE, CLOCK, period=1))
