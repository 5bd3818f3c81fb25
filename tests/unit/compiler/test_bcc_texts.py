"""Whole programs of bcc's dialect reach the plan, and every program in them is an entry."""

from __future__ import annotations

import pytest

from tests.unit.compiler.bcc_chain import chain
from tests.unit.compiler.bcc_texts import PROGRAMS


@pytest.mark.parametrize("name", list(PROGRAMS))
def test_a_program_goes_through_the_front_half(name: str) -> None:
    result = chain(PROGRAMS[name])
    assert result.plan.entries
    assert not result.warnings
    assert all(i.function.body is not None for i in result.plan.instances)
    assert not [v for v in result.unit.globals if v.section.startswith("maps")]
