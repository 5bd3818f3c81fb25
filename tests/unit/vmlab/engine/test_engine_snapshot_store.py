from __future__ import annotations

from pathlib import Path

import pytest

from vmlab.engine.accel import Accelerator
from vmlab.engine.qemu import Machine
from vmlab.engine.snapshot import SnapshotStore
from vmlab.errors import CacheError
from vmlab.model import KernelImage

IMAGE = KernelImage("6.12", "6.12.1", Path("i"), None, None, "d", "")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SnapshotStore:
    monkeypatch.setattr("vmlab.engine.snapshot.qemu_identity", lambda cache: "qemu")
    return SnapshotStore(tmp_path)


def machine(tmp_path: Path, *words: str) -> Machine:
    for name in ("k", "i", "r"):
        (tmp_path / name).touch()
    paths = (tmp_path / "k", tmp_path / "i", tmp_path / "r")
    return Machine(Accelerator("tcg"), 2, 1024, *paths, words)


def save(store: SnapshotStore, place: Path, content: bytes = b"state") -> None:
    with store.writing(place) as draft:
        (draft / "state").write_bytes(content)
        store.finish(draft, place, IMAGE)


def test_a_state_is_held_once_it_is_finished(store: SnapshotStore, tmp_path: Path) -> None:
    place = store.place(IMAGE, machine(tmp_path))
    assert not store.holds(place)
    save(store, place)
    assert store.holds(place)
    store.remove(place)
    assert not store.holds(place)


def test_a_writer_that_fails_leaves_nothing(store: SnapshotStore, tmp_path: Path) -> None:
    place = store.place(IMAGE, machine(tmp_path))

    def fail() -> None:
        with store.writing(place) as draft:
            (draft / "state").write_bytes(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert not store.holds(place)
    assert list(place.parent.iterdir()) == []


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda p: (p / "state").write_bytes(b"sta"), id="short"),
        pytest.param(lambda p: (p / "state").unlink(), id="gone"),
        pytest.param(lambda p: (p / "snapshot.json").write_text("{"), id="record-cut"),
        pytest.param(lambda p: (p / "snapshot.json").write_text("[]"), id="record-other"),
    ],
)
def test_a_damaged_state_is_not_held_and_can_be_saved_again(
    store: SnapshotStore, tmp_path: Path, damage: object
) -> None:
    place = store.place(IMAGE, machine(tmp_path))
    save(store, place)
    assert callable(damage)
    damage(place)
    assert not store.holds(place)
    save(store, place)
    assert store.holds(place)


def test_a_new_state_replaces_the_old_one_of_its_slot_alone(
    store: SnapshotStore, tmp_path: Path
) -> None:
    old, new = (store.place(IMAGE, machine(tmp_path, word)) for word in ("a", "b"))
    other = KernelImage("6.12-rt", "6.12.1-rt", Path("i"), None, None, "d", "")
    neighbour = store.place(other, machine(tmp_path, "a"))
    for place in (old, neighbour, new):
        save(store, place)
    assert [store.holds(place) for place in (old, neighbour, new)] == [False, True, True]
    assert store.lock(old) == store.lock(new) != store.lock(neighbour)


def test_a_filesystem_that_refuses_is_told_with_what_to_do(
    store: SnapshotStore, tmp_path: Path
) -> None:
    place = store.place(IMAGE, machine(tmp_path))
    with pytest.raises(CacheError, match="prune"), store.writing(place):
        raise OSError(28, "No space left on device")
