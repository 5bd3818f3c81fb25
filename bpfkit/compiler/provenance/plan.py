"""The result of the provenance analysis: how each dereference is done, and which copies of a function exist.

A function is analysed once per call path and emitted once per distinct set of decisions (an `Instance`). The
lowering asks an instance for the access of a `Deref` node, and for the instance a `Call` node goes to.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from ..tree import Builtin, Call, Deref, FunctionDecl


class Access(StrEnum):
    """How memory behind a `Deref` is read and written."""

    DIRECT = "direct"  # plain loads and stores: the verifier can see the memory
    BTF = "btf"  # scalars by plain loads, whole records by helper; no stores
    EXTERNAL = "external"  # loads by helper; a store is an error
    MIXED = "mixed"  # loads by helper, stores direct


@dataclass(eq=False, slots=True)
class Instance:
    """One emitted copy of a function. ``accesses`` holds only what is not DIRECT.

    A `Builtin` in it is a memory copy, and the access is that of its source (BTF memory too is read by helper).
    """

    function: FunctionDecl
    symbol: str  # unique name in the object; the entry's own name for programs
    accesses: dict[Deref | Builtin, Access] = field(default_factory=dict)
    calls: dict[Call, Instance] = field(default_factory=dict)
    callbacks: dict[FunctionDecl, Instance] = field(
        default_factory=dict
    )  # functions whose address is taken

    def access(self, node: Deref | Builtin) -> Access:
        """How ``node`` is accessed in this copy."""
        return self.accesses.get(node, Access.DIRECT)


@dataclass(eq=False, slots=True)
class Plan:
    """Everything to emit: programs first, then the copies they reach, callees before callers not required."""

    entries: list[Instance]
    instances: list[Instance]  # all, entries included, each once
    read_helper: int = 4  # bpf_probe_read; 113 is bpf_probe_read_kernel
