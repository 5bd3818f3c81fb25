from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.fakes.kernel_files import vmlinux, write
from vmlab import runner
from vmlab.cli import main
from vmlab.errors import EngineError, FetchError
from vmlab.manifest import KERNELS_DIR
from vmlab.model import Job, Kernel, KernelImage, RunResult, Streams, Verdict
from vmlab.obtain import Obtainer


def result(verdict: Verdict, status: int | None = None, console: str = "") -> RunResult:
    return RunResult(verdict, status, "fake", 0.25, console)


@dataclass
class FakeLab:
    """Stands in for the engines and for getting kernels; keeps what it was asked."""

    answer: Callable[[str], RunResult] = lambda _id: result(Verdict.OK, 0)
    jobs: list[Job] = field(default_factory=list)
    images: list[KernelImage] = field(default_factory=list)
    engines: list[str] = field(default_factory=list)
    output: bytes = b""

    def run_job(
        self, image: KernelImage, job: Job, streams: Streams, *, engine: str, **_rest: object
    ) -> RunResult:
        self.images.append(image)
        self.jobs.append(job)
        self.engines.append(engine)
        streams.stdout.write(self.output)
        streams.stdout.flush()
        return self.answer(image.id)

    def cached(self, _obtainer: Obtainer, kernel: Kernel) -> KernelImage:
        return KernelImage(
            kernel.id, f"{kernel.id}.0-test", Path("/vmlinuz"), None, None, "d", "fake"
        )


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeLab:
    lab = FakeLab()
    monkeypatch.setenv("VMLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(runner, "run_job", lab.run_job)
    monkeypatch.setattr(Obtainer, "cached", lambda self, kernel: lab.cached(self, kernel))
    return lab


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        pytest.param(result(Verdict.OK, 0), 0, id="ok"),
        pytest.param(result(Verdict.FAILED, 7), 7, id="its-own-status"),
        pytest.param(result(Verdict.BOOT_FAILED), 120, id="boot-failed"),
        pytest.param(result(Verdict.PANIC), 121, id="panic"),
        pytest.param(result(Verdict.LOST), 122, id="lost"),
        pytest.param(result(Verdict.TIMEOUT), 124, id="timeout"),
    ],
)
def test_each_verdict_has_its_exit_status(lab: FakeLab, answer: RunResult, status: int) -> None:
    lab.answer = lambda _id: answer
    assert main(["run", "6.12", "--", "true"]) == status


def test_the_commands_output_is_all_that_is_on_stdout(
    lab: FakeLab, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    lab.output = b"out\x00\xff\n"
    main(["run", "6.12", "--", "cat"])
    assert capfdbinary.readouterr().out == b"out\x00\xff\n"


def test_with_json_the_verdict_is_all_that_is_on_stdout(
    lab: FakeLab, capfd: pytest.CaptureFixture[str]
) -> None:
    lab.output = b"out\n"
    lab.answer = lambda _id: result(Verdict.FAILED, 3)
    assert main(["run", "6.12", "--json", "--", "cat"]) == 3
    captured = capfd.readouterr()
    answer = json.loads(captured.out)
    assert (answer["verdict"], answer["exit_status"], answer["kernel"]) == ("failed", 3, "6.12")
    assert "out" in captured.err


def test_the_console_is_shown_when_a_guest_dies(
    lab: FakeLab, capsys: pytest.CaptureFixture[str]
) -> None:
    lab.answer = lambda _id: result(Verdict.PANIC, console="line\nKernel panic - not syncing\n")
    main(["run", "6.12", "--", "true"])
    captured = capsys.readouterr()
    assert "Kernel panic" in captured.err
    assert captured.out == ""


def test_options_make_the_job(
    lab: FakeLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OURS", "here")
    options = ["--timeout", "5", "--cpus", "3", "--memory", "512", "--share", str(tmp_path)]
    env = ["--env", "A=b=c", "--env", "OURS"]
    main(["run", "6.12", *options, *env, "--", "sh", "-c", "exit 0 -- --json"])
    (job,) = lab.jobs
    assert job.argv == ("sh", "-c", "exit 0 -- --json")
    assert (job.timeout_s, job.cpus, job.memory_mib) == (5.0, 3, 512)
    assert job.share == tmp_path
    assert job.cwd == Path.cwd()
    assert (job.env["A"], job.env["OURS"]) == ("b=c", "here")


def test_secrets_of_the_host_are_not_passed_on_unasked(
    lab: FakeLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_TOKEN", "secret")
    main(["run", "6.12", "--", "env"])
    assert "SOME_TOKEN" not in lab.jobs[0].env


@pytest.mark.parametrize(
    ("options", "engine"),
    [
        ([], "auto"),
        (["--engine", "virtme"], "virtme"),
        (["--engine", "snapshot"], "snapshot"),
        (["--no-snapshot"], "cold"),
        (["--no-snapshot", "--engine", "virtme"], "virtme"),
    ],
)
def test_the_engine_is_chosen_by_options(lab: FakeLab, options: list[str], engine: str) -> None:
    main(["run", "6.12", *options, "--", "true"])
    assert lab.engines == [engine]


def test_an_image_of_the_user_needs_no_kernel_id(lab: FakeLab, tmp_path: Path) -> None:
    file = write(tmp_path / "vmlinux", vmlinux("9.9.9"))
    assert main(["run", "--image", str(file), "--", "true"]) == 0
    assert lab.images[0].release == "9.9.9"
    assert main(["run", "5.10", "--image", str(file), "--", "true"]) == 0
    assert lab.images[1].cmdline[0].startswith("lsm=")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        pytest.param(["run", "6.12"], "no command", id="no-command"),
        pytest.param(["run", "--", "true"], "no kernel", id="no-kernel"),
        pytest.param(["run", "6.21", "--", "true"], "did you mean 6.1", id="unknown-kernel"),
        pytest.param(["matrix", "smokey", "--", "true"], "smoke", id="unknown-set"),
        pytest.param(["fetch", "6.21"], "unknown", id="fetch-unknown"),
        pytest.param(["prune", "6.21"], "unknown", id="prune-unknown"),
        pytest.param(["run", "6.12", "--share", "/nowhere", "--", "x"], "mkdir", id="no-share"),
        pytest.param(["run", "6.12", "--env", "=x", "--", "x"], "--env", id="env-no-name"),
        pytest.param(["run", "6.12", "--env", "NOT_SET_X", "--", "x"], "not set", id="env-unset"),
        pytest.param(["run", "6.12", "--modules", "/m", "--", "x"], "--image", id="modules-alone"),
        pytest.param(["run", "--image", "/nowhere", "--", "x"], "no such file", id="no-image"),
        pytest.param(["shell", "6.12", "--", "x"], "no command", id="shell-with-command"),
    ],
)
def test_bad_input_is_one_line_and_status_125(
    lab: FakeLab, capsys: pytest.CaptureFixture[str], arguments: list[str], text: str
) -> None:
    assert main(arguments) == 125
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("vmlab: ")
    assert captured.err.count("\n") == 1
    assert text in captured.err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["boot"],
        ["run", "6.12", "--bogus", "--", "true"],
        ["run", "6.12", "--timeout", "0", "--", "true"],
        ["run", "6.12", "--timeout", "nan", "--", "true"],
        ["run", "6.12", "--cpus", "-1", "--", "true"],
    ],
)
def test_wrong_usage_is_not_taken_for_a_status_of_the_command(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 125


def test_with_json_an_error_is_a_document_too(
    lab: FakeLab, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "6.21", "--json", "--", "true"]) == 125
    answer = json.loads(capsys.readouterr().out)
    assert answer["error"] == "ManifestError"
    assert answer["hint"]


