from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.fakes.kernel_files import write
from vmlab.cache import Cache, Entry
from vmlab.lock import Package, Pin
from vmlab.model import Kernel, SourceSpec
from vmlab.prune import plan_prune, remove

PIN = Pin("6.1.0-test", (Package("linux-image", "1", 1, "a" * 64),))
KERNELS = [
    Kernel("6.1", "6.1", "w", "d", (SourceSpec("debian", {"suites": ["s"]}),)),
    Kernel("6.12", "6.12", "w", "d", (SourceSpec("debian", {"suites": ["s"]}),)),
]


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    cache = Cache(tmp_path)
    for number, stands_for in enumerate((f"debian:{PIN.digest}", "debian:old")):
        entry = Entry("6.1", "6.1.0-test", str(number) * 64, stands_for, "o", 1, 1)
        with cache.hold("6.1", exclusive=True), cache.stage("6.1") as staged:
            write(staged / "out/vmlinuz", b"k")
            cache.commit(staged / "out", entry)
    write(tmp_path / "tmp/6.12-abcdefgh/vmlinuz")
    write(tmp_path / "tmp/removed-abcdefgh/x")
    write(tmp_path / "tmp/virtme-abcdefgh/shell")
    write(tmp_path / "apt/s/lock")
    write(tmp_path / "initramfs/6.1-aa.cpio")
    write(tmp_path / "initramfs/6.12-bb.cpio")
    write(tmp_path / "snapshots/k1/snapshot.json", json.dumps({"kernel": "6.1"}))
    write(tmp_path / "snapshots/k2/snapshot.json", json.dumps({"kernel": "6.12"}))
    write(tmp_path / "snapshots/k3/snapshot.json", "{")
    return cache


def planned(cache: Cache, **options: object) -> set[str]:
    plan = plan_prune(cache, KERNELS, {"6.1": PIN}, **options)  # type: ignore[arg-type]
    return {str(item.path.relative_to(cache.root)) for item in plan}


CURRENT = f"kernels/6.1/{'0' * 16}"
SUPERSEDED = f"kernels/6.1/{'1' * 16}"
REMADE = {"tmp/6.12-abcdefgh", "tmp/removed-abcdefgh", "tmp/virtme-abcdefgh", "apt"}


def test_by_default_pinned_kernels_stay_and_the_rest_goes(cache: Cache) -> None:
    assert planned(cache) == {SUPERSEDED, "snapshots", "initramfs"} | REMADE


def test_saved_guests_can_be_kept(cache: Cache) -> None:
    assert planned(cache, keep_derived=True) == {SUPERSEDED} | REMADE


def test_a_named_kernel_goes_with_what_was_made_of_it_and_nothing_else(cache: Cache) -> None:
    assert planned(cache, named={"6.1"}) == {
        CURRENT,
        SUPERSEDED,
        "initramfs/6.1-aa.cpio",
        "snapshots/k1",
    }


def test_everything_means_every_kernel(cache: Cache) -> None:
    assert planned(cache, everything=True) >= {CURRENT, SUPERSEDED, "snapshots"}


def test_a_damaged_kernel_goes_and_its_neighbour_stays(cache: Cache) -> None:
    write(cache.root / SUPERSEDED / "entry.json", "{")
    plan = planned(cache)
    assert SUPERSEDED in plan
    assert CURRENT not in plan


def test_what_is_planned_is_removed(cache: Cache) -> None:
    told: list[str] = []
    for item in plan_prune(cache, KERNELS, {"6.1": PIN}, everything=True):
        assert remove(cache, item, told.append)
        assert not item.path.exists()
    assert told == []
    assert cache.entries() == []
    assert list((cache.root / "tmp").iterdir()) == []


def test_a_kernel_in_use_stays_with_a_notice(cache: Cache) -> None:
    told: list[str] = []
    with cache.hold("6.1", exclusive=False):
        for item in plan_prune(cache, KERNELS, {"6.1": PIN}, named={"6.1"}):
            assert not remove(cache, item, told.append)
            assert item.path.exists()
    assert len(told) == 4
    assert all("in use" in text for text in told)


@pytest.mark.parametrize("held", ["6.1", "6.12", "image", "own"])
def test_what_any_run_may_use_stays_while_there_is_one(cache: Cache, held: str) -> None:
    """The kernel of the run need not have been used before: 6.12 has no lock file yet."""
    with cache.hold("own", exclusive=False):  # a kernel of a manifest that is gone
        pass
    plan = plan_prune(cache, KERNELS, {"6.1": PIN})
    shared = {"apt", "snapshots", "initramfs", "virtme-abcdefgh"}
    with cache.hold(held, exclusive=False):
        kept = {item.path.name for item in plan if not remove(cache, item, lambda _text: None)}
    assert kept >= shared
    assert "removed-abcdefgh" not in kept


def test_an_empty_cache_has_nothing_to_free(tmp_path: Path) -> None:
    assert plan_prune(Cache(tmp_path / "none"), KERNELS, {}, everything=True) == []
