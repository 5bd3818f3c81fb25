from __future__ import annotations

import errno
from pathlib import Path

import pytest

from bpfkit.errors import AttachError
from bpfkit.links.base import Method
from bpfkit.links.kprobe import attach_kprobe, event_name, probe_definition
from tests.contracts.links import check_link
from tests.fakes.hooks import FakeProgram, kernel


@pytest.mark.parametrize("retprobe", [False, True])
def test_the_pmu_is_taken_where_there_is_one(tmp_path: Path, retprobe: bool) -> None:
    fake = kernel(tmp_path)
    with attach_kprobe(fake.system, FakeProgram(), "vfs_read", retprobe=retprobe) as link:
        (event,) = fake.syscalls.events
        assert (event.type, event.config, event.path) == (8, int(retprobe), "vfs_read")
        assert link.method is Method.LINK
        assert link.hook == ("kretprobe" if retprobe else "kprobe")
    assert fake.syscalls.names() == ["perf_event_open", "link_create", "enable"]
    assert fake.syscalls.calls[0] == ("perf_event_open", -1, 2)  # the first CPU that is online


def test_an_offset_goes_into_the_event(tmp_path: Path) -> None:
    fake = kernel(tmp_path)
    with attach_kprobe(fake.system, FakeProgram(), "vfs_read", offset=4) as link:
        assert fake.syscalls.events[0].config2 == 4
        assert link.target == "kprobe vfs_read+0x4"


@pytest.mark.parametrize("code", [errno.EINVAL, errno.EBADF])
def test_without_perf_links_the_program_is_set_on_the_event(tmp_path: Path, code: int) -> None:
    fake = kernel(tmp_path)
    fake.syscalls.errors["link_create"] = [code]
    with attach_kprobe(fake.system, FakeProgram(), "vfs_read") as link:
        assert link.method is Method.PERF
    assert ("set_bpf", 100) in fake.syscalls.calls


def test_without_the_pmu_an_entry_in_tracefs_comes_and_goes(tmp_path: Path) -> None:
    fake = kernel(tmp_path, pmu=False)
    entries = tmp_path / "kprobe_events"
    with attach_kprobe(fake.system, FakeProgram(), "vfs_read", offset=8):
        first, mine = entries.read_text().splitlines()
        assert first == "p:kprobes/other other_function"
        assert mine.startswith("p:kprobes/p_vfs_read_")
        assert mine.endswith(" vfs_read+8")
        assert fake.syscalls.events[0].config == 77
    assert entries.read_text().splitlines()[-1] == f"-:{mine[2:].split()[0]}"


def test_maxactive_goes_through_tracefs(tmp_path: Path) -> None:
    fake = kernel(tmp_path)
    with attach_kprobe(fake.system, FakeProgram(), "vfs_read", retprobe=True, maxactive=9):
        line = (tmp_path / "kprobe_events").read_text().splitlines()[1]
        assert line.startswith("r9:kprobes/r_vfs_read_")


def test_a_failure_leaves_no_entry_behind(tmp_path: Path) -> None:
    fake = kernel(tmp_path, pmu=False)
    fake.syscalls.errors["link_create"] = [errno.EPERM]
    with pytest.raises(AttachError):
        attach_kprobe(fake.system, FakeProgram(), "vfs_read")
    assert "-:kprobes/p_vfs_read_" in (tmp_path / "kprobe_events").read_text()


@pytest.mark.parametrize(
    ("function", "code", "expected"),
    [
        pytest.param("vfs_raed", errno.ENOENT, "did you mean 'vfs_read'", id="misspelt"),
        pytest.param("hidden_one", errno.EINVAL, "notrace", id="notrace"),
        pytest.param("vfs_read", errno.EACCES, "run as root", id="no-privilege"),
    ],
)
def test_a_refusal_is_explained(tmp_path: Path, function: str, code: int, expected: str) -> None:
    fake = kernel(tmp_path)
    fake.syscalls.errors["perf_event_open"] = [code]
    with pytest.raises(AttachError, match=expected) as caught:
        attach_kprobe(fake.system, FakeProgram(), function)
    assert caught.value.target == f"kprobe {function}"
    assert caught.value.program == "prog"


@pytest.mark.parametrize("configured", [True, False])
def test_a_kernel_without_kprobes_is_told(tmp_path: Path, configured: bool) -> None:
    fake = kernel(tmp_path, pmu=False)
    fake.facts.kprobes = None
    fake.facts.configured = configured
    (tmp_path / "kprobe_events").unlink()
    (tmp_path / "kprobe_events").mkdir()  # writing fails
    with pytest.raises(AttachError, match="CONFIG_KPROBES"):
        attach_kprobe(fake.system, FakeProgram(), "vfs_read")


@pytest.mark.parametrize("pmu", [True, False])
def test_the_link_keeps_its_contract(tmp_path: Path, pmu: bool) -> None:
    fake = kernel(tmp_path, pmu=pmu)
    check_link(lambda: attach_kprobe(fake.system, FakeProgram(), "vfs_read"))


@pytest.mark.parametrize(
    ("retprobe", "maxactive", "line"),
    [(False, 0, "p:kprobes/n f+4"), (True, 0, "r:kprobes/n f+4"), (True, 7, "r7:kprobes/n f+4")],
)
def test_a_definition_is_one_line(retprobe: bool, maxactive: int, line: str) -> None:
    assert probe_definition("n", "f+4", retprobe=retprobe, maxactive=maxactive) == line


def test_event_names_are_legal_short_and_different() -> None:
    function = "a_very_long_name.isra.0" * 4
    names = {event_name(function, retprobe=False) for _ in range(20)}
    assert len(names) == 20
    assert all(len(name) < 64 and name.isidentifier() for name in names)
