"""String literals as libclang spells them, to bytes."""

from __future__ import annotations

import re

_SIMPLE = {
    "n": 10,
    "t": 9,
    "r": 13,
    "a": 7,
    "b": 8,
    "f": 12,
    "v": 11,
    "\\": 92,
    '"': 34,
    "'": 39,
    "?": 63,
}
_PIECE = re.compile(r"\\([0-7]{1,3})|\\x([0-9a-fA-F]+)|\\(.)|([^\\]+)", re.DOTALL)


def parse_string(spelling: str) -> bytes:
    """The bytes of the literal ``spelling``, without the final NUL.

    libclang joins adjacent literals, expands universal names and writes what cannot be printed as
    three octal digits. A ``u8`` prefix may stay. Raises ValueError for wide literals.
    """
    start = spelling.find('"')
    if start < 0 or spelling[:start] not in ("", "u8"):
        raise ValueError(f"not a string of bytes: {spelling}")
    data = bytearray()
    for octal, hexadecimal, simple, plain in _PIECE.findall(spelling[start + 1 : -1]):
        if octal:
            data.append(int(octal, 8) & 0xFF)
        elif hexadecimal:
            data.append(int(hexadecimal, 16) & 0xFF)
        elif simple:
            data.append(_SIMPLE.get(simple, ord(simple) & 0xFF))
        else:
            data += plain.encode("utf-8", "surrogateescape")
    return bytes(data)


def pad(data: bytes, size: int) -> bytes:
    """``data`` as the content of a character array of ``size`` bytes: padded with NULs, or cut."""
    return data[:size].ljust(size, b"\0")
