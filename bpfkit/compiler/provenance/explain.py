"""What became of the text's pointers: the reads that were put in, as data (listed by ``reads.py``).

A plain C compiler would read each of them with a load; the verifier would refuse that. Here is
which expression became which read, and what made the analysis think so.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..compiled import Read
from ..ctype import Record, bare
from ..tree import (
    AddrOf,
    Binary,
    Call,
    Cast,
    Decay,
    DeclRef,
    Deref,
    Expr,
    HelperCall,
    Index,
    IntLit,
    Load,
    Member,
    VarDecl,
)
from .clones import Clone
from .decide import KERNEL_READ, LEGACY_READ, USER_READ
from .plan import Access, Instance
from .values import Atom, Kind, is_user
from .written import written

DIRECT = "direct"
NAMES = {
    LEGACY_READ: "bpf_probe_read",
    USER_READ: "bpf_probe_read_user",
    KERNEL_READ: "bpf_probe_read_kernel",
}
MAX_STEPS = 8
"""How many variables and parameters are followed to where a pointer comes from."""

_CALLED = {
    Kind.STACK: "local memory",
    Kind.VISIBLE: "memory of a map, a packet or a buffer",
    Kind.CONTEXT: "the context",
    Kind.BTF: "a kernel object",
    Kind.USER: "user memory",
}


def reads_of(copies: Iterable[tuple[Instance, Clone]], helper: int) -> tuple[Read, ...]:
    """The reads in every emitted function, in the order of the text.

    ``helper`` is the number of the usual one.
    """
    found = [
        Read(
            loc=node.loc,
            text=written(clone.read.get(node, node)),
            way=_way(instance, clone, node, helper),
            reason=_reason(clone, node, access),
            function=instance.symbol,
        )
        for instance, clone in copies
        for node, access in instance.accesses.items()
        if node in clone.read
    ]
    return tuple(sorted(found, key=lambda r: (r.loc.file, r.loc.line, r.loc.column, r.function)))


def _way(instance: Instance, clone: Clone, node: Expr, helper: int) -> str:
    if instance.accesses[node] is Access.BTF and _is_plain_load(clone.read[node]):
        return DIRECT
    number = instance.helper(node) or helper
    return NAMES[number]


def _is_plain_load(lvalue: Expr) -> bool:
    """Whether a typed kernel object can be read there with one load."""
    is_bits = isinstance(lvalue, Member) and lvalue.field.bit_width is not None
    return isinstance(lvalue, (Member, Deref, Index)) and not (
        is_bits or isinstance(bare(lvalue.type), Record)
    )


# ---------------------------------------------------------------- reasons


def _reason(clone: Clone, node: Expr, access: Access) -> str:
    atoms = {a for a in clone.decisions[node] if a.kind is not Kind.ZERO}
    pointer = node.pointer if isinstance(node, Deref) else node
    origin = _origin(clone, pointer, MAX_STEPS)
    if access is Access.BTF:
        names = ", ".join(sorted({f"struct {a.record.name}" for a in atoms if a.record}))
        return f"the verifier knows it as {names}; {origin}" if origin else f"it is {names}"
    if not atoms:
        return "the pointer is NULL or never assigned"
    if is_user(atoms):
        return _joined("user memory", origin)
    if access is Access.MIXED:
        return _joined(f"the pointer may lead to {_alternatives(atoms)}", origin)
    if any(a.kind is Kind.BTF for a in atoms):
        return _joined("the address leaves the kernel object whose type is known", origin)
    return origin or "a number, so an address the verifier does not know"


def _joined(first: str, second: str) -> str:
    return f"{first}; {second}" if second else first


def _alternatives(atoms: Iterable[Atom]) -> str:
    kinds = {a.kind for a in atoms}
    named = [text for kind, text in _CALLED.items() if kind in kinds]
    rest = ["an address the verifier does not know"] if kinds - set(_CALLED) else []
    return " or ".join(named + rest)


def _origin(clone: Clone, node: Expr, steps: int) -> str:
    """Where the pointer ``node`` comes from, "" when that cannot be told in few words."""
    while isinstance(node, (Cast, AddrOf, Decay, Binary, Member, Index)):
        match node:
            case Binary():
                node = node.left
            case Member() | Index():
                node = node.base
            case _:
                node = node.operand
    match node:
        case Deref():  # an address inside what the pointer leads to
            return _origin(clone, node.pointer, steps)
        case Load():
            return _loaded(clone, node.lvalue, steps)
        case HelperCall():
            return f"result of {node.name}()"
        case Call(callee=DeclRef() as callee):
            return f"result of {callee.decl.name}()"
        case IntLit() if node.value:
            return "a constant address"
    return ""


def _loaded(clone: Clone, lvalue: Expr, steps: int) -> str:
    """Where a pointer comes from that is loaded from ``lvalue``."""
    holder = ""
    while isinstance(lvalue, (Member, Index)):
        record = bare(lvalue.base.type)
        holder = record.name if isinstance(record, Record) and record.name else holder
        lvalue = lvalue.base
    if isinstance(lvalue, Deref):
        return _through(clone, lvalue, holder)
    if isinstance(lvalue, DeclRef) and isinstance(lvalue.decl, VarDecl) and steps:
        return _variable(clone, lvalue.decl, steps - 1)
    return ""


def _through(clone: Clone, node: Deref, holder: str) -> str:
    """A pointer loaded through ``node``, from a record called ``holder``."""
    kinds = {a.kind for a in clone.decisions.get(node, ())} - {Kind.ZERO}
    what = f"struct {holder}" if holder else "a pointer"
    if kinds == {Kind.CONTEXT}:
        return f"taken from the context ({what})" if holder else "taken from the context"
    if Kind.USER in kinds:
        return f"loaded from {what} (user memory)"
    if kinds <= {Kind.STACK}:
        return ""
    if kinds <= {Kind.STACK, Kind.VISIBLE}:
        return f"loaded from {what}, where the verifier forgets what it points to"
    return f"loaded from {what} (kernel memory)"


def _variable(clone: Clone, var: VarDecl, steps: int) -> str:
    """Where the value of a variable comes from: its first one that says something."""
    for source in clone.sources.get(var, ()):
        found = _origin(clone, source, steps)
        if found:
            return found
    if not var.is_param:
        return ""
    caller = clone.caller
    for call, callee in caller.calls.items() if caller is not None else ():
        if callee is clone and caller is not None and var in clone.function.params:
            argument = call.args[clone.function.params.index(var)]
            return _origin(caller, argument, steps)
    return f"parameter '{var.name}'"
