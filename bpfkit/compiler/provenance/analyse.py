"""The provenance analysis: which dereferences the verifier can follow, and which need a probe read.

Points-to analysis of stack memory, flow-insensitive within a function, exact in the call path. Each
program is executed abstractly until nothing new is learnt; then clones that came to the same
decisions are merged into one instance to emit.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from ..diagnostics import Loc
from ..programs import programs_of
from ..target import Target
from ..tree import FunctionDecl, Unit
from .calls import Program
from .clones import Clone, Forced, Merger, check
from .decide import KERNEL_READ, LEGACY_READ, USER_READ, Readers
from .entries import context_of, context_record
from .explain import reads_of
from .kernel import KernelTypes
from .memory import Memory
from .plan import Instance, Plan
from .values import SCALARS, context

SPLIT_READS_SINCE = (5, 5)
"""bpf_probe_read_kernel() and _user() came with Linux kernel commit 6ae08ae3dea2 ("bpf: Add
probe_read_{user, kernel} and probe_read_{user, kernel}_str helpers") (in v5.5)."""

BOTH_READS = ("x86_64", "aarch64", "ppc64le", "loongarch64")
"""Where bpf_probe_read() tells user addresses from kernel addresses by their value: architectures
with ARCH_HAS_NON_OVERLAPPING_ADDRESS_SPACE. Elsewhere the helper is gone since Linux kernel commit
0ebeea8ca8a4 ("bpf: Restrict bpf_probe_read{, str}() only to archs where they work") (in v5.7).
riscv64 selected the option late, so bcc never uses the helper there, and neither do we."""


def analyse(unit: Unit, target: Target, external: Collection[Loc] = ()) -> Plan:
    """Decide every dereference of ``unit``, after the dialect was applied. Raises Rejection.

    In libbpf's dialect memory is accessed as the text says. ``external`` are places whose direct
    loads a verifier refused: they go by helper; column 0 stands for the whole line.
    """
    # Who writes for libbpf says where a read is a probe read, and knows what the verifier lets
    # through: kptrs, arenas, what kfuncs give. There the analysis only finds what is called.
    as_written = target.dialect != "bcc"
    helpers = readers(target)
    forced = Forced(external)
    types = KernelTypes(lambda: target.kernel.btf)
    programs = programs_of(unit, target.dialect)
    analysis = Analysis(unit, target, types, forced, helpers)
    clones = [analysis.program(f, checked=not as_written) for f in programs]
    merger = Merger(helpers.unknown, forced, as_written=as_written)
    entries = [merger.instance(clone) for clone in clones]
    reads = reads_of(merger.clones, helpers.unknown)
    return Plan(entries, _entries_first(entries, merger.instances), helpers.unknown, reads)


def readers(target: Target, *, traces: bool = True) -> Readers:
    """The helpers that read through external addresses.

    bcc's programs also follow user-space pointers (system call arguments, uprobes) that nothing
    tells from those of the kernel. The legacy helper can do both where the two kinds of addresses
    never overlap, but only programs that trace may call it: ``traces``.
    """
    if target.kernel.version[:2] < SPLIT_READS_SINCE:
        return Readers(LEGACY_READ, LEGACY_READ, both=True)
    if traces and target.dialect == "bcc" and target.arch in BOTH_READS:
        return Readers(LEGACY_READ, USER_READ, both=True)
    return Readers(KERNEL_READ, USER_READ, both=False)


@dataclass(frozen=True, slots=True)
class Analysis:
    """What the analyses of all programs of a unit share."""

    unit: Unit
    target: Target
    types: KernelTypes
    forced: Forced
    readers: Readers

    def program(self, function: FunctionDecl, *, checked: bool) -> Clone:
        """Analyse one program; what is ``checked`` raises Rejection for what it must not do."""
        given = context_of(function, self.types, self.unit.globals)
        memory = Memory(given)
        functions = {f.name: f for f in self.unit.functions if f.body is not None}
        helpers = self.readers if given.traces else readers(self.target, traces=False)
        program = Program(memory, functions, self.types, self.forced, helpers)
        root = program.root(function)
        for i, parameter in enumerate(function.params):
            value = SCALARS
            if i == 0:
                value = frozenset({context(context_record(parameter))})
            memory.write(root.object_of(parameter), 0, value)
        memory.changed = True
        while memory.changed:
            memory.changed = False
            program.run(root)
        if checked:
            check(root, given)
        return root


def _entries_first(entries: list[Instance], instances: list[Instance]) -> list[Instance]:
    first = list(dict.fromkeys(entries))
    known = set(first)
    return first + [instance for instance in instances if instance not in known]
