"""Keys and leaves as text, as bcc writes and reads them: ``{ 0x1 [ 0x2 0x3 ] "name" }``.

Numbers are hexadecimal and unsigned, records in braces, arrays in brackets, arrays of char in
quotation marks; a union is its first member. What fills gaps is left out. A bit-field is written as
what it holds, where bcc writes the bytes around it, and a pointer as its address, where bcc writes
no number at all.
"""

from __future__ import annotations

import ctypes
import itertools
import re
from collections.abc import Iterator
from typing import Any

CData = Any

_TOKEN = re.compile(rb'\s*(?:([{}\[\]])|"([^"]*)"|([^\s{}\[\]"]+))')


def emit(value: CData) -> bytes:
    """The text of a ctypes object."""
    return _text(type(value), value)


def _text(kind: type[CData], value: CData) -> bytes:
    if issubclass(kind, ctypes.Structure | ctypes.Union):
        fields = b" ".join(
            _number(f[1], getattr(value, f[0]), f[2])
            if len(f) > 2
            else _text(f[1], getattr(value, f[0]))
            for f in _fields(kind)
        )
        return b"{ " + fields + b" }"
    if _is_string(kind):
        # A member comes as bytes, an element of an array as an array.
        return b'"%b"' % (value if isinstance(value, bytes) else value.value)
    if issubclass(kind, ctypes.Array):
        inner: CData = kind._type_
        return b"[ " + b" ".join(_text(inner, item) for item in value) + b" ]"
    return _number(kind, value, 8 * ctypes.sizeof(kind))


def _is_string(kind: type[CData]) -> bool:
    element: object = kind._type_ if issubclass(kind, ctypes.Array) else None
    return element is ctypes.c_char


def _number(kind: type[CData], value: CData, bits: int) -> bytes:
    number = value.value if isinstance(value, ctypes._SimpleCData) else value
    if isinstance(number, bytes):
        number = number[0]
    if not isinstance(number, int):
        raise TypeError(f"{kind.__name__} has no text in bcc's form")
    return b"0x%x" % (int(number) & ((1 << bits) - 1))


def _fields(kind: type[CData]) -> Iterator[tuple[Any, ...]]:
    shown = (field for field in kind._fields_ if not field[0].startswith("__pad_"))
    # Of a union the first member says it all.
    return itertools.islice(shown, 1) if issubclass(kind, ctypes.Union) else shown


def parse(kind: type[CData], text: bytes | str, role: str = "leaf") -> CData:
    """The object that a text tells. Raises ValueError when it tells none of this class."""
    reader = _Reader(text.encode() if isinstance(text, str) else text)
    made = kind()
    try:
        if issubclass(kind, ctypes._SimpleCData):
            made.value = reader.number(kind)
        else:
            reader.fill(made)
        reader.end()
    except ValueError as error:
        raise ValueError(f"Could not scanf {role}: {error}") from None
    return made


class _Reader:
    """Reads one text, token by token."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._at = 0

    def fill(self, made: CData) -> None:
        """Set a record's members or an array's elements."""
        if isinstance(made, ctypes.Array):
            if _is_string(type(made)):
                made.value = self._take("a string in quotation marks", 2)
                return
            inner: CData = type(made)._type_
            self._expect(b"[")
            for index in range(len(made)):
                self._set(made, inner, index)
            self._expect(b"]")
            return
        self._expect(b"{")
        for field in _fields(type(made)):
            self._set(made, field[1], field[0])
        self._expect(b"}")

    def _set(self, owner: CData, kind: type[CData], place: int | str) -> None:
        simple = issubclass(kind, ctypes._SimpleCData)
        if not simple and not (_is_string(kind) and isinstance(place, str)):
            self.fill(owner[place] if isinstance(place, int) else getattr(owner, place))
            return
        value = self.number(kind) if simple else self._take("a string in quotation marks", 2)
        if isinstance(place, int):
            owner[place] = value
        else:
            setattr(owner, place, value)

    def number(self, kind: type[CData]) -> int | bytes:
        """A number in C's spelling: 0x10, 020 or 16."""
        word = self._take("a number", 3).decode("ascii", "replace")
        octal = re.fullmatch(r"([+-]?)0([0-7]+)", word)
        value = int(f"{octal[1]}0o{octal[2]}", 8) if octal else int(word, 0)
        return bytes([value & 0xFF]) if kind is ctypes.c_char else value

    def end(self) -> None:
        """Check that nothing is left."""
        if self._text[self._at :].strip():
            raise ValueError(f"{self._text!r} goes on after the value, at byte {self._at}")

    def _expect(self, mark: bytes) -> None:
        if self._take(f"'{mark.decode()}'", 1) != mark:
            raise ValueError(f"{self._text!r} lacks '{mark.decode()}' at byte {self._at - 1}")

    def _take(self, what: str, group: int) -> bytes:
        found = _TOKEN.match(self._text, self._at)
        if found is None or found[group] is None:
            raise ValueError(f"{self._text!r} lacks {what} at byte {self._at}")
        self._at = found.end()
        return found[group]
