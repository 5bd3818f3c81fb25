"""Random structures go from Python to the kernel and back, and from C to Python."""

from __future__ import annotations

from bpfkit.errors import VerifierError
from conformance.fuzz.fields import differences, subject

from .checks import Difference, Draw, Tools, picker


def check_codec(draw: Draw, tools: Tools) -> None:
    """What Python writes, a program copies member by member and Python reads; and what C writes."""
    each = subject(picker(draw), "fz_")
    try:
        found = differences([each])
    except VerifierError as error:
        raise Difference(f"{each.text}\nrefused: {error}") from error
    if found:
        raise Difference("\n".join(found))
