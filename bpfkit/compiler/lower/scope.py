"""What the lowering of a function asks of the module around it."""

from __future__ import annotations

from typing import Protocol

from ..diagnostics import Loc
from ..provenance.plan import Instance
from ..tree import CompoundLiteral, FunctionDecl, MapDecl, VarDecl


class Scope(Protocol):
    """The module seen from inside one function."""

    cpu: str

    def variable(self, decl: VarDecl) -> str:
        """The symbol of an object with static storage, defined on first use."""

    def literal(self, e: CompoundLiteral) -> str:
        """The symbol of a compound literal outside functions."""

    def entry(self, decl: FunctionDecl) -> str:
        """The symbol of the program or kernel function that a static initialiser names."""

    def external(self, decl: FunctionDecl, loc: Loc) -> str:
        """The symbol of a function that the kernel defines."""

    def function(self, instance: Instance) -> str:
        """The symbol of an emitted copy of a function."""

    def map(self, decl: MapDecl) -> str:
        """The symbol of a map."""
