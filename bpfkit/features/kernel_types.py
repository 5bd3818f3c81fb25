"""What the kernel's own types tell that it has: iterator targets, structures of operations.

An iterator target is a function ``bpf_iter_TARGET`` and a context ``struct bpf_iter__TARGET``; a
structure that programs may implement has a ``struct bpf_struct_ops_NAME``. Both exist in the types
only where the code is built in, or in a loaded module.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from ..btf.types import Btf, FuncProto
from ..errors import NotSupportedError
from ..uapi.btf import BtfKind
from .probe import Feature, Probe, Support, TypeFacts

ITERATORS = (
    Feature("iter/task", "5.8", "eaaacd23910f"),
    Feature("iter/task_file", "5.8", "eaaacd23910f"),
    Feature("iter/bpf_map", "5.8", "6086d29def80"),
    Feature("iter/ipv6_route", "5.8", "138d0be35b14", config="IPV6"),
    Feature("iter/netlink", "5.8", "138d0be35b14"),
    Feature("iter/bpf_map_elem", "5.9", "a5cbe05a6673"),
    Feature("iter/bpf_sk_storage_map", "5.9", "5ce6e77c7edf"),
    Feature("iter/bpf_prog", "5.9", "a228a64fc1e4"),
    Feature("iter/tcp", "5.9", "52d87d5f6418"),
    Feature("iter/udp", "5.9", "5788b3a07fe5"),
    Feature("iter/sockmap", "5.10", "0365351524d7"),
    Feature("iter/task_vma", "5.12"),
    Feature("iter/unix", "5.15", "2c860a43dd77", config="UNIX"),
    Feature("iter/bpf_link", "5.19", "9f8836127308"),
    Feature("iter/ksym", "6.0", "647cafa22349"),
    Feature("iter/cgroup", "6.1", "d4ccaf58a847", config="CGROUPS"),
    Feature("iter/kmem_cache", "6.13", "4971266e1595", config="SLUB"),
    Feature("iter/dmabuf", "6.16", "76ea95534995", config="DMA_SHARED_BUFFER"),
)
STRUCT_OPS = (
    Feature("struct_ops/tcp_congestion_ops", "5.6", "0baf26b0fcd7", config="BPF_JIT"),
    Feature("struct_ops/sched_ext_ops", "6.12", "f0e1a0643a59", config="SCHED_CLASS_EXT"),
    Feature("struct_ops/qdisc_ops", "6.16", "c8240344956e", config="NET_SCH_BPF"),
)
TRACING_COOKIE = Feature("link/tracing_cookie", "5.19", "2fcc82411e74")
FEATURES = (*ITERATORS, *STRUCT_OPS, TRACING_COOKIE)

_NAMES = {"qdisc_ops": "Qdisc_ops"}


def probes(facts: TypeFacts) -> Mapping[str, Probe]:
    """Return the probe of each."""
    found: dict[str, Callable[[Btf], bool]] = {}
    for feature in ITERATORS:
        found[feature.name] = partial(_has_iterator, feature.name.partition("/")[2])
    for feature in STRUCT_OPS:
        name = feature.name.partition("/")[2]
        found[feature.name] = partial(_has_operations, _NAMES.get(name, name))
    found[TRACING_COOKIE.name] = _takes_cookie
    return {name: partial(_ask, facts, question) for name, question in found.items()}


def _ask(facts: TypeFacts, question: Callable[[Btf], bool]) -> Support:
    try:
        kernel = facts.btf
    except NotSupportedError:
        return Support.NO  # without types there is nothing to attach to
    if question(kernel):
        return Support.YES
    for name in facts.modules_with_btf():
        types = facts.module_btf(name)
        if types is not None and question(types):
            return Support.YES
    return Support.NO


def _has_iterator(target: str, types: Btf) -> bool:
    context = types.by_name(f"bpf_iter__{target}", (BtfKind.STRUCT,))
    return bool(context and types.by_name(f"bpf_iter_{target}", (BtfKind.FUNC,)))


def _has_operations(name: str, types: Btf) -> bool:
    return bool(types.by_name(f"bpf_struct_ops_{name}", (BtfKind.STRUCT,)))


def _takes_cookie(types: Btf) -> bool:
    """Whether the kernel's own function that attaches takes a cookie."""
    for type_id in types.by_name("bpf_tracing_prog_attach", (BtfKind.FUNC,)):
        prototype = types.resolve(getattr(types.type(type_id), "type_id", 0))[1]
        if isinstance(prototype, FuncProto):
            return any(parameter.name == "bpf_cookie" for parameter in prototype.params)
    return False
