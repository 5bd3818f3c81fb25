"""The parts of an x86 kernel image: its release, and the uncompressed vmlinux inside a bzImage.

Booting the uncompressed ELF through PVH skips the decompression in the guest, which costs seconds
under TCG. Layout: Documentation/arch/x86/boot.rst of the kernel, boot protocol 2.08 and later for
the payload.
"""

from __future__ import annotations

import bz2
import hashlib
import lzma
import mmap
import os
import re
import struct
import subprocess
import tempfile
import zlib
from pathlib import Path

from vmlab.errors import CacheError, FetchError
from vmlab.tools import last_line, require_tool

_ELF = b"\x7fELF"
_BOOT_FLAG = b"\x55\xaa"  # at 0x1fe
_HEADER = b"HdrS"  # at 0x202
_PAYLOAD_PROTOCOL = 0x208
_VERSION = re.compile(rb"Linux version (\d[^\s\x00]*) ")
_EXTERNAL = {b"\x28\xb5\x2f\xfd": "zstd", b"\x02!L\x18": "lz4"}


class ImageError(FetchError):
    """A file is not a kernel image the lab understands."""


def read_release(image: Path) -> str:
    """Return what ``uname -r`` will say in a bzImage or vmlinux.

    A bzImage says so in its setup header (kernel_version, offset 0x20e); a vmlinux in its banner.
    """
    with _mapped(image) as data:
        if data[:4] == _ELF:
            found = _VERSION.search(data)
            if found is None:
                raise ImageError(
                    f"{image}: an ELF file without a 'Linux version' banner", "name a vmlinux"
                )
            return found[1].decode("ascii", "replace")
        _check_bzimage(data, image)
        (pointer,) = struct.unpack_from("<H", data, 0x20E)
        start = pointer + 0x200
        text = bytes(data[start : start + 256]).split(b"\0")[0].split()
        if not pointer or not text:
            raise ImageError(f"{image}: the image does not say which release it is")
        return text[0].decode("ascii", "replace")


def extract_vmlinux(image: Path) -> bytes:
    """Return the uncompressed ELF kernel inside a bzImage; a vmlinux is returned as it is.

    gzip, bzip2, lzma and xz are decoded here, zstd and lz4 by the programs of those names.
    """
    with _mapped(image) as data:
        if data[:4] == _ELF:
            return bytes(data)
        kernel = _decompress(_payload(data, image), image)
    if kernel[:4] != _ELF:
        raise ImageError(
            f"{image}: the payload is not an ELF kernel (first bytes {kernel[:4].hex()})"
        )
    return kernel


def uncompressed_kernel(image: Path, cache: Path) -> Path:
    """Return the uncompressed kernel of ``image``, made once and kept.

    A vmlinux is its own answer, and a cached kernel has ``vmlinux`` beside its ``vmlinuz``.
    Anything else is kept under ``cache/vmlinux``, keyed by the identity of the file.
    """
    with image.open("rb") as stream:
        if stream.read(4) == _ELF:
            return image
    beside = image.with_name("vmlinux")
    if image.name == "vmlinuz" and beside.is_file():
        return beside
    target = cache / "vmlinux" / file_identity(image)
    if not target.exists():
        write_whole(target, extract_vmlinux(image))
    return target


def file_identity(path: Path) -> str:
    """Return a short key of a file's place, size and time of change, without reading it."""
    state = path.stat()
    text = f"{path.resolve()}\0{state.st_size}\0{state.st_mtime_ns}\0{state.st_ino}"
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def write_whole(target: Path, content: bytes) -> None:
    """Write a file so that it is never seen half written, even after a crash."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            Path(name).replace(target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise CacheError(
            f"{target}: cannot be written: {error.strerror}", "vmlab prune frees space"
        ) from error


def _mapped(image: Path) -> mmap.mmap:
    try:
        with image.open("rb") as stream:
            return mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    except ValueError as error:  # mmap refuses an empty file
        raise ImageError(f"{image}: the file is empty") from error
    except OSError as error:
        raise ImageError(f"{image}: cannot be read: {error.strerror}") from error


def _check_bzimage(data: mmap.mmap, image: Path) -> None:
    if len(data) < 0x260 or data[0x1FE:0x200] != _BOOT_FLAG or data[0x202:0x206] != _HEADER:
        raise ImageError(
            f"{image}: neither a bzImage nor a vmlinux", "name arch/x86/boot/bzImage or vmlinux"
        )


def _payload(data: mmap.mmap, image: Path) -> bytes:
    _check_bzimage(data, image)
    (protocol,) = struct.unpack_from("<H", data, 0x206)
    if protocol < _PAYLOAD_PROTOCOL:
        raise ImageError(
            f"{image}: boot protocol {protocol >> 8}.{protocol & 0xFF:02} is too old to unpack"
        )
    setup_sectors = data[0x1F1] or 4  # 0 means 4, for old loaders
    offset, length = struct.unpack_from("<II", data, 0x248)
    start = (setup_sectors + 1) * 512 + offset
    if not length or start + length > len(data):
        raise ImageError(f"{image}: the image is cut short")
    return bytes(data[start : start + length])


def _decompress(payload: bytes, image: Path) -> bytes:
    # The build appends the uncompressed size, little endian, to every format but gzip, which ends
    # with it by itself; one-shot decoders must not see it as another stream.
    try:
        if payload.startswith(b"\xfd7zXZ\0"):
            return lzma.LZMADecompressor(lzma.FORMAT_XZ).decompress(payload)
        if payload.startswith(b"\x5d\0\0"):
            return lzma.LZMADecompressor(lzma.FORMAT_ALONE).decompress(payload)
        if payload.startswith(b"\x1f\x8b"):
            return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(payload)
        if payload.startswith(b"BZh"):
            return bz2.BZ2Decompressor().decompress(payload)
    except (lzma.LZMAError, zlib.error, OSError, EOFError) as error:
        raise ImageError(f"{image}: the compressed kernel is damaged: {error}") from error
    tool = _EXTERNAL.get(payload[:4])
    if tool is None:
        raise ImageError(
            f"{image}: compressed in a way the lab does not know ({payload[:6].hex()})"
        )
    return _decompress_by_tool(tool, payload[:-4], int.from_bytes(payload[-4:], "little"), image)


def _decompress_by_tool(tool: str, payload: bytes, size: int, image: Path) -> bytes:
    program = require_tool(tool, f"unpacking {image.name}")
    done = subprocess.run([program, "-dcq"], input=payload, capture_output=True, check=False)
    # The recorded size decides; lz4's legacy format has no end mark, so its exit status alone does
    # not.
    if len(done.stdout) != size:
        raise ImageError(f"{image}: {tool} could not unpack it: {last_line(done.stderr)}")
    return done.stdout
