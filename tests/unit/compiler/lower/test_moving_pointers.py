"""A pointer that moves step by step comes to an end in the analysis, wherever it points."""

from __future__ import annotations

import pytest

from conformance.fuzz.jit import Jit
from tests.unit.compiler.lower.executed import check


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param("u64 *w = m; w += 2; o[0] = w - m;", [2], id="+="),
        pytest.param("u64 *w = m + 3; w -= 2; o[0] = w - m;", [1], id="-="),
        pytest.param("u64 *w = m; w++; ++w; w--; o[0] = *w;", [9], id="++"),
        pytest.param("u8 *w = (u8 *)m; for (int i = 0; i < 8; i++) o[0] += *w++;", [3], id="loop"),
        pytest.param("u64 *w = m; w = w + 1; o[0] = *w;", [9], id="assigned"),
        pytest.param("u64 w = (u64)m; w += 8; o[0] = *(u64 *)w;", [9], id="as-a-number"),
    ],
)
def test_the_context_can_be_walked(jit: Jit, body: str, expected: list[int]) -> None:
    check(jit, body, expected, [3, 9])
