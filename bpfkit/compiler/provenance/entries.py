"""Programs and what they are given: the kind of context, by section, by name or by type."""

from __future__ import annotations

from ..ctype import Pointer, Record, bare
from ..tree import FunctionDecl, VarDecl
from .decide import ContextKind

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
        "freplace",
    }
)
ITER_SECTIONS = frozenset({"iter"})

# Beginnings of program names, as bcc's macros make them.
BTF_NAMES = ("kfunc__", "kretfunc__", "kmod_ret__", "lsm__")
ITER_NAMES = ("bpf_iter__",)

# Contexts whose loads the verifier rewrites (enum bpf_prog_type's context structures).
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
        "bpf_perf_event_data",
        "bpf_nf_ctx",
    }
)


def context_record(parameter: VarDecl) -> Record | None:
    """The record that the context parameter points to."""
    pointer = bare(parameter.type)
    record = bare(pointer.to) if isinstance(pointer, Pointer) else None
    return record if isinstance(record, Record) else None


def context_kind(function: FunctionDecl) -> ContextKind:
    """What kind of context ``function`` gets."""
    section = function.section.lstrip("?").split("/")[0].split(".")[0]
    name = function.name
    if section in BTF_SECTIONS or name.startswith(BTF_NAMES):
        return ContextKind.BTF
    if section in ITER_SECTIONS or name.startswith(ITER_NAMES):
        return ContextKind.ITER
    record = context_record(function.params[0]) if function.params else None
    if record is None:
        return ContextKind.MEMORY
    if record.name.startswith("bpf_iter__"):
        return ContextKind.ITER
    return ContextKind.DEVICE if record.name in DEVICE_CONTEXTS else ContextKind.MEMORY
