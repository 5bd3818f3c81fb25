"""/etc/ld.so.cache: which file the dynamic linker takes for the name of a library.

Only the current format ("glibc-ld.so.cache1.1", also where it stands behind the old one).
Source: glibc, sysdeps/generic/dl-cache.h.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

_MAGIC = b"glibc-ld.so.cache1.1"
_HEADER_BYTES = 48
_ENTRY = struct.Struct("=iIIIQ")
_ELF_LIBC6 = 3
# What ldconfig notes about the ABI of a library, FLAG_*_LIB*.
_ABIS = {
    "x86_64": 0x300,
    "aarch64": 0xA00,
    "s390x": 0x400,
    "ppc64le": 0x500,
    "riscv64": 0x1000,
    "loongarch64": 0x1200,
}


class CachedLibrary(NamedTuple):
    """An entry: ``libc.so.6`` is at ``/lib/…/libc.so.6``."""

    name: str
    path: str


def parse_ld_cache(data: bytes, arch: str, prefix: str = "") -> list[CachedLibrary]:
    """The libraries for programs of ``arch``, in the file's order; none for another format.

    Only those whose names begin with ``prefix``, for speed.
    """
    start = data.find(_MAGIC)
    if start < 0 or start + _HEADER_BYTES > len(data):
        return []
    # Names are counted from the beginning of this format's header.
    data = data[start:]
    (count,) = struct.unpack_from("=I", data, len(_MAGIC))
    wanted = _ABIS.get(arch, 0) | _ELF_LIBC6
    begin = prefix.encode()
    found = []
    for index in range(count):
        at = _HEADER_BYTES + index * _ENTRY.size
        if at + _ENTRY.size > len(data):
            break
        flags, name, path, _, _ = _ENTRY.unpack_from(data, at)
        if flags == wanted and data.startswith(begin, name):
            found.append(CachedLibrary(_string(data, name), _string(data, path)))
    return found


def _string(data: bytes, offset: int) -> str:
    end = data.find(b"\0", offset)
    return data[offset : end if end >= 0 else offset].decode("utf-8", "surrogateescape")
