from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tests.fakes.kernel_files import bzimage, vmlinux, write
from vmlab.errors import FetchError
from vmlab.model import Kernel
from vmlab.sources.image import image_instead_of, is_of_series, user_image

RELEASE = "6.12.1-test"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def image_file(path: Path) -> Path:
    return write(path, bzimage(gzip.compress(vmlinux())))


def test_a_bzimage_alone_is_enough(tmp_path: Path, cache: Path) -> None:
    file = image_file(tmp_path / "somewhere/bzImage")
    found = user_image(file, None, cache)
    assert (found.image, found.release, found.modules) == (file, RELEASE, None)
    assert found.id == "bzImage"
    assert str(file) in found.origin


def test_a_build_tree_gives_its_image_and_configuration(tmp_path: Path, cache: Path) -> None:
    file = image_file(tmp_path / "linux/arch/x86/boot/bzImage")
    config = write(tmp_path / "linux/.config", "CONFIG_BPF=y\n")
    found = user_image(tmp_path / "linux", None, cache, kernel_id="5.15", cmdline=("lsm=bpf",))
    assert (found.image, found.config) == (file, config)
    assert (found.id, found.cmdline) == ("5.15", ("lsm=bpf",))


@pytest.mark.parametrize(
    "given",
    [
        pytest.param("root", id="install-root"),
        pytest.param(f"root/lib/modules/{RELEASE}", id="release-directory"),
        pytest.param("root/lib/modules", id="above-the-release"),
    ],
)
def test_modules_are_found_at_or_below_what_is_named(
    tmp_path: Path, cache: Path, given: str
) -> None:
    file = image_file(tmp_path / "bzImage")
    index = write(tmp_path / f"root/lib/modules/{RELEASE}/modules.dep")
    assert user_image(file, tmp_path / given, cache).modules == index.parent


def test_modules_installed_beside_the_image_are_used(tmp_path: Path, cache: Path) -> None:
    file = image_file(tmp_path / "boot/vmlinuz-6.12.1-test")
    index = write(tmp_path / f"lib/modules/{RELEASE}/modules.dep")
    config = write(tmp_path / "boot/config-6.12.1-test")
    found = user_image(file, None, cache)
    assert (found.modules, found.config) == (index.parent, config)


def test_modules_of_another_release_are_refused(tmp_path: Path, cache: Path) -> None:
    file = image_file(tmp_path / "bzImage")
    other = write(tmp_path / "lib/modules/6.1.0/modules.dep").parent
    with pytest.raises(FetchError, match=r"6\.1\.0.*6\.12\.1-test"):
        user_image(file, other, cache)


def test_modules_without_index_name_the_depmod_to_run(tmp_path: Path, cache: Path) -> None:
    file = image_file(tmp_path / "bzImage")
    write(tmp_path / f"root/lib/modules/{RELEASE}/modules.order")
    with pytest.raises(FetchError, match=f"depmod -b {tmp_path}/root {RELEASE}"):
        user_image(file, tmp_path / "root", cache)


def test_no_modules_at_all_name_the_make_to_run(tmp_path: Path, cache: Path) -> None:
    file = image_file(tmp_path / "bzImage")
    with pytest.raises(FetchError, match="modules_install"):
        user_image(file, tmp_path / "nothing", cache)


@pytest.mark.parametrize("name", ["missing", "empty-directory"])
def test_a_path_without_kernel_is_refused(tmp_path: Path, cache: Path, name: str) -> None:
    (tmp_path / "empty-directory").mkdir()
    with pytest.raises(FetchError, match=name):
        user_image(tmp_path / name, None, cache)


def test_the_digest_follows_image_and_modules(tmp_path: Path, cache: Path) -> None:
    file = image_file(tmp_path / "bzImage")
    module = write(tmp_path / f"lib/modules/{RELEASE}/kernel/a.ko", b"1")
    write(tmp_path / f"lib/modules/{RELEASE}/modules.dep")
    first = user_image(file, None, cache).digest
    assert user_image(file, None, cache).digest == first
    write(module, b"22")
    second = user_image(file, None, cache).digest
    write(file, bzimage(gzip.compress(vmlinux() + b"changed")))
    assert len({first, second, user_image(file, None, cache).digest}) == 3


def test_a_cache_that_cannot_be_written_is_no_obstacle(tmp_path: Path) -> None:
    file = image_file(tmp_path / "bzImage")
    write(tmp_path / "cache", b"a file where the cache should be")
    assert user_image(file, None, tmp_path / "cache").release == RELEASE


@pytest.mark.parametrize(
    ("series", "told"),
    [
        pytest.param("6.12", [], id="of-the-series"),
        pytest.param("5.15", ["Linux 6.12.1-test, not of series 5.15"], id="of-another"),
    ],
)
def test_a_named_image_of_another_series_is_a_notice(
    tmp_path: Path, cache: Path, series: str, told: list[str]
) -> None:
    notices: list[str] = []
    kernel = Kernel(series, series, "", "", (), ("lsm=bpf",))
    file = image_file(tmp_path / "bzImage")
    found = image_instead_of(kernel, file, None, cache, notices.append)
    own_id = f"{series}-image"
    assert (found.id, found.release, found.cmdline) == (own_id, RELEASE, ("lsm=bpf",))
    assert [notice.partition(" is ")[2] for notice in notices] == told


@pytest.mark.parametrize("release", ["6.1", "6.1.0-56-amd64", "6.1-rc3", "6.1.192+deb12"])
def test_a_release_is_of_its_series(release: str) -> None:
    assert is_of_series(release, "6.1")
    assert not is_of_series(release, "6.12")
    assert not is_of_series(release.replace("6.1", "6.12"), "6.1")
