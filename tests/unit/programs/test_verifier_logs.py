"""Real logs of three kernels, and what people read of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from bpfkit.programs.verifier import explain
from bpfkit.programs.verifier_log import read_log

LOGS = Path(__file__).resolve().parents[2] / "data" / "verifier_logs"
KERNELS = sorted(path.name for path in LOGS.iterdir() if path.is_dir())
ALL = sorted(LOGS.glob("*/*.log"))
EXPLAINED = "explained.txt"


def explained(kernel: str) -> str:
    """What is made of every log of a kernel."""
    parts = []
    for path in sorted((LOGS / kernel).glob("*.log")):
        told = explain(path.read_text())
        parts.append(f"== {path.stem}\n{told.summary}\nhint: {told.hint}\n")
    return "\n".join(parts)


@pytest.mark.parametrize("kernel", KERNELS)
def test_logs_read_as_they_did(kernel: str) -> None:
    assert explained(kernel) == (LOGS / kernel / EXPLAINED).read_text()


@pytest.mark.parametrize("path", ALL, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_cause_has_a_complaint_and_a_hint(path: Path) -> None:
    told = explain(path.read_text())
    assert "verifier: " in told.summary
    assert told.hint


@pytest.mark.parametrize("path", ALL, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_log_cut_anywhere_is_read_without_an_error(path: Path) -> None:
    lines = path.read_text().splitlines()
    for end in range(0, len(lines), max(len(lines) // 20, 1)):
        explain("\n".join(lines[:end]))
        read_log("\n".join(line[: len(line) // 2] for line in lines[:end]))


def test_an_atomic_operation_that_came_later_is_dated() -> None:
    log = "0: (db) lock *(u64 *)(r0 +0) += r1\nBPF_STX uses reserved fields\n"
    assert "Linux 5.12" in explain(log).hint


def test_the_other_way_of_a_jump_is_followed_back() -> None:
    log = """\
0: R1=ctx() R10=fp0
; if (a) @ p.c:1
0: (15) if r1 == 0x0 goto pc+2
; if (b) @ p.c:2
1: (15) if r2 == 0x0 goto pc+1
2: (95) exit

from 1 to 3: R1=ctx() R2=0 R10=fp0
; use(c) @ p.c:3
3: (79) r0 = *(u64 *)(r2 +0)
R2 invalid mem access 'scalar'
"""
    reading = read_log(log)
    told = [(b.step.source, b.condition, b.held) for b in reading.branches()]
    assert told == [("if (b)", "r2 == 0x0", True), ("if (a)", "r1 == 0x0", False)]
    assert reading.state_of("R2") == "0"


def test_what_was_written_since_is_not_told() -> None:
    log = "0: R2=ctx() R10=fp0\n0: (bf) r2 = r1\n1: (79) r0 = *(u64 *)(r2 +0)\nR2 invalid\n"
    assert read_log(log).state_of("R2") == ""


if __name__ == "__main__":
    for _kernel in KERNELS:
        (LOGS / _kernel / EXPLAINED).write_text(explained(_kernel))
