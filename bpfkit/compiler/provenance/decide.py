"""The decision: how memory behind an address with given atoms is accessed.

Reading by helper is right for every address but the context; a plain load is refused by the
verifier where it sees no pointer. So what is unknown counts as external.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from ..ctype import size_of
from ..diagnostics import Loc, Rejection
from .plan import Access
from .values import Atom, Kind


class ContextKind(Enum):
    """What loads through the context give."""

    MEMORY = "memory"  # numbers: registers, tracepoint fields, raw tracepoint arguments
    BTF = "btf"  # pointers to kernel objects: fentry, fexit, tp_btf, lsm …
    ITER = "iter"  # typed pointers: bpf_iter
    DEVICE = "device"  # rewritten by the verifier: packets and sockets


def classify(atoms: Iterable[Atom]) -> Access:
    """How memory at any of the addresses ``atoms`` is accessed."""
    known = [a for a in atoms if a.kind is not Kind.ZERO]
    kinds = {Kind.SCALAR if a.kind is Kind.FUNCTION else a.kind for a in known}
    if not kinds:
        # Null, or never assigned (zero bytes of an initialiser): what it is used for is dead code.
        return Access.MIXED
    if kinds == {Kind.SCALAR}:
        return Access.EXTERNAL
    if kinds == {Kind.BTF}:
        return Access.BTF if all(_is_inside(a) for a in known) else Access.EXTERNAL
    if kinds <= {Kind.STACK, Kind.VISIBLE} or kinds == {Kind.CONTEXT}:
        return Access.DIRECT
    return Access.MIXED


def _is_inside(atom: Atom) -> bool:
    """Whether a BTF address is known to lie in its object."""
    if atom.record is None or atom.offset is None:
        return False
    return 0 <= atom.offset < max(size_of(atom.record), 1)


def check_context(atoms: Iterable[Atom], kind: ContextKind, loc: Loc) -> None:
    """Refuse an address that may or may not be a context whose accesses the verifier rewrites."""
    kinds = {a.kind for a in atoms} - {Kind.ZERO}
    if Kind.CONTEXT in kinds and len(kinds) > 1 and kind is not ContextKind.MEMORY:
        raise Rejection(
            "pointer may be the program context or an external address",
            loc,
            "use one variable for the context and another one for the rest",
        )


def check_store(access: Access, loc: Loc) -> None:
    """Refuse a store that no helper can do."""
    if access is Access.EXTERNAL:
        raise Rejection(
            "cannot write through a pointer to kernel or user memory",
            loc,
            "copy the value into a local variable and change that; bpf_probe_write_user() writes"
            " user memory",
        )
    if access is Access.BTF:
        raise Rejection(
            "cannot write to a kernel object",
            loc,
            "kernel objects are read-only for programs; copy the value into a local variable",
        )