def test_ctrl_c_is_130(lab: FakeLab) -> None:
    def interrupt(_id: str) -> RunResult:
        raise KeyboardInterrupt

    lab.answer = interrupt
    assert main(["run", "6.12", "--", "true"]) == 130
    assert main(["matrix", "smoke", "--json", "--", "true"]) == 130


def test_the_matrix_goes_on_after_a_failure(
    lab: FakeLab, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = {"6.1": result(Verdict.FAILED, 2), "6.12": result(Verdict.PANIC)}
    lab.answer = lambda name: answers.get(name, result(Verdict.OK, 0))
    assert main(["matrix", "smoke", "--json", "--", "true"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["ok"] is False
    assert [(each["kernel"], each["verdict"]) for each in answer["kernels"]] == [
        ("5.10", "ok"),
        ("6.1", "failed"),
        ("6.12", "panic"),
        ("6.18", "ok"),
        ("7.3", "ok"),
    ]


def test_the_matrix_counts_a_kernel_that_could_not_be_had(
    lab: FakeLab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def cached(_obtainer: Obtainer, kernel: Kernel) -> KernelImage:
        if kernel.id == "6.1":
            raise FetchError("no network", "check it")
        return lab.cached(_obtainer, kernel)

    def unable(name: str) -> RunResult:
        if name == "6.12":
            raise EngineError("no engine")
        return result(Verdict.OK, 0)

    monkeypatch.setattr(Obtainer, "cached", cached)
    lab.answer = unable
    assert main(["matrix", "6.1,6.12,7.3", "--json", "--", "true"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert [each["verdict"] for each in answer["kernels"]] == ["lab_error", "lab_error", "ok"]


def test_the_matrix_is_0_when_all_are_ok_and_draws_a_table(
    lab: FakeLab, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["matrix", "smoke", "--", "true"]) == 0
    table = capsys.readouterr().out
    assert all(name in table for name in ("5.10", "7.3", "ok"))


def test_list_shows_every_kernel(capsys: pytest.CaptureFixture[str], lab: FakeLab) -> None:
    assert main(["list", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["kernels"][0]["id"] == "5.10"
    assert answer["sets"]["smoke"][-1] == "7.3"
    assert main(["list"]) == 0
    assert "5.15" in capsys.readouterr().out


def test_fetch_shows_what_is_ready(capsys: pytest.CaptureFixture[str], lab: FakeLab) -> None:
    assert main(["fetch", "6.12", "--json"]) == 0
    (answer,) = json.loads(capsys.readouterr().out)
    assert answer["release"] == "6.12.0-test"
    assert main(["fetch", "6.12"]) == 0


def test_a_dry_prune_removes_nothing(
    lab: FakeLab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leftover = write(tmp_path / "cache/snapshots/key/state", b"x")
    assert main(["prune", "--dry-run", "--json"]) == 0
    (answer,) = json.loads(capsys.readouterr().out)
    assert answer["path"] == str(tmp_path / "cache/snapshots")
    assert leftover.exists()
    assert main(["prune"]) == 0
    assert not leftover.exists()


def test_help_documents_every_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["run", "--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert all(status in text for status in ("120", "121", "122", "124", "125", "130", "141"))


def test_a_reader_that_goes_away_is_no_crash() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "vmlab", "list", "--json"],
        cwd=KERNELS_DIR.parent,
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


def test_a_cached_run_imports_nothing_heavy() -> None:
    code = (
        "import sys; import vmlab.commands.guest, vmlab.commands.catalogue, vmlab.commands.upkeep;"
        "heavy = {'rich', 'jsonschema', 'requests', 'virtme_ng', 'asyncio', 'ctypes'};"
        "sys.exit(', '.join(sorted(heavy & sys.modules.keys())) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        cwd=KERNELS_DIR.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
