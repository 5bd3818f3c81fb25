"""USDT: probes that developers placed in programs and libraries, named ``provider:name``.

A probe has one place or several; each gets a uprobe, and a semaphore in the program is raised while
one is there. Arguments are read through <bpf/usdt.bpf.h> (`usdt_spec`), or by functions that
bcc's face generates.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from ..elf.image import ET_DYN, ElfImage
from ..elf.usdt import UsdtArgument, UsdtNote, parse_arguments, read_usdt_notes
from ..errors import AttachError, FormatError, NotSupportedError, SyscallError
from ..host.debug_files import open_image, symbol_images
from ..host.procmaps import read_maps
from .base import Attachable, Link, tear_down
from .binary import Binary, Spot, open_binary
from .perf import attach_to_events
from .uprobe import explain_uprobe, open_spot
from .usdt_spec import UsdtSpecs, emit_spec

if TYPE_CHECKING:
    from ..syscalls.fd import OwnedFd
    from ..system import System


@dataclass(frozen=True, slots=True)
class UsdtSite:
    """One place of a probe in a file. ``counter`` is the semaphore's file offset, 0 for none."""

    provider: str
    name: str
    spot: Spot
    counter: int
    semaphore: int
    """Its address as linked, 0 for none."""
    arguments: tuple[UsdtArgument, ...]
    symbols: dict[str, int]
    """Addresses of what arguments name."""
    movable: bool
    """Whether the file may be loaded anywhere."""


def read_sites(file: Binary) -> list[UsdtSite]:
    """Every place of every probe of a file. Raises OSError and FormatError."""
    with open_image(file.path) as image:
        notes = read_usdt_notes(image)
        parsed = [tuple(parse_arguments(note.arguments, image.arch)) for note in notes]
        names = {a.symbol for arguments in parsed for a in arguments if a.symbol}
        symbols = _addresses(file, image, names) if names else {}
        return [
            _site(image, note, arguments, symbols)
            for note, arguments in zip(notes, parsed, strict=True)
        ]


def _site(
    image: ElfImage, note: UsdtNote, arguments: tuple[UsdtArgument, ...], symbols: dict[str, int]
) -> UsdtSite:
    offset = image.file_offset(note.address)
    if offset is None:
        raise FormatError(f"USDT probe {note.provider}:{note.name} lies outside of the code")
    counter = image.file_offset(note.semaphore) if note.semaphore else 0
    if counter is None:
        raise FormatError(f"the semaphore of USDT probe {note.provider}:{note.name} is nowhere")
    spot = Spot(offset, note.address, note.name)
    movable = image.kind == ET_DYN
    return UsdtSite(
        note.provider, note.name, spot, counter, note.semaphore, arguments, symbols, movable
    )


