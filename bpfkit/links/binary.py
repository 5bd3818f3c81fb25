"""A binary that probes go to: where it is, and from names and addresses to offsets in the file."""

from __future__ import annotations

import ctypes
import difflib
import errno
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..elf.image import FUNCTION_KINDS, STT_GNU_IFUNC, ElfImage, ImageSymbol
from ..errors import AttachError, FormatError
from ..host.binaries import find_exe, find_library
from ..host.debug_files import open_image, symbol_images
from ..host.procmaps import path_of_process, read_maps
from .base import Attachable
from .explain import Explanation

if TYPE_CHECKING:
    from ..system import System

_SHOWN = 3


class Spot(NamedTuple):
    """A place to probe: the offset into the file, and the address it was linked for."""

    offset: int
    address: int
    name: str = ""


@dataclass(frozen=True, slots=True)
class Binary:
    """A file: ``name`` as it was asked for, ``path`` as it is found from here."""

    name: str
    path: Path
    root: Path = Path("/")

    # ------------------------------------------------------------ one place

    def spot(
        self, symbol: str, address: int | None, offset: int, program: str, target: str
    ) -> Spot:
        """Where a symbol, or an address, and ``offset`` bytes behind it, is in the file.

        Raises AttachError that says what is wrong with the binary, or which names are near.
        """
        try:
            with open_image(self.path) as image:
                if address is None:
                    address = self._address_of(image, symbol)
                found = image.file_offset(address + offset)
                if found is None or not image.is_code(address + offset):
                    raise _RefusedError(_not_code(image, address + offset, found))
                return Spot(found, address + offset, symbol)
        except _RefusedError as refusal:
            raise AttachError(program, target, refusal.why.reason, refusal.why.hint) from None
        except (OSError, FormatError) as error:
            raise AttachError(program, target, *_unreadable(self.path, error)) from error

    def offset_of_data(self, address: int, program: str, target: str) -> int:
        """Where in the file the variable at a virtual address is. Raises AttachError."""
        try:
            with open_image(self.path) as image:
                found = image.file_offset(address)
        except (OSError, FormatError) as error:
            raise AttachError(program, target, *_unreadable(self.path, error)) from error
        if found is None:
            reason = f"the semaphore at 0x{address:x} is in no part of the file that is loaded"
            raise AttachError(program, target, reason)
        return found

    def _address_of(self, image: ElfImage, symbol: str) -> int:
        with symbol_images(image, self.path, self.root) as images:
            for source in images:
                found = [s for s in source.find(symbol) if s.address]
                functions = [s for s in found if s.kind in FUNCTION_KINDS] or found
                if functions:
                    return self._choose(image, functions[0])
            raise _RefusedError(_missing(symbol, images))

    def _choose(self, image: ElfImage, symbol: ImageSymbol) -> int:
        """The code of a function; where its code is chosen as it is loaded, the code chosen here.

        What an indirect function's symbol leads to only chooses, once. This machine's processor
        chooses the same in every process, so ask it of this one, if it has the library loaded.
        """
        if symbol.kind != STT_GNU_IFUNC:
            return symbol.address
        return _chosen_here(self.path, image, symbol.name) or symbol.address

    # ------------------------------------------------------------ many places

    def functions(self, pattern: re.Pattern[bytes]) -> list[Spot]:
        """Every function whose name ``pattern`` matches from its start, one for each address.

        In the order of addresses. Raises OSError and FormatError.
        """
        found: dict[int, Spot] = {}
        for spot in self.all_functions(pattern):
            found.setdefault(spot.address, spot)
        return [found[address] for address in sorted(found)]

    def all_functions(self, pattern: re.Pattern[bytes]) -> list[Spot]:
        """The same under all their names, in the order of the file."""
        found = []
        seen: set[tuple[str, int]] = set()
        with (
            open_image(self.path) as image,
            symbol_images(image, self.path, self.root) as images,
        ):
            for symbol in _functions_of(images):
                name = symbol.name.encode("utf-8", "surrogateescape")
                if (symbol.name, symbol.address) in seen or not pattern.match(name):
                    continue
                seen.add((symbol.name, symbol.address))
                offset = image.file_offset(symbol.address)
                if offset is not None and image.is_code(symbol.address):
                    found.append(Spot(offset, symbol.address, symbol.name))
        return found


