"""What the helper is asked to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..diagnostics import Loc
from ..target import KernelFacts, Target

if TYPE_CHECKING:
    from ..source import Source


@dataclass(frozen=True, slots=True)
class IrJob:
    """Turn LLVM IR into an object."""

    ir: str
    triple: str
    cpu: str
    time_limit_s: float


@dataclass(frozen=True, slots=True)
class Tree:
    """A `HeaderTree` as it travels."""

    source: str
    build: str


@dataclass(frozen=True, slots=True)
class TextJob:
    """Compile a C text: the fields of `Source` and `Target`, but for the kernel, which is asked."""

    text: str
    name: str
    includes: Mapping[str, str]
    arch: str
    cpu: str
    dialect: str
    cflags: tuple[str, ...]
    tree: Tree | None = None
    keep: str = ""
    external: frozenset[Loc] = field(default_factory=frozenset)
    time_limit_s: float = 0

    def source(self) -> Source:
        """The text to compile."""
        from ..source import Source

        return Source(self.text, self.name, self.includes)

    def target(self, kernel: KernelFacts) -> Target:
        """What to compile it for."""
        return Target(kernel, self.arch, self.cpu, self.dialect, self.cflags, self.tree, self.keep)


Job = IrJob | TextJob