def _addresses(file: Binary, image: ElfImage, names: set[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    with symbol_images(image, file.path, file.root) as images:
        for name in names:
            for source in images:
                symbols = source.find(name)
                if symbols:
                    found[name] = symbols[0].address
                    break
    return found


def attach_usdt(
    system: System,
    program: Attachable,
    binary: str | Binary,
    provider: str,
    name: str,
    *,
    pid: int = -1,
    specs: UsdtSpecs | None = None,
    cookie: int = 0,
) -> Link:
    """Call ``program`` each time a process, or process ``pid``, passes a probe of ``binary``.

    ``binary`` as for `attach_uprobe`; without ``provider`` any that has the probe is taken.
    ``specs`` are the maps that the program's object got from <bpf/usdt.bpf.h>; ``cookie`` is what
    bpf_usdt_cookie() gives there.

    Raises AttachError, with the nearest names when there is no such probe.
    """
    named = binary if isinstance(binary, str) else binary.name
    full = f"{provider}:{name}" if provider else name
    target = f"usdt {named}:{full}"
    file = (
        binary if isinstance(binary, Binary) else open_binary(system, binary, pid, program, target)
    )
    try:
        sites = read_sites(file)
    except (OSError, FormatError) as error:
        raise AttachError(program.name, target, f"{file.path}: {error}") from error
    chosen = _choose(sites, provider, name, program, target)
    return attach_sites(
        system, program, file, chosen, target=target, pid=pid, specs=specs, cookie=cookie
    )


def attach_sites(
    system: System,
    program: Attachable,
    file: Binary,
    sites: list[UsdtSite],
    *,
    target: str,
    pid: int = -1,
    specs: UsdtSpecs | None = None,
    cookie: int = 0,
) -> Link:
    """Attach to places that were looked up, as one link. Raises AttachError."""
    events: list[OwnedFd] = []
    cookies: list[int] = []
    undo: Callable[[], None] | None = None
    counter = max(site.counter for site in sites)
    try:
        if specs is not None:
            cookies, undo = _specify(system, file, sites, specs, pid, cookie)
        for site in sites:
            events.append(
                open_spot(
                    system, file, site.spot, target, retprobe=False, pid=pid, counter=site.counter
                )
            )
        opened, events = events, []  # from here on they are the link's
        taken, undo = undo, None
        return attach_to_events(
            system,
            program,
            opened,
            hook="usdt",
            target=target,
            undo=taken,
            cookies=cookies if specs is None or specs.cookies else (),
        )
    except NotSupportedError as error:
        raise AttachError(program.name, target, str(error)) from error
    except SyscallError as error:
        why = explain_uprobe(error, program, file, pid, counter)
        raise AttachError(program.name, target, why.reason, why.hint) from error
    finally:
        tear_down(events, undo)


def _specify(
    system: System,
    file: Binary,
    sites: list[UsdtSite],
    specs: UsdtSpecs,
    pid: int,
    cookie: int,
) -> tuple[list[int], Callable[[], None] | None]:
    """Write the specifications: the cookie of each place, and how to undo what must be undone."""
    numbers = []
    for site in sites:
        spec = emit_spec(
            site.arguments,
            system.facts.arch,
            site.spot.address,
            site.symbols.get,
            movable=site.movable,
            cookie=cookie,
        )
        numbers.append(specs.number_of(spec))
    if specs.cookies:
        return numbers, None
    placed = [_live_address(system, file, site, pid) for site in sites]
    for address, number in zip(placed, numbers, strict=True):
        specs.place(address, number)
    return numbers, partial(_forget_all, specs, placed)


def _forget_all(specs: UsdtSpecs, addresses: list[int]) -> None:
    for address in addresses:
        specs.forget(address)


def _live_address(system: System, file: Binary, site: UsdtSite, pid: int) -> int:
    """Where a process has a place in its memory. Raises NotSupportedError when that is open."""
    if not site.movable:
        return site.spot.address
    if pid > 0:
        inode = file.path.stat().st_ino
        for m in read_maps(pid, system.facts.root):
            inside = 0 <= site.spot.offset - m.offset < m.end - m.start
            if m.inode == inode and m.executable and inside:
                return m.start + site.spot.offset - m.offset
    raise NotSupportedError(
        "arguments of USDT probes in all processes at once",
        "5.15",
        "name a running process (pid): without attach cookies the address tells probes apart",
    )


def _choose(
    sites: list[UsdtSite], provider: str, name: str, program: Attachable, target: str
) -> list[UsdtSite]:
    chosen = [s for s in sites if s.name == name and provider in ("", s.provider)]
    providers = sorted({s.provider for s in chosen})
    if len(providers) > 1:
        raise AttachError(
            program.name,
            target,
            f"several providers have this probe: {', '.join(providers)}",
            f"name one of them, as in '{providers[0]}:{name}'",
        )
    if chosen:
        return chosen
    known = sorted({f"{s.provider}:{s.name}" for s in sites})
    if not known:
        raise AttachError(
            program.name,
            target,
            "the file has no USDT probes",
            "it may have been built without <sys/sdt.h>; attach to a function (uprobe) instead",
        )
    wanted = f"{provider}:{name}" if provider else name
    near = [k for k in known if k.endswith(f":{name}")]
    near = near or difflib.get_close_matches(wanted, known, n=3, cutoff=0.5) or known[:3]
    hint = f"did you mean {', '.join(repr(n) for n in near)}?"
    raise AttachError(program.name, target, "the file has no such probe", hint)
