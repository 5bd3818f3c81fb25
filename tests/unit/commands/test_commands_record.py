"""``bpfkit record``, and what all commands have in common."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bpfkit.cli import main
from bpfkit.host.facts import LiveFacts
from bpfkit.host.recorded import RecordedFacts
from bpfkit.system import System
from tests.fakes.syscalls import FakeSyscalls

BTF = Path(__file__).parents[2] / "data" / "uapi.btf"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine whose kernel has types and one trace event."""
    root = tmp_path / "root"
    event = root / "sys/kernel/tracing/events/sched/sched_switch"
    event.mkdir(parents=True)
    (event / "format").write_text("name: sched_switch\n")
    (root / "sys/kernel/btf").mkdir()
    (root / "sys/kernel/btf/vmlinux").write_bytes(BTF.read_bytes())
    system = System(FakeSyscalls(), LiveFacts(root, "6.1.0", "#1 SMP Debian 6.1.9-1", "s390x"))
    monkeypatch.setattr(System, "live", classmethod(lambda _cls: system))
    return root


def test_a_recording_is_written_and_told(
    machine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "kernel.facts"
    assert main(["record", str(file)]) == 0
    facts = RecordedFacts.read(file)
    assert (facts.version, facts.arch) == ((6, 1, 9), "s390x")
    assert facts.tracepoints("sched") == ["sched_switch"]
    said = capsys.readouterr().err
    assert said.startswith("Linux 6.1.0 (s390x, 1 CPUs")
    assert str(file) in said


def test_a_recording_goes_to_standard_output(
    machine: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert main(["record", "-"]) == 0
    written = capfdbinary.readouterr()
    assert RecordedFacts(written.out).release == "6.1.0"
    assert written.err == b""


def test_a_place_that_cannot_be_written_is_told(
    machine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["record", str(tmp_path / "none" / "x")]) == 1
    assert "none/x: No such file or directory" in capsys.readouterr().err


def test_without_root_it_says_what_is_missing(
    machine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (machine / "sys/kernel/tracing").rename(tmp_path / "away")
    assert main(["record", str(tmp_path / "x")]) == 1
    assert "run as root" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_a_script_that_is_not_there_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(tmp_path / "none.py")]) == 2
    assert "no such script" in capsys.readouterr().err


def test_a_script_runs_with_its_own_arguments(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [])
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr("bpfkit.compat.as_bcc.install", lambda: None)
    script = tmp_path / "script.py"
    script.write_text("import sys\nprint(sys.argv[1:], __name__)\n")
    assert main(["run", str(script), "--flag", "2"]) == 0
    assert capsys.readouterr().out == "['--flag', '2'] __main__\n"


def test_a_command_is_needed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 2
    assert "COMMAND" in capsys.readouterr().err


def test_ctrl_c_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_cls: type[System]) -> System:
        raise KeyboardInterrupt

    monkeypatch.setattr(System, "live", classmethod(interrupt))
    assert main(["features"]) == 130
