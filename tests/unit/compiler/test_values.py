"""What a child says is read as data: classes of this package, and nothing that runs."""

from __future__ import annotations

import os
import pickle

import pytest

from bpfkit.compiler.diagnostics import Diagnostic, Loc, Severity
from bpfkit.compiler.values import read_value, write_value

SAID = Diagnostic(Severity.ERROR, "message", Loc("a.c", 1, 2), "line", "hint")


def test_values_of_ours_come_back() -> None:
    value = [SAID, (1, None, b"bytes"), {"key": Severity.NOTE}]
    assert read_value(write_value(value)) == value


@pytest.mark.parametrize(
    "foreign",
    [
        pytest.param(os.system, id="function"),
        pytest.param(write_value, id="function-of-ours"),
        pytest.param(pytest.Item, id="class-of-another-package"),
    ],
)
def test_what_could_run_is_not_read(foreign: object) -> None:
    with pytest.raises(ValueError, match="no value of ours"):
        read_value(pickle.dumps(foreign))


def test_damaged_values_are_an_error() -> None:
    data = write_value([SAID])
    for length in range(len(data)):
        with pytest.raises(ValueError, match="no value of ours"):
            read_value(data[:length])
