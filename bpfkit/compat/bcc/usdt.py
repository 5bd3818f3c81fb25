"""bcc's USDT class: which probes a process or a file has, and which functions they shall call."""

from __future__ import annotations

import difflib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ...elf.usdt import Place, UsdtArgument
from ...errors import FormatError
from ...host.procmaps import read_maps
from . import live
from .kernel import shared_system
from .text import Text, to_text
from .usdt_text import ArgumentsError, TextSite, c_type, readers

if TYPE_CHECKING:
    from ...links.binary import Binary
    from ...links.usdt import UsdtSite
    from .bpf import BPF

_ADVICE = """Failed to enable USDT probe '%s':
the specified pid might not contain the given language's runtime,
or the runtime was not built with the required USDT probes. Look
for a configure flag similar to --with-dtrace or --enable-dtrace.
To check which probes are present in the process, use the tplist tool.
"""


class USDTException(Exception):  # noqa: N818 - bcc's name
    """What bcc raises for everything about USDT."""


class USDTProbeArgument:
    """Where an argument is."""

    def __init__(self, argument: UsdtArgument) -> None:
        self.signed = argument.signed
        self.size = argument.size
        self._argument = argument

    def __str__(self) -> str:
        sign = "signed  " if self.signed else "unsigned"
        return f"{self.size} {sign} bytes @ {self._place()}"

    def _place(self) -> str:
        known = self._argument
        sign, distance = "+" if known.offset >= 0 else "-", abs(known.offset)
        match known.place:
            case Place.CONSTANT if not known.symbol:
                return str(known.offset)
            case Place.REGISTER:
                return known.base
            case Place.MEMORY if known.symbol and not known.base:
                return f"*(&{known.symbol} {sign} {distance})"
            case Place.MEMORY if not known.symbol:
                index = f" + {known.index}" if known.index else ""
                scale = f" * {known.scale}" if known.index and known.scale > 1 else ""
                return f"*({known.base} {sign} {distance}{index}{scale})"
        return f"unrecognized argument format, {known.text}"


class USDTProbeLocation:
    """One place of a probe."""

    def __init__(self, probe: USDTProbe, index: int, binary: Binary, site: UsdtSite) -> None:
        self.probe = probe
        self.index = index
        self.num_arguments = probe.num_arguments
        self.address = site.spot.address
        self.bin_path = os.fsencode(binary.name)
        self.binary = binary
        self.site = site

    def __str__(self) -> str:
        return f"{self.binary.name} 0x{self.address:x}"

    def get_argument(self, index: int) -> USDTProbeArgument:
        """Where an argument is here, counted from 0."""
        if not 0 <= index < len(self.site.arguments):
            raise USDTException(
                f"error retrieving probe argument {index} location {self.index}: it has "
                f"{len(self.site.arguments)}"
            )
        return USDTProbeArgument(self.site.arguments[index])


class USDTProbe:
    """A probe of one name, with all its places."""

    def __init__(self, provider: str, name: str) -> None:
        self.provider = os.fsencode(provider)
        self.name = os.fsencode(name)
        self.semaphore = 0
        self.locations: list[USDTProbeLocation] = []

    def add(self, binary: Binary, site: UsdtSite) -> None:
        """Add a place."""
        self.locations.append(USDTProbeLocation(self, len(self.locations), binary, site))

    @property
    def bin_path(self) -> bytes:
        """The file of the first place."""
        return self.locations[0].bin_path

    @property
    def num_locations(self) -> int:
        """How many places there are."""
        return len(self.locations)

    @property
    def num_arguments(self) -> int:
        """How many arguments the first place has."""
        return len(self.locations[0].site.arguments) if self.locations else 0

    def __str__(self) -> str:
        return f"{self.short_name()} [sema 0x{self.semaphore:x}]"

    def short_name(self) -> str:
        """``provider:name``."""
        return f"{os.fsdecode(self.provider)}:{os.fsdecode(self.name)}"

    def get_location(self, index: int) -> USDTProbeLocation:
        """A place, counted from 0."""
        if not 0 <= index < len(self.locations):
            raise USDTException(
                f"error retrieving probe location {index}: it has {len(self.locations)}"
            )
        return self.locations[index]


