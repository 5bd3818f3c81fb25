from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from conformance import __main__ as program
from conformance.record import CaseRecord, KernelRecord, Outcome, append_records
from conformance.several import Ended, run_several


def python(text: str) -> list[str]:
    return [sys.executable, "-S", "-c", text]


def children() -> set[str]:
    """The processes that this one started and that are not collected yet."""
    threads = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    return {pid for path in threads for pid in path.read_text().split()}


def test_each_command_is_given_with_its_status_and_output() -> None:
    commands = {"a": python("print('one')"), "b": python("import sys; sys.exit('two')")}
    ended = {e.name: e for e in run_several(commands, 2)}
    assert ended == {"a": Ended("a", 0, b"one\n"), "b": Ended("b", 1, b"two\n")}


def test_no_more_run_at_a_time_than_asked_for(tmp_path: Path) -> None:
    alone = f"import os; os.mkdir({str(tmp_path / 'busy')!r}); os.rmdir({str(tmp_path / 'busy')!r})"
    ended = list(run_several({str(n): python(alone) for n in range(4)}, 1))
    assert [e.name for e in ended] == ["0", "1", "2", "3"]
    assert all(e.status == 0 for e in ended)


def test_whoever_leaves_takes_the_commands_along() -> None:
    forever = python("import time; print(1, flush=True); time.sleep(600)")
    before = children()  # a compiler's child may have been left by another test
    running = run_several({"short": python("pass"), "long": forever}, 2)
    assert next(running).name == "short"
    started = time.monotonic()
    running.close()
    assert time.monotonic() - started < 30
    assert children() == before


def case_record(kernel: str, outcome: Outcome) -> CaseRecord:
    return CaseRecord(kernel, "maps/hash", "a claim", outcome, "", 0.1)


@pytest.mark.parametrize(
    ("statuses", "outcome", "status"),
    [
        ((0, 0), Outcome.PASS, 0),
        ((0, 1), Outcome.FAIL, 1),
        ((0, 2), Outcome.PASS, 2),
        ((0, 130), Outcome.PASS, 130),
    ],
)
def test_a_set_merges_records_and_statuses(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    statuses: tuple[int, int],
    outcome: Outcome,
    status: int,
) -> None:
    def run(commands: dict[str, list[str]], jobs: int) -> list[Ended]:
        for kernel, code in zip(commands, statuses, strict=True):
            head = KernelRecord(kernel, "1", "x", "c", "p", "ok", 1.0)
            found = case_record(kernel, outcome if code else Outcome.PASS)
            append_records(tmp_path / f"{kernel}.jsonl", [head, found])
        return [Ended(k, code, b"") for k, code in zip(commands, statuses, strict=True)]

    monkeypatch.setattr(program, "run_several", run)
    assert program.main(["set", "ends", "--out", str(tmp_path)]) == status
    if status != 130:
        assert "7.3" in (tmp_path / "ends.md").read_text()
