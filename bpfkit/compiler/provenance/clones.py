"""Copies of functions: first one for each call path, in the end one for each set of decisions."""

from __future__ import annotations

from collections.abc import Collection, Hashable
from dataclasses import dataclass, field

from ..diagnostics import Loc, Rejection
from ..tree import Call, Compound, Expr, FunctionDecl, VarDecl
from .decide import Readers, check_context, check_store, classify, forced
from .entries import Context
from .plan import Access, Instance
from .values import Atom, Kind, StackObject

MAX_DEPTH = 24
MAX_CLONES = 4000


@dataclass(eq=False, slots=True)
class Clone:
    """A function as one call path sees it."""

    function: FunctionDecl
    body: Compound
    caller: Clone | None
    depth: int
    readers: Readers
    objects: dict[VarDecl, StackObject] = field(default_factory=dict)
    literals: dict[Expr, StackObject] = field(default_factory=dict)
    decisions: dict[Expr, set[Atom]] = field(default_factory=dict)  # of Deref nodes and operands
    stores: dict[Expr, Loc] = field(default_factory=dict)  # those of them that are written to
    read: dict[Expr, Expr] = field(default_factory=dict)  # to the lvalue that is read there
    sources: dict[VarDecl, list[Expr]] = field(default_factory=dict)  # what variables are set to
    calls: dict[Call, Clone] = field(default_factory=dict)
    callbacks: dict[FunctionDecl, Clone] = field(default_factory=dict)
    result: set[Atom] = field(default_factory=set)

    def object_of(self, var: VarDecl) -> StackObject:
        """The stack object of a local variable or parameter."""
        found = self.objects.get(var)
        if found is None:
            found = self.objects[var] = StackObject(var.type, var.name)
        return found

    def comes_from(self, var: VarDecl, source: Expr) -> None:
        """Remember that ``var`` gets the value ``source``."""
        known = self.sources.setdefault(var, [])
        if source not in known:
            known.append(source)

    def literal(self, node: Expr) -> StackObject:
        """The stack object of a compound literal."""
        found = self.literals.get(node)
        if found is None:
            found = self.literals[node] = StackObject(node.type, "(literal)")
        return found


class Clones:
    """Makes the clones of one program, which may read with ``readers``."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self._count = 0

    def make(self, function: FunctionDecl, caller: Clone | None, loc: Loc) -> Clone:
        """A new clone of ``function``, which must have a body."""
        assert function.body is not None
        depth = 0 if caller is None else caller.depth + 1
        above = caller
        while above is not None:
            if above.function is function:
                raise Rejection(
                    f"'{function.name}' calls itself", loc, "BPF has no recursion; use a loop"
                )
            above = above.caller
        self._count += 1
        if depth > MAX_DEPTH or self._count > MAX_CLONES:
            raise Rejection(
                f"calls are nested too deeply at '{function.name}'",
                loc,
                f"limits: {MAX_DEPTH} levels, {MAX_CLONES} call paths in one program",
            )
        return Clone(function, function.body, caller, depth, self._readers)


class Forced:
    """Places of the text whose direct loads must go by helper; column 0 is the whole line."""

    def __init__(self, places: Collection[Loc] = ()) -> None:
        self._places = {(p.file, p.line, p.column) for p in places}

    def access(self, node: Expr, atoms: Collection[Atom]) -> Access:
        """How ``node`` is accessed that goes through addresses ``atoms``."""
        found = classify(atoms)
        if not self._places or any(a.kind is Kind.CONTEXT for a in atoms):
            return found
        place = node.loc
        exact = (place.file, place.line, place.column) in self._places
        return forced(found) if exact or (place.file, place.line, 0) in self._places else found

    def names(self, node: Expr) -> bool:
        """Whether ``node`` is at one of the places."""
        place = node.loc
        return (place.file, place.line, place.column) in self._places or (
            place.file,
            place.line,
            0,
        ) in self._places


def check(clone: Clone, context: Context) -> None:
    """Refuse stores that no helper can do, and contexts mixed with other memory."""
    for node, atoms in clone.decisions.items():
        check_context(atoms, context.kind, node.loc)
    for node, loc in clone.stores.items():
        access = classify(clone.decisions.get(node, ()))
        if not (access is Access.BTF and context.may_write):
            check_store(access, loc)
    for callee in (*clone.calls.values(), *clone.callbacks.values()):
        check(callee, context)


class Merger:
    """Turns clones into instances: clones with the same decisions all the way down are one.

    ``helper`` is the number of the usual helper. With ``as_written`` every access is direct that is
    not forced. ``clones`` has one clone of each instance.
    """

    def __init__(self, helper: int, forced: Forced, *, as_written: bool = False) -> None:
        self._helper = helper
        self._forced = forced
        self._as_written = as_written
        self.instances: list[Instance] = []
        self.clones: list[tuple[Instance, Clone]] = []
        self._by_signature: dict[Hashable, Instance] = {}
        self._symbols: dict[str, int] = {}

    def instance(self, clone: Clone) -> Instance:
        """The instance that ``clone`` is emitted as."""
        calls = {call: self.instance(callee) for call, callee in clone.calls.items()}
        callbacks = {f: self.instance(callee) for f, callee in clone.callbacks.items()}
        accesses = self._accesses(clone)
        helpers = self._helpers(clone, accesses)
        signature = (
            clone.function,
            frozenset(accesses.items()),
            frozenset(helpers.items()),
            frozenset(calls.items()),
            frozenset(callbacks.items()),
        )
        found = self._by_signature.get(signature)
        if found is None:
            found = Instance(
                clone.function,
                self._symbol(clone.function.name),
                accesses,
                calls,
                callbacks,
                helpers,
            )
            self._by_signature[signature] = found
            self.instances.append(found)
            self.clones.append((found, clone))
        return found

    def _symbol(self, name: str) -> str:
        count = self._symbols.get(name, 0)
        self._symbols[name] = count + 1
        return f"{name}.{count}" if count else name

    def _accesses(self, clone: Clone) -> dict[Expr, Access]:
        """What is not direct."""
        found = {
            node: self._forced.access(node, atoms)
            for node, atoms in clone.decisions.items()
            if not self._as_written or self._forced.names(node)
        }
        return {node: access for node, access in found.items() if access is not Access.DIRECT}

    def _helpers(self, clone: Clone, accesses: dict[Expr, Access]) -> dict[Expr, int]:
        """The helpers that are not the usual one."""
        atoms = clone.decisions
        found = {node: clone.readers.helper(atoms[node], node.loc) for node in accesses}
        return {node: number for node, number in found.items() if number != self._helper}
