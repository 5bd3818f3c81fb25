"""Small files with the layout of kernels, made here so that no binary lies in the tree."""

from __future__ import annotations

import struct
from pathlib import Path

ELF = b"\x7fELF" + bytes(60)


def vmlinux(release: str = "6.12.1-test") -> bytes:
    """An ELF magic and the banner that says the release."""
    return ELF + f"Linux version {release} (builder) #1 SMP\n".encode() + bytes(64)


def bzimage(payload: bytes, release: str = "6.12.1-test", *, protocol: int = 0x20F) -> bytes:
    """A setup header with a release, and the compressed kernel as the payload."""
    setup_sectors = 2
    head = bytearray((setup_sectors + 1) * 512)
    head[0x1F1] = setup_sectors
    head[0x1FE:0x200] = b"\x55\xaa"
    head[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", head, 0x206, protocol)
    version = f"{release} (builder) #1 SMP\0".encode()
    struct.pack_into("<H", head, 0x20E, 0x300 - 0x200)
    head[0x300 : 0x300 + len(version)] = version
    padding = bytes(32)  # the decompressor's own code lies before the payload
    struct.pack_into("<II", head, 0x248, len(padding), len(payload))
    return bytes(head) + padding + payload


def sized(compressed: bytes, plain: bytes) -> bytes:
    """A compressed kernel as the build leaves it: the uncompressed size follows."""
    return compressed + struct.pack("<I", len(plain))


def write(path: Path, content: bytes | str = b"") -> Path:
    """Write a file and the directories above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def script(directory: Path, name: str, text: str) -> Path:
    """Write a program that stands in for one of the system."""
    path = write(directory / name, f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path
