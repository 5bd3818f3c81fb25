"""What the tests that run lowered texts share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from conformance.fuzz.jit import Jit


@pytest.fixture(scope="module")
def jit() -> Iterator[Jit]:
    """A child that runs modules, one for each file of tests."""
    with Jit() as child:
        yield child
