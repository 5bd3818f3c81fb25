"""What the compiler knows of the kernel it compiles for: facts that arrive as arguments.

Nothing in the compiler looks at the host. `KernelFacts` is answered live from this machine
(``bpfkit/host``) or from a recording, so that one machine can compile for every kernel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ..btf.types import Btf
from ..errors import CompileError
from .diagnostics import Diagnostic, Severity


class KernelFacts(Protocol):
    """Facts of one kernel."""

    @property
    def version(self) -> tuple[int, int, int]:
        """Version, patch level, sublevel: (6, 12, 117)."""

    @property
    def btf(self) -> Btf:
        """The kernel's own types."""

    def modules_with_btf(self) -> Sequence[str]:
        """Names of the loaded modules that bring types."""

    def module_btf(self, module: str) -> Btf | None:
        """A module's types on top of the kernel's; None when it has none."""

    @property
    def possible_cpus(self) -> int:
        """How many CPUs could ever be present: the size of per-CPU maps."""

    @property
    def online_cpus(self) -> int:
        """How many CPUs run now: what ``bpf_num_cpus()`` gives."""

    def tracepoint_format(self, category: str, event: str) -> str | None:
        """The text of tracefs ``events/CATEGORY/EVENT/format``, None when there is none."""

    def tracepoints(self, category: str) -> Sequence[str]:
        """Names of the tracepoints of a category: what a misspelt one may mean."""

    def config(self, option: str) -> str | None:
        """Value of a CONFIG option ("y", "m", a number, a quoted string), None when unset or
        unknown.
        """

    def has_symbol(self, name: str) -> bool:
        """Whether kallsyms lists ``name``."""


class HeaderTree(Protocol):
    """A kernel's own headers: directories, the same one twice for a tree in one piece."""

    @property
    def source(self) -> str:
        """The tree as it is released."""

    @property
    def build(self) -> str:
        """The tree it was configured in: it has ``include/generated``."""


CPU_LEVELS = {
    "v1": (3, 18),
    "v2": (4, 14),  # JLT and its like, 92b31a9af73b
    "v3": (5, 1),  # 32-bit jumps, 092ed0968bb6; 32-bit arithmetic is older
    "v4": (6, 6),  # sign extension, byte swaps, signed division, long jumps, daabb2b098e0
}
"""LLVM's BPF CPU levels, and the first kernel that takes all instructions of each."""

_DEFAULT_LEVELS = ("v3", "v2", "v1")
_CPU_FLAG = "-mcpu="


def cpu_for(version: tuple[int, int, int], cflags: Sequence[str] = ()) -> str:
    """The CPU level for a kernel: v3 where it has that.

    v4 is not chosen by itself, since JITs of several machines took it up releases after the
    verifier did; ``-mcpu=v4`` among ``cflags`` asks for it. Raises CompileError for a level that
    does not exist, or that the kernel does not take.
    """
    asked = [flag.removeprefix(_CPU_FLAG) for flag in cflags if flag.startswith(_CPU_FLAG)]
    if not asked:
        return next((c for c in _DEFAULT_LEVELS if version[:2] >= CPU_LEVELS[c]), "v1")
    since = CPU_LEVELS.get(asked[-1])
    if since is None:
        known = ", ".join(CPU_LEVELS)
        message = f"there is no CPU level '{asked[-1]}'"
        raise CompileError([Diagnostic(Severity.ERROR, message, hint=f"known ones: {known}")])
    if version[:2] < since:
        message = f"CPU level {asked[-1]} needs Linux {since[0]}.{since[1]}"
        hint = f"the target is {version[0]}.{version[1]}; leave {_CPU_FLAG} out"
        raise CompileError([Diagnostic(Severity.ERROR, message, hint=hint)])
    return asked[-1]


@dataclass(frozen=True, slots=True)
class Target:
    """What to compile for. ``cpu`` is LLVM's BPF CPU level ("v1" … "v4").

    With ``headers`` types come from those instead of the kernel's BTF. ``keep`` is a directory in
    which precompiled headers may be kept, "" for none.
    """

    kernel: KernelFacts
    arch: str = "x86_64"
    cpu: str = "v3"
    dialect: str = "bcc"
    cflags: Sequence[str] = ()
    headers: HeaderTree | None = None
    keep: str = ""
