from __future__ import annotations

import bz2
import gzip
import lzma
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fakes.kernel_files import bzimage, sized, vmlinux, write
from vmlab.bzimage import (
    ImageError,
    extract_vmlinux,
    file_identity,
    read_release,
    uncompressed_kernel,
    write_whole,
)
from vmlab.errors import CacheError, ToolMissingError

PLAIN = vmlinux()


def by_tool(*command: str) -> bytes:
    return subprocess.run(command, input=PLAIN, capture_output=True, check=True).stdout


def needs(tool: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(tool) is None, reason=f"{tool} is not installed")


FORMATS: list[object] = [
    pytest.param(lambda: gzip.compress(PLAIN), id="gzip"),
    pytest.param(lambda: sized(bz2.compress(PLAIN), PLAIN), id="bzip2"),
    pytest.param(lambda: sized(lzma.compress(PLAIN, lzma.FORMAT_ALONE), PLAIN), id="lzma"),
    pytest.param(
        lambda: sized(
            lzma.compress(
                PLAIN,
                check=lzma.CHECK_CRC32,
                filters=[{"id": lzma.FILTER_X86}, {"id": lzma.FILTER_LZMA2}],
            ),
            PLAIN,
        ),
        id="xz",
    ),
    pytest.param(
        lambda: sized(by_tool("zstd", "-19", "-cq"), PLAIN), id="zstd", marks=needs("zstd")
    ),
    pytest.param(lambda: sized(by_tool("lz4", "-l", "-c"), PLAIN), id="lz4", marks=needs("lz4")),
]


@pytest.mark.parametrize("payload", FORMATS)
def test_the_kernel_comes_out_of_every_compression(
    tmp_path: Path, payload: Callable[[], bytes]
) -> None:
    image = write(tmp_path / "bzImage", bzimage(payload()))
    assert extract_vmlinux(image) == PLAIN


def test_a_vmlinux_is_its_own_kernel(tmp_path: Path) -> None:
    image = write(tmp_path / "vmlinux", PLAIN)
    assert extract_vmlinux(image) == PLAIN
    assert uncompressed_kernel(image, tmp_path / "cache") == image


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(bzimage(b"x", "6.12.117+deb13-amd64"), id="bzimage"),
        pytest.param(vmlinux("6.12.117+deb13-amd64"), id="vmlinux"),
    ],
)
def test_the_release_is_read_from_the_image(tmp_path: Path, content: bytes) -> None:
    assert read_release(write(tmp_path / "image", content)) == "6.12.117+deb13-amd64"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"not a kernel" * 100, id="text"),
        pytest.param(bzimage(b"", protocol=0x204), id="old-protocol"),
        pytest.param(bzimage(b"\x01\x02\x03\x04 unknown"), id="unknown-compression"),
        pytest.param(bzimage(gzip.compress(b"not an ELF file")), id="no-elf-inside"),
        pytest.param(bzimage(gzip.compress(PLAIN))[:-20], id="cut-short"),
        pytest.param(bzimage(b"\xfd7zXZ\0" + bytes(40)), id="damaged-xz"),
    ],
)
def test_what_is_no_whole_kernel_is_an_image_error(tmp_path: Path, content: bytes) -> None:
    image = write(tmp_path / "image", content)
    with pytest.raises(ImageError, match="image"):
        extract_vmlinux(image)


def test_a_file_that_is_not_there_is_an_image_error(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="No such file"):
        read_release(tmp_path / "missing")


def test_an_elf_file_without_banner_is_no_kernel(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="Linux version"):
        read_release(write(tmp_path / "program", b"\x7fELF" + bytes(100)))


def test_every_truncation_is_an_error_or_the_release(tmp_path: Path) -> None:
    whole = bzimage(gzip.compress(PLAIN), "6.1.0")
    for length in range(1, 0x340):
        image = write(tmp_path / "image", whole[:length])
        try:
            assert "6.1.0".startswith(read_release(image))
        except ImageError:
            continue


def test_a_damaged_zstd_kernel_is_told(tmp_path: Path) -> None:
    if shutil.which("zstd") is None:
        pytest.skip("zstd is not installed")
    damaged = sized(b"\x28\xb5\x2f\xfd" + bytes(40), PLAIN)
    image = write(tmp_path / "image", bzimage(damaged))
    with pytest.raises(ImageError, match="zstd could not unpack"):
        extract_vmlinux(image)


def test_a_missing_decompressor_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vmlab.tools.shutil.which", lambda *_args, **_kw: None)
    image = write(tmp_path / "image", bzimage(b"\x28\xb5\x2f\xfd" + bytes(40)))
    with pytest.raises(ToolMissingError, match="apt-get install zstd"):
        extract_vmlinux(image)


def test_the_kernel_beside_a_cached_image_is_used(tmp_path: Path) -> None:
    image = write(tmp_path / "vmlinuz", bzimage(gzip.compress(PLAIN)))
    beside = write(tmp_path / "vmlinux", PLAIN)
    assert uncompressed_kernel(image, tmp_path / "cache") == beside


def test_an_image_is_unpacked_once_and_again_when_it_changes(tmp_path: Path) -> None:
    image = write(tmp_path / "bzImage", bzimage(gzip.compress(PLAIN)))
    first = uncompressed_kernel(image, tmp_path / "cache")
    made = first.stat().st_mtime_ns
    assert first.read_bytes() == PLAIN
    assert uncompressed_kernel(image, tmp_path / "cache") == first
    assert first.stat().st_mtime_ns == made
    write(image, bzimage(gzip.compress(vmlinux("7.0"))))
    second = uncompressed_kernel(image, tmp_path / "cache")
    assert second.read_bytes() == vmlinux("7.0")


def test_identity_follows_the_file(tmp_path: Path) -> None:
    file = write(tmp_path / "f", b"1")
    before = file_identity(file)
    assert file_identity(file) == before
    write(file, b"22")
    assert file_identity(file) != before


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vmlab.bzimage.os.fsync", full)
    with pytest.raises(CacheError, match="No space left"):
        write_whole(tmp_path / "d/file", b"content")
    assert list((tmp_path / "d").iterdir()) == []
