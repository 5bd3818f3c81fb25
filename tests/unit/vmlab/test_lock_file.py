from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tests.fakes.kernel_files import write
from vmlab.errors import ManifestError
from vmlab.lock import Package, Pin, emit_lock, load_pins, save_pin

PIN = Pin("6.1.0-1-amd64", (Package("linux-image-6.1.0-1-amd64", "6.1.1-1", 10, "a" * 64),))
OTHER = Pin("6.12.1+deb13-amd64", (Package("image", "1~bpo+1", 1, "b" * 64),))


def test_a_saved_pin_is_read_back_and_others_stay(tmp_path: Path) -> None:
    save_pin("6.12", OTHER, tmp_path)
    save_pin("6.1", PIN, tmp_path)
    assert load_pins(tmp_path) == {"6.1": PIN, "6.12": OTHER}
    assert [path.name for path in tmp_path.iterdir()] == ["lock.toml"]


def test_a_lock_without_pins_is_toml() -> None:
    assert tomllib.loads(emit_lock({})) == {}


def test_no_lock_file_pins_nothing(tmp_path: Path) -> None:
    assert load_pins(tmp_path) == {}


def test_the_digest_follows_every_package() -> None:
    changed = Pin(PIN.release, (Package("linux-image-6.1.0-1-amd64", "6.1.1-1", 10, "c" * 64),))
    assert PIN.digest != changed.digest
    both = Pin("r", (*PIN.packages, *OTHER.packages))
    assert both.digest == Pin("r", (*OTHER.packages, *PIN.packages)).digest


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('[kernel."6.1"]\nrelease = "r"\n', id="no-packages"),
        pytest.param('[kernel."6.1"]\nrelease = "r"\npackages = []\n', id="empty"),
        pytest.param(
            '[kernel."6.1"]\nrelease = "r"\n[[kernel."6.1".packages]]\nname = "n"\n'
            'version = "1"\nsize = 1\nsha256 = "abc"\n',
            id="short-hash",
        ),
        pytest.param('[kernel]\n"6.1" = 3\n', id="not-a-table"),
    ],
)
def test_a_malformed_pin_says_how_to_write_it_anew(tmp_path: Path, text: str) -> None:
    write(tmp_path / "lock.toml", text)
    with pytest.raises(ManifestError, match=r"vmlab fetch 6\.1 --update-lock"):
        load_pins(tmp_path)
