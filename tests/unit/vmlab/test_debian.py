from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fakes.kernel_files import write
from vmlab.errors import FetchError
from vmlab.lock import Package, Pin
from vmlab.sources.apt import Stanza
from vmlab.sources.debian import check_file, choose, image_pattern, newest_of_series


def stanza(name: str, version: str, depends: Sequence[str] = (), sha256: str = "a" * 64) -> Stanza:
    return Stanza(name, version, tuple(depends), 100, sha256)


def split(release: str, version: str, *parts: str) -> list[Stanza]:
    """The packages of a kernel from 6.19 on, but for those parts that are not named."""
    names = [f"linux-{part}-{release}" for part in ("base", "binary", "modules")]
    image = stanza(f"linux-image-{release}", version, names)
    return [image, *(stanza(f"linux-{part}-{release}", version) for part in parts)]


@dataclass
class FakeIndex:
    stanzas: list[Stanza]

    def package_names(self, prefix: str) -> tuple[str, ...]:
        return tuple(sorted({s.name for s in self.stanzas if s.name.startswith(prefix)}))

    def show(self, names: Sequence[str]) -> tuple[Stanza, ...]:
        return tuple(s for s in self.stanzas if s.name in names)


def names(pin: Pin) -> list[str]:
    return [package.name for package in pin.packages]


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("linux-image-6.12.117+deb13-amd64", True),
        ("linux-image-6.12.117+deb13-amd64-unsigned", True),
        ("linux-image-6.12.9-amd64", True),
        ("linux-image-6.12.0-0.deb12.3-amd64", True),
        ("linux-image-6.12.117+deb13-cloud-amd64", False),
        ("linux-image-6.12.117+deb13-rt-amd64", False),
        ("linux-image-6.12.117+deb13-amd64-dbg", False),
        ("linux-image-6.12-amd64", False),
        ("linux-image-6.1.12-amd64", False),
    ],
)
def test_only_plain_images_of_the_series_count(name: str, plain: bool) -> None:
    assert bool(image_pattern("6.12").fullmatch(name)) is plain


def test_the_newest_version_is_chosen_by_debian_order() -> None:
    index = FakeIndex(
        [
            stanza("linux-image-6.12.9+deb13-amd64", "6.12.9-1"),
            stanza("linux-image-6.12.10+deb13-amd64", "6.12.10-1"),
            stanza("linux-image-6.12.11+deb13-rt-amd64", "6.12.11-1"),
        ]
    )
    assert newest_of_series(index, "6.12").pin.release == "6.12.10+deb13-amd64"


def test_the_signed_image_is_taken_before_its_unsigned_twin() -> None:
    twins = [
        stanza("linux-image-5.10.0-46-amd64-unsigned", "5.10.262-1"),
        stanza("linux-image-5.10.0-46-amd64", "5.10.262-1"),
    ]
    assert names(newest_of_series(FakeIndex(twins), "5.10").pin) == ["linux-image-5.10.0-46-amd64"]


def test_an_unsigned_image_is_taken_where_it_is_the_newest() -> None:
    index = FakeIndex(
        [
            stanza("linux-image-5.10.0-45-amd64", "5.10.259-1"),
            stanza("linux-image-5.10.0-46-amd64-unsigned", "5.10.262-1"),
        ]
    )
    pin = newest_of_series(index, "5.10").pin
    assert names(pin) == ["linux-image-5.10.0-46-amd64-unsigned"]
    assert pin.release == "5.10.0-46-amd64"


def test_a_split_kernel_brings_its_parts() -> None:
    index = FakeIndex(split("7.3.4-amd64", "7.3.4-1", "base", "binary", "modules"))
    assert names(newest_of_series(index, "7.3").pin) == [
        "linux-image-7.3.4-amd64",
        "linux-binary-7.3.4-amd64",
        "linux-modules-7.3.4-amd64",
        "linux-base-7.3.4-amd64",
    ]


def test_a_kernel_whose_modules_were_dropped_is_passed_over_with_a_notice() -> None:
    index = FakeIndex(
        [
            *split("7.3.5-amd64", "7.3.5-1", "binary"),
            *split("7.3.4-amd64", "7.3.4-1", "base", "binary", "modules"),
        ]
    )
    choice = newest_of_series(index, "7.3")
    assert choice.pin.release == "7.3.4-amd64"
    assert "7.3.5" in choice.notice


def test_parts_of_another_version_do_not_count() -> None:
    image, *parts = split("7.3.4-amd64", "7.3.4-2", "base", "binary", "modules")
    old = [stanza(part.name, "7.3.4-1") for part in parts]
    with pytest.raises(FetchError, match="only incomplete ones"):
        newest_of_series(FakeIndex([image, *old]), "7.3")


def test_a_missing_base_package_is_no_obstacle() -> None:
    image = stanza("linux-image-6.18.5-amd64", "6.18.5-1", ["kmod", "linux-base-6.18.5-amd64"])
    assert names(newest_of_series(FakeIndex([image]), "6.18").pin) == ["linux-image-6.18.5-amd64"]


def test_a_series_that_is_not_there_says_what_to_try() -> None:
    with pytest.raises(FetchError, match="--image PATH"):
        newest_of_series(FakeIndex([]), "5.15")


def pinned(version: str, sha256: str = "a" * 64) -> Pin:
    release = f"6.12.{version}-amd64"
    return Pin(release, (Package(f"linux-image-{release}", f"6.12.{version}-1", 100, sha256),))


INDEX = FakeIndex(
    [
        stanza("linux-image-6.12.1-amd64", "6.12.1-1"),
        stanza("linux-image-6.12.2-amd64", "6.12.2-1"),
    ]
)


def test_a_pin_that_is_there_is_taken_though_newer_ones_are() -> None:
    choice = choose(INDEX, "6.12", pinned("1"))
    assert (choice.pin, choice.notice) == (pinned("1"), "")


def test_a_pin_that_is_gone_gives_the_newest_with_a_notice() -> None:
    choice = choose(INDEX, "6.12", pinned("0"))
    assert choice.pin.release == "6.12.2-amd64"
    assert "6.12.0-amd64 is no longer in the archive" in choice.notice


def test_without_a_pin_the_newest_is_taken_without_ado() -> None:
    assert choose(INDEX, "6.12", None).pin.release == "6.12.2-amd64"


def test_a_pinned_package_with_other_bytes_is_refused() -> None:
    with pytest.raises(FetchError, match="lock file"):
        choose(INDEX, "6.12", pinned("1", "b" * 64))


def test_a_downloaded_file_with_other_bytes_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path / "a.deb", b"bytes")
    with pytest.raises(FetchError, match="SHA256"):
        check_file(file, Package("a", "1", 5, "0" * 64))
