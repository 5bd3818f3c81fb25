from __future__ import annotations

import itertools

import pytest

from vmlab.engine.verdict import Ending, Phase, classify
from vmlab.model import Verdict

BOOT, RUN = Phase.BOOT, Phase.RUN
EXIT, REFUSED, GONE, DEADLINE = Ending.EXIT, Ending.REFUSED, Ending.GONE, Ending.DEADLINE


@pytest.mark.parametrize(
    ("phase", "ending", "status", "panicked", "verdict"),
    [
        pytest.param(RUN, EXIT, 0, False, Verdict.OK, id="exit-0"),
        pytest.param(RUN, EXIT, 1, False, Verdict.FAILED, id="exit-1"),
        pytest.param(RUN, EXIT, 137, False, Verdict.FAILED, id="killed"),
        pytest.param(RUN, EXIT, 0, True, Verdict.OK, id="panic-printed-by-the-command"),
        pytest.param(RUN, GONE, None, True, Verdict.PANIC, id="panic"),
        pytest.param(RUN, GONE, None, False, Verdict.LOST, id="qemu-killed"),
        pytest.param(RUN, DEADLINE, None, False, Verdict.TIMEOUT, id="endless-loop"),
        pytest.param(RUN, DEADLINE, None, True, Verdict.PANIC, id="panic-that-hangs"),
        pytest.param(RUN, EXIT, None, False, Verdict.LOST, id="exit-without-a-status"),
        pytest.param(BOOT, GONE, None, False, Verdict.BOOT_FAILED, id="no-boot"),
        pytest.param(BOOT, GONE, None, True, Verdict.BOOT_FAILED, id="panic-while-booting"),
        pytest.param(BOOT, DEADLINE, None, False, Verdict.BOOT_FAILED, id="boot-hangs"),
        pytest.param(BOOT, REFUSED, None, False, Verdict.BOOT_FAILED, id="agent-refuses"),
    ],
)
def test_verdict(
    phase: Phase, ending: Ending, status: int | None, panicked: bool, verdict: Verdict
) -> None:
    assert classify(phase, ending, status, panicked=panicked) is verdict


def test_nothing_but_an_exit_message_of_0_is_ever_ok() -> None:
    for phase, ending, status, panicked in itertools.product(
        Phase, Ending, (None, 0, 1), (False, True)
    ):
        verdict = classify(phase, ending, status, panicked=panicked)
        assert (verdict is Verdict.OK) == (ending is EXIT and status == 0)
