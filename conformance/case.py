"""A case: one claim about kernels, written as a test function with an id, a sentence and its needs.

    @case("maps/hash/increment", kernel="3.19", feature="map_type/hash")
    def test_increment_creates_the_missing_key() -> None:
        \"\"\"``t.increment(k)`` on a hash starts a missing key at the increment.\"\"\"

The docstring's first line is the claim, as reports print it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from .requires import Requirement

Test = TypeVar("Test", bound=Callable[..., object])
MARK = "__conformance_case__"


@dataclass(frozen=True, slots=True)
class Case:
    """What identifies a case and what it needs."""

    id: str
    doc: str
    needs: Requirement


def case(
    id: str, *, kernel: str = "", feature: str = "", config: str = "", arch: str = ""
) -> Callable[[Test], Test]:
    """Declare the decorated test function to be the case ``id``."""

    def declare(test: Test) -> Test:
        doc = (inspect.getdoc(test) or "").split("\n\n")[0].replace("\n", " ")
        if not doc:
            raise TypeError(f"case {id!r} needs a docstring: the claim it proves")
        needs = Requirement(kernel=kernel, feature=feature, config=config, arch=arch)
        setattr(test, MARK, Case(id, doc, needs))
        return test

    return declare


def case_of(test: Callable[..., object]) -> Case | None:
    """The case a test function was declared to be."""
    declared = getattr(test, MARK, None)
    return declared if isinstance(declared, Case) else None
