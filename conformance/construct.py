"""Cases that are data: statements that use a construct of C, and the numbers they must store."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from bpfkit.compiler.diagnostics import Diagnostic
from bpfkit.errors import CompileError

from .case import case
from .values import in_xdp

TEST_RUN = "4.12"
"""BPF_PROG_TEST_RUN, by which statements run."""


def construct(
    id: str,
    claim: str,
    body: str,
    numbers: Sequence[int],
    *,
    before: str = "",
    kernel: str = TEST_RUN,
) -> Callable[[], None]:
    """Make a case: ``body`` stores ``numbers`` with ``OUT(index, value)``, run in the kernel.

    ``before`` stands outside the program.
    """

    def test() -> None:
        found = in_xdp(body, len(numbers), before)
        assert found == list(numbers), f"{found}, not {list(numbers)}"

    test.__doc__ = claim
    return case(f"compiler/{id}", kernel=kernel)(test)


def refused(
    id: str, claim: str, body: str, message: str, *, before: str = "", at: str = ""
) -> Callable[[], None]:
    """Make a case: the compiler refuses ``body`` with ``message``, a place and a hint.

    The place is where ``at`` stands in the text, when it is given. The next text compiles and runs.
    """

    def test() -> None:
        with pytest.raises(CompileError) as caught:
            in_xdp(body, 1, before)
        found = caught.value.diagnostics[-1]
        assert message in found.message, found.render()
        assert found.hint, found.render()
        assert found.loc.line > 0
        assert at in column_on(found), found.render()
        assert in_xdp("OUT(0, 7);") == [7]

    test.__doc__ = claim
    return case(f"compiler/refusals/{id}", kernel=TEST_RUN)(test)


def column_on(found: Diagnostic) -> str:
    """What the line says from the caret on."""
    return found.source_line[max(found.loc.column - 1, 0) :]
