"""The provenance analysis: which dereferences the verifier can follow, and which need a probe read.

Points-to analysis of stack memory, flow-insensitive within a function, exact in the call path. Each
program is executed abstractly until nothing new is learnt; then clones that came to the same
decisions are merged into one instance to emit.
"""

from __future__ import annotations

from ..programs import programs_of
from ..target import Target
from ..tree import FunctionDecl, Unit
from .calls import Program
from .clones import Clone, Merger, check
from .entries import context_kind, context_record
from .memory import Memory
from .plan import Instance, Plan
from .values import SCALARS, context

LEGACY_READ = 4  # BPF_FUNC_probe_read: kernel and user addresses where they cannot overlap
KERNEL_READ = 113  # BPF_FUNC_probe_read_kernel, v5.5
KERNEL_READ_SINCE = (5, 5)


def analyse(unit: Unit, target: Target) -> Plan:
    """Decide every dereference of ``unit``, after the dialect was applied. Raises Rejection.

    In libbpf's dialect memory is accessed as the text says.
    """
    functions = {f.name: f for f in unit.functions if f.body is not None}
    # Who writes for libbpf says where a read is a probe read, and knows what the verifier lets
    # through: kptrs, arenas, what kfuncs give. There the analysis only finds what is called.
    as_written = target.dialect != "bcc"
    programs = programs_of(unit, target.dialect)
    clones = [_analyse_program(f, functions, checked=not as_written) for f in programs]
    merger = Merger(as_written=as_written)
    entries = [merger.instance(clone) for clone in clones]
    return Plan(entries, _entries_first(entries, merger.instances), read_helper(target))


def read_helper(target: Target) -> int:
    """The helper that reads through external addresses.

    bcc's programs also follow user-space pointers (system call arguments, uprobes). The legacy
    helper can do both where the two kinds of addresses never overlap.
    """
    if target.dialect == "bcc" and target.arch in ("x86_64", "aarch64"):
        return LEGACY_READ
    return KERNEL_READ if target.kernel.version[:2] >= KERNEL_READ_SINCE else LEGACY_READ


def _analyse_program(
    function: FunctionDecl, functions: dict[str, FunctionDecl], *, checked: bool
) -> Clone:
    kind = context_kind(function)
    memory = Memory(kind)
    program = Program(memory, functions)
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
        check(root, kind)
    return root


def _entries_first(entries: list[Instance], instances: list[Instance]) -> list[Instance]:
    first = list(dict.fromkeys(entries))
    known = set(first)
    return first + [instance for instance in instances if instance not in known]
