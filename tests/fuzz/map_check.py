"""Random operations on maps of this machine's kernel and on their models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from bpfkit.errors import SyscallError
from bpfkit.features.probe import Support
from bpfkit.system import System
from conformance.fuzz.maps import KINDS, Plain, twin_of

from .checks import Difference, Draw, Tools

STEPS = 60


def check_maps(draw: Draw, tools: Tools) -> None:
    """A map of the kernel does as its model, whatever is done to it."""
    del tools
    system = System.live()
    here = [k for k in KINDS if system.features.get(f"map_type/{k}") is Support.YES]
    kind = draw(st.sampled_from(here))

    def pick(options: Sequence[Any]) -> Plain:
        return draw(st.sampled_from(list(options)))

    told: list[str] = []
    with twin_of(kind, system) as twin:
        operations = twin.operations
        for _ in range(draw(st.integers(1, STEPS))):
            name = pick(sorted(operations))
            told.append(name)
            try:
                operations[name](pick)
            except (AssertionError, SyscallError) as error:
                raise Difference(f"{kind}: {', '.join(told)}: {error}") from error
