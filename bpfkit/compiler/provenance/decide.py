"""The decision: how memory behind an address with given atoms is accessed.

Reading by helper is right for every address but the context; a plain load is refused by the
verifier where it sees no pointer. So what is unknown counts as external.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import Enum

from ..ctype import size_of
from ..diagnostics import Loc, Rejection
from .plan import Access
from .values import Atom, Kind, is_user

LEGACY_READ = 4  # BPF_FUNC_probe_read: kernel and user addresses where they cannot overlap
USER_READ = 112  # BPF_FUNC_probe_read_user
KERNEL_READ = 113  # BPF_FUNC_probe_read_kernel


class ContextKind(Enum):
    """What loads through the context give."""

    MEMORY = "memory"  # numbers: registers, tracepoint fields, raw tracepoint arguments
    USER = "user"  # as MEMORY, of a process: registers at a uprobe, arguments of a system call
    BTF = "btf"  # pointers to kernel objects: fentry, fexit, tp_btf, lsm …
    ITER = "iter"  # typed pointers: bpf_iter
    DEVICE = "device"  # rewritten by the verifier: packets and sockets


_NUMBERS = (Kind.FUNCTION, Kind.USER)  # what is external, too


def classify(atoms: Iterable[Atom]) -> Access:
    """How memory at any of the addresses ``atoms`` is accessed."""
    known = [a for a in atoms if a.kind is not Kind.ZERO]
    kinds = {Kind.SCALAR if a.kind in _NUMBERS else a.kind for a in known}
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


def forced(access: Access) -> Access:
    """The access of a place whose direct load the verifier refused: loads go by helper.

    A helper reads every address but those of a context the verifier rewrites, so this is right
    wherever the analysis was.
    """
    return {Access.DIRECT: Access.MIXED, Access.BTF: Access.EXTERNAL}.get(access, access)


@dataclass(frozen=True, slots=True)
class Readers:
    """The helpers that read. ``unknown`` reads what may be anywhere, ``user`` user memory.

    ``both`` tells that ``unknown`` finds out by itself whether an address is one of user memory.
    """

    unknown: int
    user: int
    both: bool

    def helper(self, atoms: Collection[Atom], loc: Loc) -> int:
        """The helper for addresses ``atoms``. Refuses those it cannot tell apart."""
        if is_user(atoms):
            return self.user
        kinds = {a.kind for a in atoms} - {Kind.ZERO}
        if Kind.USER in kinds and not self.both:
            raise Rejection(
                "pointer may be one of user or of kernel memory, which look alike here",
                loc,
                "use one variable for user memory and another one for the rest, or read with"
                " bpf_probe_read_user() and bpf_probe_read_kernel()",
            )
        return self.unknown


def _is_inside(atom: Atom) -> bool:
    """Whether a BTF address is known to lie in its object."""
    if atom.record is None or atom.offset is None:
        return False
    return 0 <= atom.offset < max(size_of(atom.record), 1)


def check_context(atoms: Iterable[Atom], kind: ContextKind, loc: Loc) -> None:
    """Refuse an address that may or may not be a context whose accesses the verifier rewrites."""
    kinds = {a.kind for a in atoms} - {Kind.ZERO}
    plain = (ContextKind.MEMORY, ContextKind.USER)
    if Kind.CONTEXT in kinds and len(kinds) > 1 and kind not in plain:
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
