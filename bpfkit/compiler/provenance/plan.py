"""The result of the provenance analysis: how memory is accessed, and which functions are emitted.

A function is analysed once per call path and emitted once per distinct set of decisions (an
`Instance`). The lowering asks an instance for the access of a `Deref` node, for that of an address
given to a builtin, and for the instance a `Call` node goes to.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from ..compiled import Read as Read
from ..tree import Call, Deref, Expr, FunctionDecl


class Access(StrEnum):
    """How memory behind a `Deref` is read and written."""

    DIRECT = "direct"  # plain loads and stores: the verifier can see the memory
    BTF = "btf"  # scalars by plain loads, whole records by helper; no stores
    EXTERNAL = "external"  # loads by helper; a store is an error
    MIXED = "mixed"  # loads by helper, stores direct


@dataclass(eq=False, slots=True)
class Instance:
    """One emitted copy of a function. ``accesses`` holds only what is not DIRECT."""

    function: FunctionDecl
    symbol: str  # unique name in the object; the entry's own name for programs
    accesses: dict[Expr, Access] = field(default_factory=dict)
    calls: dict[Call, Instance] = field(default_factory=dict)
    callbacks: dict[FunctionDecl, Instance] = field(default_factory=dict)  # with taken addresses
    helpers: dict[Expr, int] = field(default_factory=dict)  # not the plan's: bpf_probe_read_user

    def access(self, node: Deref) -> Access:
        """How ``node`` is accessed in this copy."""
        return self.accesses.get(node, Access.DIRECT)

    def helper(self, node: Expr) -> int:
        """The helper that reads through ``node``; 0 for the plan's."""
        return self.helpers.get(node, 0)

    def pointer_access(self, pointer: Expr) -> Access:
        """How a builtin (memcpy and its like) accesses what its operand ``pointer`` points to.

        ``pointer`` is the operand without conversions between pointer types. When it is the address
        of an lvalue, ask for the access of the `Deref` in that instead.
        """
        return self.accesses.get(pointer, Access.DIRECT)


@dataclass(eq=False, slots=True)
class Plan:
    """Everything to emit: programs first, then the copies they reach, in no particular order."""

    entries: list[Instance]
    instances: list[Instance]  # all, entries included, each once
    read_helper: int = 4  # bpf_probe_read; 113 is bpf_probe_read_kernel
    reads: tuple[Read, ...] = ()  # in the order of the text
