from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bpfkit.elf.image import ElfImage
from bpfkit.errors import FormatError
from bpfkit.host.debug_files import find_debug_file, open_image, path_root, symbol_images

BINARIES = Path(__file__).parents[3] / "conformance/binaries"


def place(path: Path, name: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(BINARIES / name, path)
    return path


@pytest.mark.parametrize(
    "where",
    [
        pytest.param("opt/stripped.debug", id="beside"),
        pytest.param("opt/.debug/stripped.debug", id="folder"),
        pytest.param("usr/lib/debug/opt/stripped.debug", id="global"),
        pytest.param("usr/lib/debug/.build-id/{id:.2}/{rest}.debug", id="build-id"),
    ],
)
def test_symbols_are_found_where_debuggers_look(tmp_path: Path, where: str) -> None:
    binary = place(tmp_path / "opt/stripped", "stripped")
    with open_image(binary) as image:
        identity = image.build_id.hex()
        assert find_debug_file(image, binary, tmp_path) is None
        where = where.format(id=identity, rest=identity[2:])
        expected = place(tmp_path / where, "stripped.debug")
        assert find_debug_file(image, binary, tmp_path) == expected
        with symbol_images(image, binary, tmp_path) as images:
            assert any(i.find("hidden_twice") for i in images)


def test_symbols_of_another_build_are_left_alone(tmp_path: Path) -> None:
    binary = place(tmp_path / "opt/stripped", "stripped")
    place(tmp_path / "opt/stripped.debug", "fixed")
    (tmp_path / "opt/.debug").mkdir()
    (tmp_path / "opt/.debug/stripped.debug").write_text("no ELF file")
    with open_image(binary) as image:
        assert find_debug_file(image, binary, tmp_path) is None


def test_a_file_with_symbols_is_enough(tmp_path: Path) -> None:
    binary = place(tmp_path / "pie", "pie")
    with open_image(binary) as image, symbol_images(image, binary, tmp_path) as images:
        assert images == [image]


def test_symbols_inside_come_before_those_outside() -> None:
    with open_image(BINARIES / "mini") as image, symbol_images(image, BINARIES / "mini") as images:
        assert len(images) == 2
        assert isinstance(images[1], ElfImage)


def test_an_empty_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    with pytest.raises(FormatError, match="empty"), open_image(tmp_path / "empty"):
        pass


def test_the_root_of_a_container_is_known() -> None:
    assert path_root(Path("/proc/7/root/usr/bin/x")) == Path("/proc/7/root")
    assert path_root(Path("/usr/bin/x")) is None
