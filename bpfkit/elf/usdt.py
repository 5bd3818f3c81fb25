"""User-space probes as ``<sys/sdt.h>`` leaves them in ELF files: notes, and what operands mean.

Each place of a probe is a note with the address of a nop, and a text that says where its arguments
are: ``-4@%eax 8@16(%rbp) 4@$7``. Source: the SystemTap wiki, "UserSpaceProbeImplementation"; the
operand syntax is the assembler's.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from ..errors import FormatError
from .image import ElfImage

NOTE_SECTION = ".note.stapsdt"
BASE_SECTION = ".stapsdt.base"
_OWNER, _KIND = "stapsdt", 3


@dataclass(frozen=True, slots=True)
class UsdtNote:
    """One place of a probe. Addresses are virtual, corrected for prelinking; 0: no semaphore."""

    provider: str
    name: str
    address: int
    semaphore: int
    arguments: str


class Place(StrEnum):
    """What kind of thing an operand is."""

    CONSTANT = "constant"
    REGISTER = "register"
    MEMORY = "memory"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class UsdtArgument:
    """An operand: ``size`` bytes at a place. Register names are the assembler's, without ``%``.

    A constant or an address is ``offset``, plus the address of ``symbol`` where one is named.
    Memory is at ``base`` + ``index`` * ``scale`` + ``offset``. ``symbol`` without a base is
    relative to the program, wherever it is loaded.
    """

    size: int
    signed: bool
    place: Place
    offset: int = 0
    base: str = ""
    index: str = ""
    scale: int = 1
    symbol: str = ""
    text: str = ""
    """The operand as it was written."""


def read_usdt_notes(image: ElfImage) -> list[UsdtNote]:
    """The probes of a file, in the order of the notes. Raises FormatError."""
    base = image.section(BASE_SECTION)
    word = "I" if image.bits == 32 else "Q"
    head = struct.Struct(f"{image.order}3{word}")
    found = []
    for note in image.notes(NOTE_SECTION):
        if (note.owner, note.kind) != (_OWNER, _KIND):
            continue
        strings = note.data[head.size :].split(b"\0")
        if len(note.data) < head.size or len(strings) < 3:
            raise FormatError("a note of a USDT probe is cut off")
        address, linked_base, semaphore = head.unpack_from(note.data)
        # Prelink moves code after the notes were written; the base moves with it.
        moved = base.address - linked_base if base is not None and linked_base else 0
        provider, name, arguments = (
            text.decode("utf-8", "surrogateescape") for text in strings[:3]
        )
        at = semaphore + moved if semaphore else 0
        found.append(UsdtNote(provider, name, address + moved, at, arguments))
    return found


# ---------------------------------------------------------------- operands

_NUMBER = r"[-+]?(?:0x[0-9a-fA-F]+|\d+)"
_IDENT = r"[A-Za-z_.$][\w.$]*"
_SIZE = re.compile(r"(-?)([1248])f?@")
# In this syntax an operand may hold blanks: take the longest run up to the next SIZE@.
_SPLIT = re.compile(r"\s+(?=-?\d+f?@)")


def parse_arguments(text: str, arch: str) -> list[UsdtArgument]:
    """The operands of a note's text, for ``arch`` as uname(2) names it.

    What programs cannot read (vector registers, operands of other syntax) is UNREADABLE, with its
    text. Raises FormatError for what is no list of operands.
    """
    text = text.strip()
    if not text:
        return []
    parse = _PARSERS.get(arch, _unreadable)
    pieces = _SPLIT.split(text) if "@" in text else text.split()
    return [_argument(piece.strip(), parse, 8 if arch != "i386" else 4) for piece in pieces]


def _argument(
    text: str, parse: Callable[[str, int, bool], UsdtArgument | None], word: int
) -> UsdtArgument:
    sized = _SIZE.match(text)
    if sized is None and "@" in text and re.match(r"-?\d+f?@", text):
        raise FormatError(f"a USDT argument has no size of 1, 2, 4 or 8 bytes: {text!r}")
    # Without a size the operand has that of a word.
    size = int(sized[2]) if sized else word
    signed = bool(sized and sized[1])
    operand = text[sized.end() :] if sized else text
    if not operand:
        raise FormatError(f"a USDT argument has no operand: {text!r}")
    found = parse(operand, size, signed)
    if found is None or (sized and "f" in sized[0]):
        return UsdtArgument(size, signed, Place.UNREADABLE, text=operand)
    return found


def _unreadable(operand: str, size: int, signed: bool) -> UsdtArgument | None:
    return None


_X86_CONSTANT = re.compile(rf"\$({_NUMBER})")
_X86_ADDRESS_OF = re.compile(rf"\$({_IDENT})({_NUMBER})?")
_X86_REGISTER = re.compile(r"%(\w+)")
_X86_MEMORY = re.compile(
    rf"(?P<before>{_NUMBER})?(?:\+?(?P<symbol>{_IDENT}))?(?P<after>{_NUMBER})?"
    r"(?:\((?:%(?P<base>\w+))?(?:,\s*%(?P<index>\w+)(?:,\s*(?P<scale>[1248]))?)?\))?"
)
_X86_VECTORS = re.compile(r"[xyz]?mm\d+|st\b.*|k\d")


def _number(text: str) -> int:
    """A number as assemblers read it: a leading 0 is for octal."""
    if found := re.fullmatch(r"([-+]?)0([0-7]+)", text):
        return int(found[1] + found[2], 8)
    return int(text, 0) if "x" in text else int(text)


def _x86(operand: str, size: int, signed: bool) -> UsdtArgument | None:
    if found := _X86_CONSTANT.fullmatch(operand):
        return UsdtArgument(size, signed, Place.CONSTANT, _number(found[1]), text=operand)
    if found := _X86_ADDRESS_OF.fullmatch(operand):
        offset = _number(found[2] or "0")
        return UsdtArgument(size, signed, Place.CONSTANT, offset, symbol=found[1], text=operand)
    if found := _X86_REGISTER.fullmatch(operand):
        if _X86_VECTORS.fullmatch(found[1]):
            return None
        return UsdtArgument(size, signed, Place.REGISTER, base=found[1], text=operand)
    found = _X86_MEMORY.fullmatch(operand)
    if not operand or found is None:
        return None
    base, symbol = found["base"] or "", found["symbol"] or ""
    if base == "rip":
        if not symbol:
            return None  # relative to an instruction that is not told
        base = ""
    return UsdtArgument(
        size,
        signed,
        Place.MEMORY,
        _number(found["before"] or "0") + _number(found["after"] or "0"),
        base,
        found["index"] or "",
        int(found["scale"] or "1"),
        symbol,
        operand,
    )


_ARM_REGISTER = re.compile(r"[xw]\d+|sp|[xw]zr")
_ARM_MEMORY = re.compile(
    rf"\[\s*(?P<base>x\d+|sp)\s*"
    rf"(?:,\s*(?:#?(?P<offset>{_NUMBER})|(?P<index>x\d+)(?:\s*,\s*lsl\s+#?(?P<shift>[0-3]))?))?\s*\]"
)


def _aarch64(operand: str, size: int, signed: bool) -> UsdtArgument | None:
    if re.fullmatch(rf"#?{_NUMBER}", operand):
        value = _number(operand.removeprefix("#"))
        return UsdtArgument(size, signed, Place.CONSTANT, value, text=operand)
    if operand in ("xzr", "wzr"):
        return UsdtArgument(size, signed, Place.CONSTANT, 0, text=operand)
    if _ARM_REGISTER.fullmatch(operand):
        return UsdtArgument(size, signed, Place.REGISTER, base=operand, text=operand)
    found = _ARM_MEMORY.fullmatch(operand)
    if found is None:
        return None
    return UsdtArgument(
        size,
        signed,
        Place.MEMORY,
        _number(found["offset"] or "0"),
        found["base"],
        found["index"] or "",
        1 << int(found["shift"] or "0"),
        "",
        operand,
    )


_PARSERS: dict[str, Callable[[str, int, bool], UsdtArgument | None]] = {
    "x86_64": _x86,
    "i386": _x86,
    "aarch64": _aarch64,
}
