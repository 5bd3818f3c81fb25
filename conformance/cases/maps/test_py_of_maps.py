"""Maps of maps from Python alone."""

from __future__ import annotations

import pytest

from bpfkit.errors import SyscallError
from bpfkit.maps.array import ArrayMap
from bpfkit.maps.hash import HashMap
from bpfkit.maps.of_maps import ArrayOfMaps, HashOfMaps, MapOfMaps
from bpfkit.system import System
from conformance.case import case
from conformance.fuzz.maps import run, twin_of
from conformance.map_life import check_opening
from tests.contracts.maps import check_slots


def life(outer: MapOfMaps[int], inner: HashMap[int, int], kind: str) -> None:
    """Contract, opening what is inside, the wrong kind, random operations."""
    with (
        outer,
        HashMap[int, int].create(name="o", key="u32", value="u64", max_entries=4) as other,
        ArrayMap[int].create(name="w", value="u64", max_entries=4) as wrong,
    ):
        check_slots(outer, [0, 1, 2], [inner, other], [inner.id, other.id])
        check_opening(outer)
        outer[1] = inner
        inner[5] = 6
        with outer[1] as found:
            assert isinstance(found, HashMap)
            assert found.raw.lookup((5).to_bytes(4, "little")) == (6).to_bytes(8, "little")
        with pytest.raises(SyscallError, match="EINVAL"):
            outer[2] = wrong
    for seed in range(3):
        with twin_of(kind, System.live()) as twin:
            run(twin, seed, 60)


@case("maps/py/array-of-maps", kernel="4.14", feature="map_type/array_of_maps")
def test_an_array_of_maps_from_python() -> None:
    """A map is assigned to an index by itself, and opened when the index is read."""
    with HashMap[int, int].create(name="i", key="u32", value="u64", max_entries=4) as inner:
        life(ArrayOfMaps.create(name="am", inner=inner, max_entries=3), inner, "array_of_maps")


@case("maps/py/hash-of-maps", kernel="4.14", feature="map_type/hash_of_maps")
def test_a_hash_of_maps_from_python() -> None:
    """A map is assigned to a key by itself, and opened when the key is read."""
    with HashMap[int, int].create(name="i", key="u32", value="u64", max_entries=4) as inner:
        outer: HashOfMaps[int] = HashOfMaps.create(name="hm", key="u32", inner=inner, max_entries=3)
        life(outer, inner, "hash_of_maps")
