from __future__ import annotations

import io
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from vmlab.engine.accel import Accelerator, named_accelerator, probe_acceleration
from vmlab.engine.base import Notice
from vmlab.engine.initramfs import MissingDriversError
from vmlab.engine.virtme import agent_command, port_arguments, virtme_arguments
from vmlab.errors import EngineError, ToolMissingError
from vmlab.model import Job, KernelImage, RunResult, Streams, Verdict
from vmlab.runner import ENGINES, check_job, choose_engines, run_first_able

IMAGE = KernelImage("6.12", "6.12.1", Path("i"), None, None, "d", "", ("lsm=bpf",))
JOB = Job(["true"], Path("/"))
OK = RunResult(Verdict.OK, 0, "x", 0.1, "")


@dataclass(slots=True)
class FakeEngine:
    name: str
    answer: RunResult | Exception = field(default_factory=lambda: OK)
    runs: int = 0
    needs: frozenset[str] = frozenset()

    def can_do_without(self, drivers: Collection[str]) -> bool:
        return not self.needs & set(drivers)

    def run(self, image: KernelImage, job: Job, streams: Streams, notice: Notice) -> RunResult:
        self.runs += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def run(*engines: FakeEngine) -> tuple[RunResult, list[str]]:
    told: list[str] = []
    result = run_first_able(engines, IMAGE, JOB, Streams(io.BytesIO(), io.BytesIO()), told.append)
    return result, told


def test_the_first_engine_that_can_runs_the_job_alone() -> None:
    first, second = FakeEngine("a"), FakeEngine("b")
    result, told = run(first, second)
    assert (result.verdict, told, second.runs) == (Verdict.OK, [], 0)


def test_an_engine_that_cannot_gives_way_with_a_notice() -> None:
    engines = [
        FakeEngine("a", EngineError("no state")),
        FakeEngine("b", ToolMissingError("no mkfs")),
        FakeEngine("c"),
    ]
    result, told = run(*engines)
    assert result.verdict is Verdict.OK
    assert result.notices == tuple(told)
    assert ["no state" in told[0], "trying b" in told[0]] == [True, True]
    assert ["no mkfs" in told[1], "trying c" in told[1]] == [True, True]


@pytest.mark.parametrize("verdict", [v for v in Verdict if v is not Verdict.OK])
def test_a_verdict_is_final_and_never_tried_again(verdict: Verdict) -> None:
    second = FakeEngine("b")
    result, _ = run(FakeEngine("a", RunResult(verdict, None, "a", 0.1, "")), second)
    assert result.verdict is verdict
    assert second.runs == 0


def test_when_no_engine_can_the_last_reason_is_raised() -> None:
    with pytest.raises(EngineError, match="second"):
        run(FakeEngine("a", EngineError("first")), FakeEngine("b", EngineError("second")))


def test_missing_drivers_skip_the_engines_that_need_them() -> None:
    missing = MissingDriversError("kernel x has no erofs", ["erofs"])
    cold = FakeEngine("cold", needs=frozenset({"erofs"}))
    virtme = FakeEngine("virtme")
    result, _ = run(FakeEngine("snapshot", missing), cold, virtme)
    assert result.verdict is Verdict.OK
    assert (cold.runs, virtme.runs) == (0, 1)


def test_a_kernel_without_drivers_for_any_engine_has_failed_to_boot() -> None:
    missing = MissingDriversError("kernel x has no 9p", ["9p"])
    result, _ = run(FakeEngine("snapshot", missing), FakeEngine("virtme", needs=frozenset({"9p"})))
    assert result.verdict is Verdict.BOOT_FAILED
    assert "CONFIG_9P_FS" in " ".join(result.notices)


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        ("auto", ["snapshot", "cold", "virtme"]),
        ("snapshot", ["snapshot", "cold"]),
        ("cold", ["cold"]),
        ("virtme", ["virtme"]),
    ],
)
def test_engines_of_a_choice(tmp_path: Path, choice: str, names: list[str]) -> None:
    engines = choose_engines(choice, tmp_path, Accelerator("tcg"))
    assert [engine.name for engine in engines] == names
    assert choice in ENGINES


def test_an_unknown_choice_is_told_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="snapshot"):
        choose_engines("docker", tmp_path, Accelerator("tcg"))


@pytest.mark.parametrize(
    "job",
    [
        pytest.param(Job([], Path("/")), id="no-command"),
        pytest.param(Job(["x"], Path("relative")), id="relative-directory"),
        pytest.param(Job(["x"], Path("/no/such/directory")), id="no-directory"),
        pytest.param(Job(["x"], Path("/"), share=Path("/no/such")), id="no-share"),
        pytest.param(Job(["x"], Path("/"), cpus=0), id="no-cpu"),
        pytest.param(Job(["x"], Path("/"), memory_mib=10), id="no-memory"),
    ],
)
def test_a_job_that_cannot_run_anywhere_is_refused_before_anything_starts(job: Job) -> None:
    with pytest.raises(EngineError):
        check_job(job)


def test_the_environment_names_the_accelerator(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VMLAB_ACCEL", "tcg")
    assert probe_acceleration(tmp_path).name == "tcg"
    monkeypatch.setenv("VMLAB_ACCEL", "warp")
    with pytest.raises(EngineError, match="kvm or tcg"):
        probe_acceleration(tmp_path)


def test_an_accelerator_is_one_of_two() -> None:
    assert named_accelerator("kvm", "").arguments[:2] == ("-accel", "kvm")
    with pytest.raises(EngineError):
        named_accelerator("hvf", "")


def test_virtme_gets_the_kernels_command_line_and_no_kvm_where_there_is_none() -> None:
    place = Path("/cache/tmp/virtme-x")
    argv = virtme_arguments(place, IMAGE, Accelerator("tcg"), 2, 1024)
    assert f"--kimg={place}/vmlinuz" in argv
    assert "--kopt=lsm=bpf" in argv
    assert "--mods=none" in argv
    assert "--disable-kvm" in argv
    assert "--disable-kvm" not in virtme_arguments(place, IMAGE, Accelerator("kvm"), 2, 1024)


def test_virtme_runs_the_agent_over_a_port_of_ours() -> None:
    argv = port_arguments(7, 8, Path("/share"))
    assert any("virtserialport" in word and "name=vmlab.agent" in word for word in argv)
    assert "main('host')" in agent_command().replace("'\"'\"'", "'")
