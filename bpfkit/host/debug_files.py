"""Opening binaries, and finding what was stripped from them.

Debuggers agree on where: by the build ID below /usr/lib/debug/.build-id, by the name in
.gnu_debuglink beside the binary, in .debug there, or below /usr/lib/debug; and a compressed symbol
table in .gnu_debugdata. Source: GDB's manual, "Separate Debug Files" and "MiniDebugInfo".
"""

from __future__ import annotations

import mmap
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..elf.image import ElfImage
from ..errors import FormatError

DEBUG_ROOT = "usr/lib/debug"
_CHUNK = 1 << 20


@contextmanager
def open_image(path: Path) -> Iterator[ElfImage]:
    """Open a linked ELF file for a while. Raises OSError and FormatError."""
    with path.open("rb") as file:
        if not path.stat().st_size:
            raise FormatError("this is an empty file, not an ELF file", 0)
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield ElfImage(data)


@contextmanager
def symbol_images(image: ElfImage, path: Path, root: Path = Path("/")) -> Iterator[list[ElfImage]]:
    """All that has symbols of the binary at ``path``: itself, .gnu_debugdata, its debug file.

    A debug file has the addresses of the binary; file offsets only the binary itself has. Nothing
    more is looked for when the binary has its symbol table.
    """
    images = [image]
    if image.has_symtab:
        yield images
        return
    inside = image.mini_debug_info()
    if inside is not None:
        images.append(inside)
    found = find_debug_file(image, path, root)
    if found is None:
        yield images
        return
    with open_image(found) as debug:
        yield [*images, debug]


def find_debug_file(image: ElfImage, path: Path, root: Path = Path("/")) -> Path | None:
    """The file with the symbols of a stripped binary; None when it is not installed."""
    build_id = image.build_id.hex()
    # Files of a container are looked for in the container.
    tops = [root] if path_root(path) is None else [path_root(path) or root, root]
    for top in tops:
        if build_id:
            candidate = top / DEBUG_ROOT / ".build-id" / build_id[:2] / f"{build_id[2:]}.debug"
            if _matches(candidate, image, None):
                return candidate
        link = image.debuglink
        if link is None:
            continue
        name, crc = link
        folder = path.resolve().parent
        inside = Path(str(folder).removeprefix(str(top)).lstrip("/"))
        for place in (folder, folder / ".debug", top / DEBUG_ROOT / inside):
            candidate = place / name
            if candidate.resolve() != path.resolve() and _matches(candidate, image, crc):
                return candidate
    return None


def path_root(path: Path) -> Path | None:
    """``/proc/PID/root`` of a path that leads through it."""
    parts = path.parts
    if len(parts) > 4 and parts[1] == "proc" and parts[3] == "root":
        return Path(*parts[:4])
    return None


def _matches(candidate: Path, image: ElfImage, crc: int | None) -> bool:
    """Whether a file belongs to a binary: by its build ID, else by the checksum of its bytes."""
    if not candidate.is_file():
        return False
    try:
        with open_image(candidate) as debug:
            if image.build_id and debug.build_id:
                return image.build_id == debug.build_id
    except (OSError, FormatError):
        return False
    return crc is None or checksum(candidate) == crc


def checksum(path: Path) -> int:
    """The CRC-32 that .gnu_debuglink wants."""
    value = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            value = zlib.crc32(chunk, value)
    return value
