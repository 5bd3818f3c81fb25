from __future__ import annotations

import errno
import json
import multiprocessing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes.kernel_files import write
from vmlab.cache import ENTRY_NAME, Cache, Entry, cache_root, tree_size
from vmlab.errors import CacheError
from vmlab.model import Kernel

ENTRY = Entry(
    id="6.1",
    release="6.1.0-test",
    digest="d" * 64,
    stands_for="debian:pin",
    origin="test",
    image_size=6,
    size=100,
)
KERNEL = Kernel("6.1", "6.1", "why", "differs", (), ("lsm=bpf",))


def put(cache: Cache, entry: Entry = ENTRY) -> Path:
    """Make an entry as a source would."""
    with (
        cache.hold(entry.id, exclusive=True, notice=lambda _text: None),
        cache.stage(entry.id) as staged,
    ):
        out = staged / "out"
        write(out / "vmlinuz", b"kernel")
        write(out / f"lib/modules/{entry.release}/modules.dep")
        cache.commit(out, entry)
    return cache.directory(entry.id, entry.digest)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        pytest.param({"VMLAB_CACHE": "/c", "XDG_CACHE_HOME": "/x"}, "/c", id="own"),
        pytest.param({"XDG_CACHE_HOME": "/x"}, "/x/bpfkit-vmlab", id="xdg"),
        pytest.param({"XDG_CACHE_HOME": "rel"}, "~/.cache/bpfkit-vmlab", id="xdg-relative"),
        pytest.param({}, "~/.cache/bpfkit-vmlab", id="home"),
    ],
)
def test_the_root_follows_the_environment(environ: dict[str, str], expected: str) -> None:
    assert cache_root(environ) == Path(expected).expanduser()


def test_looking_makes_nothing(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    assert cache.entries() == []
    assert cache.find("6.1", "debian:pin") is None
    assert not cache.root.exists()


def test_a_committed_kernel_is_found_and_boots(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    directory = put(cache)
    assert cache.find("6.1", "debian:pin") == ENTRY
    assert cache.find("6.1", "debian:other") is None
    image = cache.image(ENTRY, KERNEL)
    assert image.image == directory / "vmlinuz"
    assert image.modules == directory / "lib/modules/6.1.0-test"
    assert image.config is None
    assert image.cmdline == ("lsm=bpf",)
    assert list((tmp_path / "tmp").iterdir()) == []


def test_an_interrupted_kernel_leaves_nothing(tmp_path: Path) -> None:
    cache = Cache(tmp_path)

    def interrupted() -> None:
        with cache.stage("6.1") as staged:
            write(staged / "out/vmlinuz")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list((tmp_path / "tmp").iterdir()) == []
    assert cache.entries() == []


def test_what_a_killed_run_left_goes_with_the_next_one(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    write(tmp_path / "tmp/6.1-abc_def1/out/vmlinuz")
    other = write(tmp_path / "tmp/6.1-rt-abcdefgh/out/vmlinuz")
    put(cache)
    assert not (tmp_path / "tmp/6.1-abc_def1").exists()
    assert other.exists(), "it belongs to the kernel 6.1-rt"


def test_a_kernel_can_be_replaced(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    put(cache)
    put(cache, replace(ENTRY, origin="again"))
    found = cache.find("6.1", "debian:pin")
    assert found is not None
    assert found.origin == "again"
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda d: (d / "vmlinuz").unlink(), id="no-image"),
        pytest.param(lambda d: (d / "vmlinuz").write_bytes(b"half"), id="half-image"),
        pytest.param(
            lambda d: (d / "lib/modules/6.1.0-test/modules.dep").unlink(), id="no-modules-dep"
        ),
        pytest.param(lambda d: (d / ENTRY_NAME).write_text("{"), id="half-description"),
        pytest.param(lambda d: (d / ENTRY_NAME).write_text("[]"), id="strange-description"),
        pytest.param(lambda d: d.rename(d.with_name("e" * 16)), id="moved"),
    ],
)
def test_a_damaged_entry_is_an_error_that_says_how_to_mend_it(tmp_path: Path, damage) -> None:  # noqa: ANN001
    cache = Cache(tmp_path)
    damage(put(cache))
    with pytest.raises(CacheError, match=r"vmlab fetch --force 6\.1"):
        cache.find("6.1", "debian:pin")


def test_an_entry_of_an_older_layout_counts_as_absent(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    description = put(cache) / ENTRY_NAME
    description.write_text(json.dumps({**json.loads(description.read_text()), "format": 0}))
    assert cache.find("6.1", "debian:pin") is None


def test_damaged_entries_can_be_dropped(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    broken = put(cache, replace(ENTRY, digest="b" * 64))
    (broken / ENTRY_NAME).write_text("{")
    whole = put(cache)
    cache.drop_damaged("6.1")
    assert not broken.exists()
    assert whole.exists()


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (errno.ENOSPC, "vmlab prune"),
        (errno.EDQUOT, "vmlab prune"),
        (errno.EACCES, "VMLAB_CACHE"),
        (errno.EROFS, "VMLAB_CACHE"),
        (errno.EIO, "VMLAB_CACHE"),
    ],
)
def test_what_the_file_system_refuses_is_a_cache_error(
    tmp_path: Path, number: int, text: str
) -> None:
    cache = Cache(tmp_path)
    with pytest.raises(CacheError, match=text), cache.stage("6.1"):
        raise OSError(number, "refused")
    assert list((tmp_path / "tmp").iterdir()) == []


def test_shared_holders_do_not_exclude_each_other(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    with cache.hold("6.1", exclusive=False), cache.hold("6.1", exclusive=False):
        pass


def test_a_kernel_in_use_cannot_be_held_alone(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    with (
        cache.hold("6.1", exclusive=False),
        pytest.raises(CacheError, match="in use"),
        cache.hold("6.1", exclusive=True),
    ):
        pass
    with cache.hold("6.1", exclusive=True):
        pass


def _put_many(root: str, times: int) -> None:
    for _ in range(times):
        put(Cache(Path(root)))


def test_makers_of_one_kernel_take_turns(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    makers = [context.Process(target=_put_many, args=(str(tmp_path), 5)) for _ in range(3)]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()
        assert maker.exitcode == 0
    assert Cache(tmp_path).find("6.1", "debian:pin") == ENTRY
    assert list((tmp_path / "tmp").iterdir()) == []


def test_sizes_count_what_is_on_disk(tmp_path: Path) -> None:
    write(tmp_path / "a/b", b"x" * 5000)
    assert tree_size(tmp_path) >= 5000
    assert tree_size(tmp_path / "missing") == 0
