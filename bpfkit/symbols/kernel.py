"""Addresses of the kernel to names and back.

Data symbols are left out, as in bcc: an address belongs to the last text symbol at or below it. Of
several names at one address, and of several addresses of one name, the one listed last counts.
"""

from __future__ import annotations

import errno
from array import array
from bisect import bisect_right
from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Protocol, Self

from ..errors import SyscallError

if TYPE_CHECKING:
    from ..system import System

_DATA_KINDS = frozenset("bBdDrR")


class Resolved(NamedTuple):
    """A symbol and how far behind its start an address is. ``module`` is empty for the kernel."""

    name: str
    offset: int
    module: str


class SymbolLine(Protocol):
    """A line of /proc/kallsyms."""

    @property
    def address(self) -> int:
        """0 when the kernel hides it."""

    @property
    def kind(self) -> str:
        """The type letter."""

    @property
    def name(self) -> str:
        """The symbol."""

    @property
    def module(self) -> str:
        """The module, empty for the kernel itself."""


class KernelSymbols:
    """A picture of the kernel's text symbols; make a new one after loading modules."""

    def __init__(self, symbols: Iterable[SymbolLine]) -> None:
        """Sort ``symbols`` by address."""
        text = [(s.address, s.name, s.module) for s in symbols if s.kind not in _DATA_KINDS]
        shown = [symbol for symbol in text if symbol[0]]
        self.hidden = bool(text) and not shown
        """True when every address reads as zero: the kernel hides them from this process."""
        shown.sort(key=lambda symbol: symbol[0])  # stable, so aliases keep their order
        self._addresses = array("Q", [address for address, _, _ in shown])
        self._names = [name for _, name, _ in shown]
        self._modules = [module for _, _, module in shown]

    @classmethod
    def live(cls, system: System) -> Self:
        """Read the symbols of the running kernel."""
        return cls(system.facts.kallsyms.symbols())

    def __len__(self) -> int:
        return len(self._addresses)

    def resolve(self, address: int) -> Resolved | None:
        """The symbol that ``address`` lies in; None below the first one.

        Raises SyscallError (EPERM) when the kernel hides its addresses.
        """
        self._need_addresses()
        index = bisect_right(self._addresses, address) - 1
        if index < 0:
            return None
        offset = address - self._addresses[index]
        return Resolved(self._names[index], offset, self._modules[index])

    def address_of(self, name: str) -> int | None:
        """The address of a symbol; None when there is none of that name.

        Raises SyscallError (EPERM) when the kernel hides its addresses.
        """
        self._need_addresses()
        return self._by_name.get(name)

    @cached_property
    def _by_name(self) -> dict[str, int]:
        return dict(zip(self._names, self._addresses, strict=True))

    def _need_addresses(self) -> None:
        if self.hidden:
            raise SyscallError(
                errno.EPERM,
                "read",
                "addresses in /proc/kallsyms",
                "run as root with CAP_SYSLOG; with kernel.kptr_restrict=2 nobody sees them, "
                "set it to 1",
            )
