from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from bpfkit.compat.bcc import live
from bpfkit.compat.bcc.groups import Group, Member, works_in_groups

if TYPE_CHECKING:
    from bpfkit.collection import Collection
    from bpfkit.links.base import Link
    from bpfkit.obj.spec import ObjectSpec


class FakeLink:
    def __init__(self, targets: list[int]) -> None:
        self.targets = targets
        self.closed = False

    def close(self) -> None:
        self.closed = True


class FakeCollection:
    def __init__(self) -> None:
        self.owned: list[object] = []

    def own(self, thing: object) -> None:
        self.owned.append(thing)

    def disown(self, thing: object) -> None:
        self.owned.remove(thing)


def group() -> tuple[Group[int], FakeCollection, list[FakeLink]]:
    made: list[FakeLink] = []

    def attach(targets: list[int]) -> Link:
        made.append(FakeLink(targets))
        return cast("Link", made[-1])

    collection = FakeCollection()
    targets = {"a": 1, "b": 2, "c": 3}
    return Group(cast("Collection", collection), targets, attach), collection, made


def test_all_targets_are_one_link() -> None:
    _, collection, made = group()
    assert [link.targets for link in made] == [[1, 2, 3]]
    assert collection.owned == made


def test_taking_one_out_makes_a_link_for_the_rest() -> None:
    whole, collection, made = group()
    Member(whole, "b").close()
    assert [(link.targets, link.closed) for link in made] == [([1, 2, 3], True), ([1, 3], False)]
    assert collection.owned == made[1:]
    Member(whole, "b").close()  # twice is harmless
    assert len(made) == 2


def test_taking_the_last_out_leaves_nothing() -> None:
    whole, collection, made = group()
    whole.remove(["a", "b", "c"])
    assert [link.closed for link in made] == [True]
    assert collection.owned == []


def call(number: int, source: int = 0) -> bytes:
    return bytes([0x85, source << 4, 0, 0]) + number.to_bytes(4, "little")


class Function:
    def __init__(self, insns: bytes) -> None:
        self.insns = insns


@pytest.mark.parametrize(
    ("insns", "expected"),
    [
        (call(14) + call(1), True),
        (call(27), False),  # bpf_get_stackid
        (call(58), False),  # bpf_override_return
        (call(14) + call(67), False),  # bpf_get_stack
        (call(27, source=1), True),  # a function of the program's own
        (b"", True),
    ],
)
def test_programs_that_must_be_attached_alone_are_known(
    monkeypatch: pytest.MonkeyPatch, insns: bytes, expected: bool
) -> None:
    monkeypatch.setattr(live, "reachable", lambda spec, name: [Function(insns)], raising=False)
    assert works_in_groups(cast("ObjectSpec", None), "f") is expected
