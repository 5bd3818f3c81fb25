"""Programs and what they are given: the kind of context, by section, by name or by type."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..ctype import Pointer, Record, bare
from ..tree import Cast, Decay, DeclRef, Expr, FunctionDecl, Init, InitList, VarDecl
from .decide import ContextKind
from .kernel import KernelTypes
from .values import Atoms

# First words of section names, as libbpf has them.
BTF_SECTIONS = frozenset(
    {
        "tp_btf",
        "fentry",
        "fexit",
        "fmod_ret",
        "fsession",
        "lsm",
        "lsm_cgroup",
        "struct_ops",
    }
)
ITER_SECTIONS = frozenset({"iter"})
USER_SECTIONS = frozenset({"uprobe", "uretprobe", "usdt"})

# Those whose last word is what the function returned.
RESULT_SECTIONS = frozenset({"fexit", "fmod_ret", "fsession"})

# Beginnings of program names, as bcc's macros make them, with the section that means the same.
BTF_NAMES = {
    "kfunc__": "fentry",
    "kretfunc__": "fexit",
    "kmod_ret__": "fmod_ret",
    "lsm__": "lsm",
}
ITER_NAMES = ("bpf_iter__",)

# Tracepoints whose fields are what a process passed to the kernel.
USER_EVENTS = ("tracepoint__syscalls__sys_enter_", "tracepoint__raw_syscalls__sys_enter")
USER_TRACEPOINTS = ("syscalls/sys_enter_", "raw_syscalls/sys_enter")

# Contexts whose loads the verifier rewrites (enum bpf_prog_type's context structures).
PERF_EVENT = "bpf_perf_event_data"
DEVICE_CONTEXTS = frozenset(
    {
        "xdp_md",
        "__sk_buff",
        "sk_msg_md",
        "sk_reuseport_md",
        "bpf_sock",
        "bpf_sock_ops",
        "bpf_sock_addr",
        "bpf_sockopt",
        "bpf_sk_lookup",
        "bpf_sysctl",
        "bpf_cgroup_dev_ctx",
        PERF_EVENT,
        "bpf_nf_ctx",
    }
)


@dataclass(frozen=True, slots=True)
class Context:
    """What a program's context holds. ``words`` are its 64-bit words where the kernel's types tell
    them, as atoms.
    """

    kind: ContextKind
    words: tuple[Atoms, ...] = ()
    may_write: bool = False
    """Whether some members of kernel objects are the program's to set (struct_ops)."""
    traces: bool = True
    """Whether the helpers of tracing programs can be called, bpf_probe_read() among them."""


def context_record(parameter: VarDecl) -> Record | None:
    """The record that the context parameter points to."""
    pointer = bare(parameter.type)
    record = bare(pointer.to) if isinstance(pointer, Pointer) else None
    return record if isinstance(record, Record) else None


def context_of(
    function: FunctionDecl, types: KernelTypes, variables: Iterable[VarDecl] = ()
) -> Context:
    """What ``function`` gets. ``variables`` may name it as an operation of a struct_ops map."""
    section, to = _attach_point(function)
    if section in BTF_SECTIONS:
        words = _words(function, section, to, types, variables)
        operates = section == "struct_ops"
        return Context(ContextKind.BTF, words, may_write=operates, traces=not operates)
    if section in ITER_SECTIONS or function.name.startswith(ITER_NAMES):
        return Context(ContextKind.ITER)
    record = context_record(function.params[0]) if function.params else None
    if record is not None and record.name.startswith("bpf_iter__"):
        return Context(ContextKind.ITER)
    if record is not None and record.name in DEVICE_CONTEXTS:
        return Context(ContextKind.DEVICE, traces=record.name == PERF_EVENT)
    is_user = (
        section in USER_SECTIONS
        or (section in ("tracepoint", "tp") and to.startswith(USER_TRACEPOINTS))
        or (record is not None and record.name.startswith(USER_EVENTS))
    )
    return Context(ContextKind.USER if is_user else ContextKind.MEMORY)


def _attach_point(function: FunctionDecl) -> tuple[str, str]:
    """(first word of the section, what the program attaches to): ("fentry", "vfs_read")."""
    section, _, to = function.section.lstrip("?").partition("/")
    if not section:
        for prefix, means in BTF_NAMES.items():
            if function.name.startswith(prefix):
                rest = function.name.removeprefix(prefix)
                if means in ("fentry", "fexit"):  # kfunc__MODULE__FUNCTION
                    rest = rest.partition("__")[2]
                return means, rest
    return section.split(".")[0], to


def _words(
    function: FunctionDecl,
    section: str,
    to: str,
    types: KernelTypes,
    variables: Iterable[VarDecl],
) -> tuple[Atoms, ...]:
    """The words of a context that holds the arguments of a function of the kernel."""
    if section == "struct_ops":
        for record, member in _operations(function, variables):
            return types.operation_arguments(record, member)
        return ()
    if not to:
        return ()
    if section == "tp_btf":
        return types.tracepoint_arguments(to)
    if section.startswith("lsm"):
        return types.function_arguments(f"bpf_lsm_{to}", result=False)
    return types.function_arguments(to, result=section in RESULT_SECTIONS)


def _operations(function: FunctionDecl, variables: Iterable[VarDecl]) -> Iterable[tuple[str, str]]:
    """(record, member) pairs that ``function`` is the value of in struct_ops variables."""
    for variable in variables:
        record = bare(variable.type)
        if not variable.section.lstrip("?").startswith(".struct_ops"):
            continue
        if isinstance(record, Record) and isinstance(variable.init, InitList):
            for entry in variable.init.entries:
                if _function_named(entry) == function.name:
                    yield from (
                        (record.name, f.name) for f in record.fields if f.offset == entry.offset
                    )


def _function_named(entry: Init) -> str:
    value: Expr = entry.value
    while isinstance(value, (Cast, Decay)):
        value = value.operand
    is_function = isinstance(value, DeclRef) and isinstance(value.decl, FunctionDecl)
    return value.decl.name if is_function and isinstance(value, DeclRef) else ""
