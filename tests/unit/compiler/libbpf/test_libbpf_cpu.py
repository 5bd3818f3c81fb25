"""Which instructions a kernel gets."""

from __future__ import annotations

import pytest

from bpfkit.compiler.target import cpu_for
from bpfkit.errors import CompileError


@pytest.mark.parametrize(
    ("version", "level"),
    [
        pytest.param((4, 4, 0), "v1", id="first"),
        pytest.param((4, 14, 0), "v2", id="unsigned-less-than"),
        pytest.param((5, 0, 21), "v2", id="before-32-bit-jumps"),
        pytest.param((5, 1, 0), "v3", id="32-bit-jumps"),
        pytest.param((7, 3, 0), "v3", id="newest"),
    ],
)
def test_a_kernel_gets_the_level_it_takes(version: tuple[int, int, int], level: str) -> None:
    assert cpu_for(version) == level


def test_a_level_can_be_asked_for() -> None:
    assert cpu_for((6, 6, 0), ["-DX", "-mcpu=v4"]) == "v4"
    assert cpu_for((6, 6, 0), ["-mcpu=v4", "-mcpu=v2"]) == "v2"


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        pytest.param("-mcpu=v4", "needs Linux 6.6", id="too-new"),
        pytest.param("-mcpu=probe", "no CPU level 'probe'", id="unknown"),
    ],
)
def test_a_level_the_kernel_has_not_is_refused(flag: str, words: str) -> None:
    with pytest.raises(CompileError, match=words):
        cpu_for((6, 1, 0), [flag])
