"""Files that hold a kernel: an ELF vmlinux, or an x86 bzImage with one inside.

Source: Documentation/arch/x86/boot.rst (the payload needs boot protocol 2.08 or later).
"""

from __future__ import annotations

import bz2
import io
import lzma
import re
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .._lazy import need
from ..errors import FormatError

ELF_MAGIC = b"\x7fELF"
_BANNER = re.compile(rb"Linux version (\d[^\s\x00]*) [^\n\x00]*?(#[^\n\x00]*)?[\n\x00]")
_MACHINES = {
    "EM_X86_64": "x86_64",
    "EM_AARCH64": "aarch64",
    "EM_S390": "s390x",
    "EM_RISCV": "riscv64",
    "EM_PPC64": "ppc64le",
    "EM_LOONGARCH": "loongarch64",
}
_SECTORS, _BOOT_FLAG, _HEADER, _PROTOCOL, _PAYLOAD = 0x1F1, 0x1FE, 0x202, 0x206, 0x248
_OLDEST_PROTOCOL = 0x208

# A bzImage appends the plain length to its payload: one-shot decoders would take it for a stream.
_DECODERS: dict[bytes, Callable[[bytes], bytes]] = {
    b"\x1f\x8b": lambda data: zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(data),
    b"\xfd7zXZ\0": lambda data: lzma.LZMADecompressor(lzma.FORMAT_XZ).decompress(data),
    b"\x5d\0\0": lambda data: lzma.LZMADecompressor(lzma.FORMAT_ALONE).decompress(data),
    b"BZh": lambda data: bz2.BZ2Decompressor().decompress(data),
}
_FOREIGN = {b"\x28\xb5\x2f\xfd": "zstd", b"\x02!L\x18": "lz4", b"\x89LZO": "lzo"}


@dataclass(frozen=True, slots=True)
class KernelFile:
    """What such a file says. ``arch`` is "" for one we have no name for."""

    arch: str
    release: str
    """The release, "" where there is no banner."""
    version_text: str
    """What uname(2) calls version, "" where there is no banner."""
    btf: bytes | None


def is_kernel_file(data: bytes) -> bool:
    """Whether ``data`` begins like an ELF file or a bzImage."""
    return data.startswith(ELF_MAGIC) or _is_bzimage(data)


def read_kernel_file(data: bytes) -> KernelFile:
    """Read a vmlinux or a bzImage. Raises FormatError."""
    if _is_bzimage(data):
        data = _unpacked(data)
    if not data.startswith(ELF_MAGIC):
        raise FormatError("this is neither a vmlinux nor a bzImage", 0)
    arch, btf = _elf(data)
    found = _BANNER.search(data)
    if found is None:
        return KernelFile(arch, "", "", btf)
    return KernelFile(arch, found[1].decode("latin-1"), (found[2] or b"").decode("latin-1"), btf)


def _elf(data: bytes) -> tuple[str, bytes | None]:
    """Return the architecture and the section .BTF of an ELF file."""
    purpose = "reading a kernel's file"
    exceptions = need("elftools.common.exceptions", install="pyelftools", purpose=purpose)
    elffile = need("elftools.elf.elffile", install="pyelftools", purpose=purpose)
    try:
        file: Any = elffile.ELFFile(io.BytesIO(data))
        section = file.get_section_by_name(".BTF")
        return _MACHINES.get(file["e_machine"], ""), section.data() if section else None
    except (exceptions.ELFError, ValueError, KeyError, IndexError, TypeError, OverflowError) as e:
        # pyelftools reports damage through all of these.
        raise FormatError(f"this is not a readable ELF file: {e}") from e
    except (AttributeError, AssertionError, struct.error, EOFError) as e:
        raise FormatError(f"this ELF file is damaged: {e!r}") from e


def _is_bzimage(data: bytes) -> bool:
    return (
        len(data) > _PAYLOAD + 8
        and data[_BOOT_FLAG : _BOOT_FLAG + 2] == b"\x55\xaa"
        and data[_HEADER:_PROTOCOL] == b"HdrS"
    )


def _unpacked(data: bytes) -> bytes:
    """Return the kernel inside a bzImage."""
    (protocol,) = struct.unpack_from("<H", data, _PROTOCOL)
    if protocol < _OLDEST_PROTOCOL:
        raise FormatError("this bzImage is too old to be unpacked", _PROTOCOL)
    offset, length = struct.unpack_from("<II", data, _PAYLOAD)
    start = ((data[_SECTORS] or 4) + 1) * 512 + offset  # 0 sectors mean 4, for old loaders
    if not length or start + length > len(data):
        raise FormatError("this bzImage is cut off", len(data))
    payload = data[start : start + length]
    decode = next((f for magic, f in _DECODERS.items() if payload.startswith(magic)), None)
    if decode is None:
        how = next((n for magic, n in _FOREIGN.items() if payload.startswith(magic)), "unknown")
        raise FormatError(
            f"this bzImage is compressed in a way that Python cannot undo ({how}); unpack it with "
            "scripts/extract-vmlinux of the kernel's tree and name the vmlinux",
            start,
        )
    try:
        return decode(payload)
    except (lzma.LZMAError, zlib.error, OSError, EOFError) as error:
        raise FormatError(f"the kernel in this bzImage is damaged: {error}", start) from error