class USDT:
    """The probes of a process, or of a file. Give it to ``BPF(usdt_contexts=[…])``."""

    def __init__(self, pid: int | None = None, path: str | None = None) -> None:
        """Read the notes of what process ``pid`` has mapped, or of the binary ``path`` alone.

        Semaphores are raised by the kernel as long as the probes are attached, so this object need
        not live on.
        """
        self.enabled: dict[str, USDTProbe] = {}
        self.pid = pid if pid and pid != -1 else None
        self.path = path
        if self.pid is None and not path:
            raise USDTException("either a pid or a binary path must be specified")
        try:
            self._probes = self._read()
        except (OSError, FormatError) as error:
            what = f"PID {self.pid}" if self.pid else f"path {path}"
            raise USDTException(f"USDT failed to instrument {what}: {error}") from error

    def _read(self) -> dict[tuple[str, str], USDTProbe]:
        probes: dict[tuple[str, str], USDTProbe] = {}
        for binary in self._binaries():
            for site in live.read_sites(binary):
                key = (site.provider, site.name)
                probe = probes.setdefault(key, USDTProbe(*key))
                probe.semaphore = probe.semaphore or site.semaphore
                probe.add(binary, site)
        return probes

    def _binaries(self) -> list[Binary]:
        system = shared_system()
        if self.path:
            binary = live.find_binary(system, to_text(self.path), self.pid or -1)
            if binary is None:
                raise FileNotFoundError(f"no such program or library: {self.path}")
            return [binary]
        mapped = read_maps(self.pid or 0, system.facts.root)
        names = dict.fromkeys(m.path for m in mapped if m.is_file and m.executable)
        found = [live.find_binary(system, name, self.pid or -1) for name in names]
        # A mapping may be of a file that is gone, or of none that can be run.
        return [b for b in found if b is not None and _is_elf(b.path)]

    # ------------------------------------------------------------ probes

    def enable_probe(self, probe: str, fn_name: str) -> None:
        """Have a probe, ``name`` or ``provider:name``, call ``fn_name``."""
        found = self._find(probe)
        function = to_text(fn_name)
        if function in self.enabled or found in self.enabled.values():
            raise USDTException(_ADVICE % probe + "(it is enabled already)")
        self.enabled[function] = found

    def enable_probe_or_bail(self, probe: str, fn_name: str) -> None:
        """`enable_probe`, or print what is wrong and exit."""
        try:
            self.enable_probe(probe, fn_name)
        except USDTException as error:
            print(error, file=sys.stderr)  # noqa: T201 - what this method is for
            sys.exit(1)

    def enumerate_probes(self) -> list[USDTProbe]:
        """Every probe there is."""
        return list(self._probes.values())

    def get_probe_arg_ctype(self, probe_name: str, arg_index: int) -> str:
        """The C type of an argument, counted from 0: ``uint64_t`` and its like."""
        probe = self._find(probe_name)
        places = [loc.site.arguments for loc in probe.locations]
        if not 0 <= arg_index < min(map(len, places)):
            raise USDTException(f"probe {probe_name} has no argument {arg_index}")
        return c_type([arguments[arg_index] for arguments in places])

    def _find(self, probe: Text) -> USDTProbe:
        name = to_text(probe)
        if self.pid and not Path(f"/proc/{self.pid}").exists():
            raise USDTException(_ADVICE % name + f"(process {self.pid} has ended)")
        provider, colon, rest = name.partition(":")
        if colon:
            matching = [p for key, p in self._probes.items() if key == (provider, rest)]
        else:
            matching = [p for key, p in self._probes.items() if key[1] == name]
        if len(matching) == 1:
            return matching[0]
        if matching:
            providers = ", ".join(os.fsdecode(p.provider) for p in matching)
            raise USDTException(_ADVICE % name + f"(several providers have it: {providers})")
        known = [f"{p}:{n}" for p, n in self._probes]
        near = difflib.get_close_matches(name, [*known, *(n for _, n in self._probes)], n=3)
        hint = f"did you mean {', '.join(near)}?" if near else f"there are {len(known)} probes"
        raise USDTException(_ADVICE % name + f"({hint})")

    # ------------------------------------------------------------ what BPF does with it

    def get_context(self) -> USDT:
        """bcc's handle of this object."""
        return self

    def get_text(self) -> str:
        """The C functions by which the enabled probes' arguments are read."""
        system = shared_system()
        cookies = system.features.has("helper/bpf_get_attach_cookie")
        pieces = []
        for function, probe in self.enabled.items():
            sites = [
                TextSite(s.spot.address, s.arguments, s.symbols, s.movable)
                for s in (location.site for location in probe.locations)
            ]
            try:
                pieces.append(readers(function, sites, system.facts.arch, cookies=cookies))
            except ArgumentsError as error:
                raise USDTException(str(error)) from error
        return "".join(pieces)

    def enumerate_active_probes(self) -> list[tuple[bytes, bytes, int, int]]:
        """(file, function, address, pid) of each place to be attached to."""
        return [
            (location.bin_path, os.fsencode(function), location.address, self.pid or -1)
            for function, probe in self.enabled.items()
            for location in probe.locations
        ]

    def attach_uprobes(self, bpf: BPF, attach_usdt_ignore_pid: bool) -> None:
        """Attach the enabled probes; BPF's constructor calls this."""
        pid = -1 if attach_usdt_ignore_pid or not self.pid else self.pid
        for function, probe in self.enabled.items():
            for location in probe.locations:
                bpf.attach_location(location, function, pid)


def _is_elf(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(4) == b"\x7fELF"
    except OSError:
        return False
