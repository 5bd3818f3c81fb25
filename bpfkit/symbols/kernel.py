"""Addresses of the kernel to names and back.

Data symbols are left out, as in bcc: an address belongs to the last text symbol at or below it. Of
several names at one address, and of several addresses of one name, the one listed last counts.

There are more than a hundred thousand symbols and most are never asked for. So the lines of
/proc/kallsyms are kept as bytes: they begin with the address in hexadecimal, all of one width, so
they sort and compare as the addresses do, and only a line that is found is taken apart.
"""

from __future__ import annotations

import errno
from bisect import bisect_right
from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Self

from ..errors import SyscallError

if TYPE_CHECKING:
    from ..system import System

_DATA_KINDS = b"bBdDrR"


class Resolved(NamedTuple):
    """A symbol and how far behind its start an address is. ``module`` is empty for the kernel."""

    name: str
    offset: int
    module: str


class KernelSymbols:
    """A picture of the kernel's text symbols; make a new one after loading modules."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        """Sort lines of /proc/kallsyms: ``ADDRESS KIND NAME``, then a tab and ``[MODULE]``."""
        every = list(lines)
        self._width = width = every[0].find(b" ") if every else 16
        zero = b"0" * width
        at = width + 1
        text = [line for line in every if line[at] not in _DATA_KINDS]
        # Sorting is stable, so aliases keep their order.
        self._lines = sorted(
            (line for line in text if not line.startswith(zero)), key=lambda line: line[:width]
        )
        self._parsed: dict[int, tuple[int, str, str]] = {}
        self.hidden = bool(text) and not self._lines
        """True when every address reads as zero: the kernel hides them from this process."""

    @classmethod
    def live(cls, system: System) -> Self:
        """Read the symbols of the running kernel."""
        return cls(system.facts.kallsyms.lines())

    def __len__(self) -> int:
        return len(self._lines)

    def resolve(self, address: int) -> Resolved | None:
        """The symbol that ``address`` lies in; None below the first one.

        Raises SyscallError (EPERM) when the kernel hides its addresses.
        """
        self._need_addresses()
        # Behind the address a line has a blank: anything greater sorts behind all its aliases.
        index = bisect_right(self._lines, b"%0*x~" % (self._width, address)) - 1
        if index < 0:
            return None
        start, name, module = self._parsed.get(index) or self._parse(index)
        return Resolved(name, address - start, module)

    def _parse(self, index: int) -> tuple[int, str, str]:
        start, _, name, *rest = self._lines[index].decode("utf-8", "surrogateescape").split()
        parsed = int(start, 16), name, rest[0].strip("[]") if rest else ""
        self._parsed[index] = parsed
        return parsed

    def address_of(self, name: str) -> int | None:
        """The address of a symbol; None when there is none of that name.

        Raises SyscallError (EPERM) when the kernel hides its addresses.
        """
        self._need_addresses()
        line = self._by_name.get(name.encode("utf-8", "surrogateescape"))
        return None if line is None else int(line[: self._width], 16)

    @cached_property
    def _by_name(self) -> dict[bytes, bytes]:
        return {line.split(None, 3)[2]: line for line in self._lines}

    def _need_addresses(self) -> None:
        if self.hidden:
            raise SyscallError(
                errno.EPERM,
                "read",
                "addresses in /proc/kallsyms",
                "run as root with CAP_SYSLOG; with kernel.kptr_restrict=2 nobody sees them, "
                "set it to 1",
            )
