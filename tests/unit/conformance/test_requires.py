"""The rule that turns a requirement into run, skip or failure."""

from __future__ import annotations

import pytest

from conformance.requires import Answer, Decision, Requirement, Situation, decide

OLD, NEW = (5, 4, 0), (6, 1, 3)
NEED = Requirement(kernel="5.8", feature="map_type/ringbuf", config="BPF_SYSCALL")


def here(
    version: tuple[int, ...],
    probe: Answer | None,
    *,
    vanilla: bool = True,
    config: bool | None = True,
) -> Situation:
    return Situation(version, vanilla, config, probe, arch="x86_64")


@pytest.mark.parametrize(
    ("situation", "decision", "words"),
    [
        pytest.param(here(NEW, Answer.YES), Decision.RUN, "", id="new-yes"),
        pytest.param(here(OLD, Answer.NO), Decision.SKIP, "5.8", id="old-no"),
        pytest.param(here(NEW, Answer.NO), Decision.LIE, "missing", id="new-no"),
        pytest.param(here(OLD, Answer.YES), Decision.LIE, "table says 5.8", id="old-yes-vanilla"),
        pytest.param(
            here(OLD, Answer.YES, vanilla=False), Decision.RUN, "", id="old-yes-distribution"
        ),
        pytest.param(here(NEW, Answer.UNKNOWN), Decision.LIE, "could not finish", id="unknown"),
        pytest.param(
            here(NEW, Answer.NO, config=False), Decision.SKIP, "CONFIG_BPF_SYSCALL", id="no-config"
        ),
        pytest.param(here(NEW, Answer.YES, config=None), Decision.RUN, "", id="config-unknown"),
        pytest.param(here(NEW, None), Decision.RUN, "", id="release-alone-new"),
        pytest.param(here(OLD, None), Decision.SKIP, "5.8", id="release-alone-old"),
    ],
)
def test_the_rule(situation: Situation, decision: Decision, words: str) -> None:
    got, reason, _ = decide(NEED, situation)
    assert got is decision
    assert words in reason


def test_an_architecture_is_checked_first() -> None:
    need = Requirement(arch="s390x", feature="x")
    assert decide(need, here(NEW, Answer.UNKNOWN))[0] is Decision.SKIP


def test_the_release_itself_is_enough() -> None:
    assert decide(Requirement(kernel="5.8"), here((5, 8, 0), None))[0] is Decision.RUN
    assert decide(Requirement(kernel="5.10"), here((5, 8, 0), None))[0] is Decision.SKIP


def test_what_decided_is_recorded() -> None:
    assert decide(NEED, here(NEW, Answer.YES))[2] == "probe"
    assert decide(NEED, here(NEW, None))[2] == "release"
