"""A loaded program whose links somebody closes who owns it, if nobody did before."""

from __future__ import annotations

from typing import Protocol, Self, TypeVar

from ..programs.program import Program
from .base import Link
from .usdt_spec import UsdtSpecs

L = TypeVar("L", bound=Link)


class Owner(Protocol):
    """What a program was loaded from."""

    def own(self, thing: Link) -> None:
        """Close ``thing`` later, if nobody else has."""

    def usdt_specs(self) -> UsdtSpecs | None:
        """The object's maps of <bpf/usdt.bpf.h>; None when it does not use them."""

    def section_of(self, program: str) -> str:
        """The section that a program was declared in."""


class OwnedProgram(Program):
    """A program with an owner."""

    _owner: Owner

    @classmethod
    def adopt(cls, program: Program, owner: Owner) -> Self:
        """Take over a loaded program's descriptor."""
        self = cls(program._fd, program.name, program.type, program._system, program.log)
        self.attach_to, self.attach_type = program.attach_to, program.attach_type
        self._owner = owner
        return self

    def _owned(self, link: L) -> L:
        self._owner.own(link)
        return link
