"""Fields of values that the kernel runs, found in BTF; where an arena's globals lie."""

from __future__ import annotations

import pytest

from bpfkit.btf.decode import decode
from bpfkit.btf.encode import encode
from bpfkit.btf.types import Array, Btf, Int, Member, Ptr, Struct, Type, Typedef, TypeTag
from bpfkit.errors import FormatError
from bpfkit.obj.arena import FARTHEST, PAGE_BYTES, arena_of, place_globals
from bpfkit.obj.spec import MapSpec
from bpfkit.obj.special import doubled, explain, special_fields
from bpfkit.uapi.bpf import MapType

INT = Int("int", 4, 32, signed=True)


def names(*types: Type) -> list[str]:
    """The special fields of the last type."""
    btf: Btf = decode(encode(types))
    return [field.name for field in special_fields(btf, len(types))]


def value(*members: tuple[str, int]) -> Struct:
    return Struct("value", 64, tuple(Member(n, t, 64 * i) for i, (n, t) in enumerate(members)))


LOCK = Struct("bpf_spin_lock", 4, (Member("val", 1, 0),))
TIMER = Struct("bpf_timer", 16, (Member("opaque", 1, 0),))


def test_plain_values_have_none() -> None:
    assert names(INT, value(("a", 1), ("b", 1))) == []


def test_records_are_found_by_their_names_wherever_they_stand() -> None:
    inner = Struct("inner", 16, (Member("timer", 3, 0),))
    found = names(INT, LOCK, TIMER, inner, Typedef("alias", 4), value(("l", 2), ("in", 5)))
    assert found == ["bpf_spin_lock", "bpf_timer"]


def test_an_array_of_locks_counts_as_several() -> None:
    assert names(INT, LOCK, Array(2, 1, 9), value(("many", 3))) == ["bpf_spin_lock"] * 2
    assert names(INT, LOCK, Array(2, 1, 1), value(("one", 3))) == ["bpf_spin_lock"]


def test_references_are_found_by_their_tag() -> None:
    task = Struct("task_struct", 4, (Member("pid", 1, 0),))
    tagged = names(INT, task, TypeTag("kptr", 2), Ptr(3), value(("task", 4)))
    assert tagged == ["kptr"]
    assert names(INT, task, TypeTag("user", 2), Ptr(3), value(("task", 4))) == []


def test_only_one_lock_fits_in_a_value() -> None:
    twice = special_fields(decode(encode([INT, LOCK, value(("a", 2), ("b", 2))])), 3)
    found = doubled(twice)
    assert found is not None
    assert found.name == "bpf_spin_lock"
    assert doubled(twice[:1]) is None


def test_explanations_name_the_maps_that_may_hold_a_field() -> None:
    (lock,) = special_fields(decode(encode([INT, LOCK, value(("a", 2))])), 3)
    text = explain([lock], MapType.PERCPU_ARRAY)
    assert text.startswith("a BPF_MAP_TYPE_PERCPU_ARRAY cannot hold a bpf_spin_lock")
    assert "BPF_MAP_TYPE_HASH" in text
    assert "bpf_spin_lock (Linux 5.1)" in explain([lock], MapType.HASH)


def arena(pages: int) -> MapSpec:
    return MapSpec("arena", MapType.ARENA, 0, 0, pages)


def test_globals_lie_at_the_end_of_their_arena() -> None:
    placed = place_globals({"arena": arena(10)}, bytes(PAGE_BYTES + 1))["arena"]
    assert placed.initial_offset == 8 * PAGE_BYTES
    assert placed.initial == bytes(PAGE_BYTES + 1)


def test_globals_of_a_huge_arena_stay_within_an_instructions_reach() -> None:
    placed = place_globals({"arena": arena(1 << 20)}, b"x")["arena"]
    assert placed.initial_offset == FARTHEST - PAGE_BYTES


@pytest.mark.parametrize("maps", [{}, {"one": arena(1), "two": arena(1)}], ids=["none", "two"])
def test_globals_need_one_arena(maps: dict[str, MapSpec]) -> None:
    with pytest.raises(FormatError, match=f"{len(maps)} maps of type arena"):
        arena_of(maps)


def test_globals_must_fit() -> None:
    with pytest.raises(FormatError, match=r"has 1 page\(s\), and its globals take 2"):
        place_globals({"arena": arena(1)}, bytes(PAGE_BYTES + 1))
