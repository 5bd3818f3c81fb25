"""Random operations on maps of the kernel in memory and on their models, chosen by Hypothesis."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from conformance.fuzz.maps import KINDS, Plain, Twin, run, twin_of
from tests.fakes.system import fake_system

FEW = settings(
    max_examples=15, stateful_step_count=30, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)  # fmt: skip


class Machine(RuleBasedStateMachine):
    """A map and its model; ``kind`` and ``batches`` are set by who runs it."""

    kind = ""
    batches = True
    take = True

    def __init__(self) -> None:
        super().__init__()
        self.stack = contextlib.ExitStack()
        self.twin: Twin

    @initialize()
    def begin(self) -> None:
        root = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        system, calls = fake_system(root)
        calls.has_batches, calls.has_take = self.batches, self.take
        self.twin = self.stack.enter_context(twin_of(self.kind, system))

    @rule(data=st.data())
    def operate(self, data: st.DataObject) -> None:
        def pick(options: Sequence[Any]) -> Plain:
            return data.draw(st.sampled_from(list(options)))

        operations: dict[str, Callable[..., None]] = self.twin.operations
        operations[pick(sorted(operations))](pick)

    def teardown(self) -> None:
        self.stack.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_map_does_as_its_model(kind: str) -> None:
    run_state_machine_as_test(type("One", (Machine,), {"kind": kind}), settings=FEW)


@pytest.mark.parametrize("kind", ["hash", "percpu_hash", "array", "lpm_trie"])
def test_a_map_does_as_its_model_on_a_kernel_without_batches(kind: str) -> None:
    body = {"kind": kind, "batches": False, "take": False}
    run_state_machine_as_test(type("Old", (Machine,), body), settings=FEW)


def test_a_difference_is_told_with_seed_step_and_operation(tmp_path: Path) -> None:
    system, calls = fake_system(tmp_path)
    with twin_of("hash", system) as twin:
        calls.map_delete = lambda fd, key, *, subject="": True  # type: ignore[method-assign]
        with pytest.raises(AssertionError, match=r"seed 1, step \d+, "):
            run(twin, 1, 500)
