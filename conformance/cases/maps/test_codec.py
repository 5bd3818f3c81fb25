"""Values of C types, between Python and the kernel: what one side writes, the other one reads."""

from __future__ import annotations

import random

from conformance.case import case
from conformance.fuzz.fields import differences, subject


def structures(seeds: range) -> None:
    """Send random structures to the kernel and back, and have C fill them."""
    found = differences([subject(random.Random(seed).choice, f"fz{seed}_") for seed in seeds])
    assert not found, "\n".join(found)


@case("maps/codec/structs-1", kernel="5.3", feature="map_type/array")
def test_structures_of_the_first_seeds() -> None:
    """Random structures arrive in C as Python wrote them, and in Python as C did (seeds 0 to 2)."""
    structures(range(3))


@case("maps/codec/structs-2", kernel="5.3", feature="map_type/array")
def test_structures_of_more_seeds() -> None:
    """Random structures arrive in C as Python wrote them, and in Python as C did (100 to 102)."""
    structures(range(100, 103))


@case("maps/codec/structs-3", kernel="5.3", feature="map_type/array")
def test_structures_of_still_more_seeds() -> None:
    """Random structures arrive in C as Python wrote them, and in Python as C did (200 to 202)."""
    structures(range(200, 203))


@case("maps/codec/structs-4", kernel="5.3", feature="map_type/array")
def test_structures_of_the_last_seeds() -> None:
    """Random structures arrive in C as Python wrote them, and in Python as C did (300 to 302)."""
    structures(range(300, 303))
