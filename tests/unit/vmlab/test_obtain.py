from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tests.fakes.debian_tools import NAME, RELEASE, SHA256, VERSION, DebianTools
from tests.fakes.kernel_files import bzimage, vmlinux, write
from vmlab.cache import Cache
from vmlab.errors import CacheError, FetchError
from vmlab.lock import Package, Pin
from vmlab.model import Kernel, SourceSpec
from vmlab.obtain import Obtainer

DEBIAN = SourceSpec("debian", {"suites": ["bookworm"]})
IMAGE = SourceSpec("image", {"image_env": "VMLAB_IMAGE_X", "modules_env": "VMLAB_MODULES_X"})
MAINLINE = SourceSpec("mainline", {"version": "v6.1"})
PIN = Pin(RELEASE, (Package(NAME, VERSION, 11, SHA256),))


def kernel(*sources: SourceSpec) -> Kernel:
    return Kernel("6.1", "6.1", "why", "differs", sources, ("lsm=bpf",))


class Lab:
    """An obtainer over fakes, and what it told."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tools = DebianTools(root / "tools")
        self.told: list[str] = []
        self.cache = Cache(root / "cache")
        environ = self.tools.environ()
        monkeypatch.setenv("PATH", environ["PATH"])
        self.obtainer = Obtainer(self.cache, {"6.1": PIN}, self.told.append, environ)


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    return Lab(tmp_path, monkeypatch)


def test_a_kernel_is_fetched_checked_unpacked_and_indexed_once(lab: Lab) -> None:
    image = lab.obtainer.obtain(kernel(DEBIAN))
    assert image.release == RELEASE
    assert image.digest == PIN.digest
    assert image.image.with_name("vmlinux").read_bytes() == vmlinux()
    assert image.modules is not None
    assert {path.name for path in image.modules.iterdir()} == {"kernel", "modules.dep", "config"}
    assert image.config is not None
    assert {path.name for path in image.image.parent.iterdir()} == {
        "vmlinuz",
        "vmlinux",
        "config",
        "lib",
        "entry.json",
    }
    calls = lab.tools.calls()
    assert lab.obtainer.obtain(kernel(DEBIAN)) == image
    assert lab.tools.calls() == calls, "the second time nothing of the system is run"
    assert list((lab.cache.root / "tmp").iterdir()) == []


def test_force_fetches_again_over_a_damaged_kernel(lab: Lab) -> None:
    image = lab.obtainer.obtain(kernel(DEBIAN))
    (image.image.parent / "entry.json").write_text("{")
    with pytest.raises(CacheError, match="--force"):
        lab.obtainer.obtain(kernel(DEBIAN))
    lab.obtainer.force = True
    assert lab.obtainer.obtain(kernel(DEBIAN)) == image


def test_a_pin_that_is_gone_gives_the_newest_and_says_so_each_time(lab: Lab) -> None:
    gone = Pin("6.1.0-8-amd64", (Package("linux-image-6.1.0-8-amd64", "6.1.8-1", 1, "a" * 64),))
    lab.obtainer.pins = {"6.1": gone}
    assert lab.obtainer.obtain(kernel(DEBIAN)).release == RELEASE
    calls = lab.tools.calls()
    lab.told.clear()
    assert lab.obtainer.obtain(kernel(DEBIAN)).release == RELEASE
    assert lab.tools.calls() == calls
    assert ["no longer in the archive" in text for text in lab.told] == [True]


def test_a_new_pin_replaces_a_stand_in(lab: Lab) -> None:
    lab.obtainer.pins = {}
    lab.obtainer.obtain(kernel(DEBIAN))
    assert lab.obtainer.newest_pin(kernel(DEBIAN)) == PIN
    lab.obtainer.pins = {"6.1": PIN}
    assert lab.obtainer.cached(kernel(DEBIAN)) is None
    assert lab.obtainer.obtain(kernel(DEBIAN)).digest == PIN.digest


def test_bytes_unlike_the_pin_are_refused_and_nothing_is_kept(lab: Lab) -> None:
    write(lab.tools.directory / "deb", b"other bytes")
    with pytest.raises(FetchError, match="SHA256"):
        lab.obtainer.obtain(kernel(DEBIAN))
    assert lab.cache.entries() == []
    assert list((lab.cache.root / "tmp").iterdir()) == []


@pytest.mark.parametrize(
    ("tool", "text", "kind", "match"),
    [
        pytest.param("apt-get", "exit 100", FetchError, "could not be had", id="apt"),
        pytest.param(
            "dpkg-deb", "echo 'No space left on device' >&2; exit 2", CacheError, "prune", id="full"
        ),
        pytest.param("dpkg-deb", "exit 2", FetchError, "could not be unpacked", id="dpkg"),
        pytest.param("dpkg-deb", "exit 0", FetchError, "no kernel image", id="no-image"),
        pytest.param("depmod", "echo broken >&2; exit 1", FetchError, "broken", id="depmod"),
    ],
)
def test_a_step_that_fails_is_one_error_and_leaves_nothing(
    lab: Lab, tool: str, text: str, kind: type[Exception], match: str
) -> None:
    lab.tools.script(tool, text)
    with pytest.raises(kind, match=match):
        lab.obtainer.obtain(kernel(DEBIAN))
    assert lab.cache.entries() == []
    assert list((lab.cache.root / "tmp").iterdir()) == []


def test_too_little_space_is_told_before_the_download(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": 10})
    monkeypatch.setattr("vmlab.obtain.shutil.disk_usage", lambda _path: usage)
    with pytest.raises(CacheError, match="vmlab prune"):
        lab.obtainer.obtain(kernel(DEBIAN))
    assert "apt-get download" not in lab.tools.calls()


def test_an_image_of_the_user_comes_first_and_needs_no_tools(lab: Lab, tmp_path: Path) -> None:
    file = write(tmp_path / "mine/bzImage", bzimage(gzip.compress(vmlinux()), "6.1.77-own"))
    lab.obtainer.environ = {**lab.obtainer.environ, "VMLAB_IMAGE_X": str(file)}
    image = lab.obtainer.obtain(kernel(IMAGE, DEBIAN))
    assert (image.id, image.release, image.image) == ("6.1", "6.1.77-own", file)
    assert image.cmdline == ("lsm=bpf",)
    assert lab.tools.calls() == []


def test_an_image_of_another_series_is_not_passed_off_as_it(lab: Lab, tmp_path: Path) -> None:
    file = write(tmp_path / "bzImage", bzimage(gzip.compress(vmlinux()), "6.12.1-own"))
    lab.obtainer.environ = {**lab.obtainer.environ, "VMLAB_IMAGE_X": str(file)}
    with pytest.raises(FetchError, match=r"not of series 6\.1;.*VMLAB_IMAGE_X"):
        lab.obtainer.obtain(kernel(IMAGE, DEBIAN))


def test_without_an_image_of_the_user_the_next_source_is_tried(lab: Lab) -> None:
    assert lab.obtainer.obtain(kernel(IMAGE, DEBIAN)).release == RELEASE


def test_when_no_source_helps_each_says_why(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(_version: str, _into: Path) -> None:
        raise OSError("Name or service not known")

    monkeypatch.setattr("vmlab.sources.mainline.download_with_virtme_ng", offline)
    with pytest.raises(FetchError, match=r"VMLAB_IMAGE_X.*mainline.*not known"):
        lab.obtainer.obtain(kernel(IMAGE, MAINLINE))


def test_a_mainline_build_is_kept_like_any_other(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def download(version: str, into: Path) -> None:
        calls.append(version)
        write(into / "linux-image.deb", b"deb")
        write(
            into / "boot/vmlinuz-6.1.0-generic", bzimage(gzip.compress(vmlinux()), "6.1.0-generic")
        )
        write(into / "lib/modules/6.1.0-generic/kernel/a.ko")

    monkeypatch.setattr("vmlab.sources.mainline.download_with_virtme_ng", download)
    image = lab.obtainer.obtain(kernel(MAINLINE))
    assert image.release == "6.1.0-generic"
    assert image.modules is not None
    assert lab.obtainer.obtain(kernel(MAINLINE)) == image
    assert calls == ["v6.1"]


def test_a_leased_kernel_cannot_be_removed(lab: Lab) -> None:
    with (
        lab.obtainer.lease(kernel(DEBIAN)) as image,
        pytest.raises(CacheError, match="in use"),
        lab.cache.hold("6.1", exclusive=True),
    ):
        pass
    assert image.release == RELEASE