class _RefusedError(Exception):
    """Why a place is none."""

    def __init__(self, why: Explanation) -> None:
        super().__init__(why.reason)
        self.why = why


def open_binary(system: System, name: str, pid: int, program: Attachable, target: str) -> Binary:
    """Find a binary by its path, or as a library or program. Raises AttachError."""
    found = find_binary(system, name, pid)
    if found is None:
        raise AttachError(
            program.name,
            target,
            f"there is no library 'lib{name}.so' and no program '{name}'",
            "give the whole path, or the name of a library without 'lib' and '.so'",
        )
    return found


def find_binary(system: System, name: str, pid: int = -1) -> Binary | None:
    """Find a binary by its path, or as a library or program, as process ``pid`` sees it.

    None when there is none of that name; a path is taken as it is.
    """
    facts = system.facts
    path = find_library(name, facts.arch, pid=max(pid, 0), root=facts.root)
    path = path or find_exe(name, root=facts.root)
    if path is None:
        return None
    if pid > 0 and path.startswith("/") and not path.startswith("/proc/"):
        return Binary(name, path_of_process(pid, path, facts.root), facts.root)
    whole = facts.root / path.lstrip("/") if path.startswith("/") else Path(path).absolute()
    return Binary(name, whole, facts.root)


def _functions_of(images: Iterable[ElfImage]) -> Iterable[ImageSymbol]:
    for image in images:
        for symbol in image.symbols():
            if symbol.kind in FUNCTION_KINDS and symbol.address:
                yield symbol


def _chosen_here(path: Path, image: ElfImage, name: str) -> int | None:
    """The address, as linked, of the code that this process runs for a function of a library."""
    try:
        status = path.stat()
        mapped = [m for m in read_maps("self") if m.inode == status.st_ino and m.executable]
        if not mapped:
            return None
        library = ctypes.CDLL(mapped[0].path)
        value = ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0
    except (OSError, AttributeError):
        return None
    for m in mapped:
        if m.start <= value < m.end:
            return image.address_at(value - m.start + m.offset)
    return None


# ---------------------------------------------------------------- explanations


def _not_code(image: ElfImage, address: int, offset: int | None) -> Explanation:
    ranges = ", ".join(
        f"0x{s.address:x}-0x{s.address + s.memory_bytes:x}"
        for s in image.segments
        if s.kind == 1 and s.flags & 1
    )
    where = "in no part of the file that is loaded" if offset is None else "data, not code"
    return Explanation(
        f"address 0x{address:x} is {where}",
        f"code is at {ranges}; give the address that a disassembler shows, not one of a process"
        if ranges
        else "",
    )


def _missing(symbol: str, images: list[ElfImage]) -> Explanation:
    names = {s.name for s in _functions_of(images)}
    if not any(image.has_symtab for image in images):
        stripped = "; the binary is stripped: install its debug symbols, or attach by address"
    else:
        stripped = ""
    near = difflib.get_close_matches(
        symbol, sorted(n for n in names if n[:1] == symbol[:1]), n=_SHOWN, cutoff=0.7
    )
    # Mangled names of C++ and Rust hold the name as it was written.
    mangled = sorted(n for n in names if f"{len(symbol)}{symbol}" in n)
    shown = [*mangled[:_SHOWN], *near][:_SHOWN]
    variants = sorted(n for n in names if n.startswith((symbol + ".", symbol + "@")))
    shown = [*variants[:_SHOWN], *shown][:_SHOWN]
    hint = "did you mean " + ", ".join(f"'{n}'" for n in shown) + "?" if shown else ""
    return Explanation(f"it has no function '{symbol}'{stripped}", hint)


def _unreadable(path: Path, error: OSError | FormatError) -> tuple[str, str]:
    if isinstance(error, FormatError):
        return f"{path}: {error}", "probes go to programs and shared libraries"
    name = errno.errorcode.get(error.errno or 0, str(error))
    return f"{path} cannot be read: {name}", ""
