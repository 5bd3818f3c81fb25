"""Kernel types for one program: the records, typedefs and enumerations its text names, pruned.

A record that is named is written in full; behind a pointer only when the text also names the member
that points. Kernel records get ``preserve_access_index``, so that accesses are relocated at load
time. Contexts and records of the UAPI stay plain: their layout never moves, and the verifier wants
fixed offsets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set
from dataclasses import replace

from ...btf.dump import TAG_KINDS, Chunk, Policy, Printer
from ...btf.layout import find_member, size_of
from ...btf.types import Array, Btf, Enum, Enum64, Fwd, Ptr, Struct, Union
from ...uapi.btf import BtfKind
from ..target import KernelFacts
from .basics import CONTEXTS, context
from .drift import extend, moved, places, tags_behind, words_behind

_PUSH = "#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)"
_POP = "#pragma clang attribute pop"

STACK_BYTES = 512
"""MAX_BPF_STACK, include/linux/filter.h."""
# Questions of CO-RE that compare whole records.
_COMPARING = frozenset({"bpf_core_type_matches", "__builtin_preserve_type_info"})

PLAIN_RECORDS = frozenset(
    {
        # Contexts of programs.
        "pt_regs",
        "xdp_md",
        "__sk_buff",
        "bpf_raw_tracepoint_args",
        "bpf_perf_event_data",
        "bpf_sock_ops",
        "bpf_sock_addr",
        "bpf_sock",
        "bpf_tcp_sock",
        "bpf_sysctl",
        "bpf_sockopt",
        "bpf_cgroup_dev_ctx",
        "bpf_sk_lookup",
        "bpf_flow_keys",
        "bpf_user_pt_regs_t",
        "sk_msg_md",
        "sk_reuseport_md",
        # Data that programs and helpers exchange.
        "bpf_perf_event_value",
        "bpf_tunnel_key",
        "bpf_fib_lookup",
        "bpf_redir_neigh",
        "bpf_pidns_info",
        "bpf_sock_tuple",
        "bpf_xfrm_state",
        "bpf_devmap_val",
        "bpf_cpumap_val",
        "bpf_cgroup_storage_key",
        "bpf_lpm_trie_key",
        "bpf_stack_build_id",
        "bpf_dynptr",
        "bpf_timer",
        "bpf_wq",
        "bpf_spin_lock",
        "bpf_list_head",
        "bpf_list_node",
        "bpf_rb_root",
        "bpf_rb_node",
        "bpf_refcount",
        "btf_ptr",
        # Packets and addresses of the UAPI.
        "ethhdr",
        "arphdr",
        "vlan_hdr",
        "iphdr",
        "ipv6hdr",
        "tcphdr",
        "udphdr",
        "icmphdr",
        "icmp6hdr",
        "in_addr",
        "in6_addr",
        "sockaddr",
        "sockaddr_in",
        "sockaddr_in6",
        "sockaddr_un",
        "sockaddr_nl",
        "__kernel_sockaddr_storage",
        "__kernel_timespec",
        "msghdr",
        "open_how",
        "perf_branch_entry",
    }
)


def is_plain(record: str) -> bool:
    """Tell whether accesses to a record keep the offsets they are compiled with."""
    return record in PLAIN_RECORDS or record.startswith("bpf_iter__")


class KernelTypes:
    """Answers from the BTF of the target kernel, which is not read before the first question."""

    def __init__(self, kernel: KernelFacts) -> None:
        self._kernel = kernel
        self._enumerators: dict[str, bool] = {}

    @property
    def btf(self) -> Btf:
        """The kernel's types."""
        return self._kernel.btf

    def record_id(self, tag: str) -> int | None:
        """Return the first definition of a tag."""
        return next(iter(self.btf.by_name(tag, TAG_KINDS)), None)

    def has_record(self, tag: str) -> bool:
        """Whether there is a record with this tag."""
        return self.record_id(tag) is not None

    def has_member(self, tag: str, path: str) -> bool:
        """Whether ``struct tag`` has the member."""
        type_id = self.record_id(tag)
        return type_id is not None and find_member(self.btf, type_id, path) is not None

    def measure(self, tag: str, path: str, *, count: bool) -> int | None:
        """Size in bytes, or number of elements, of a member."""
        type_id = self.record_id(tag)
        place = find_member(self.btf, type_id, path) if type_id is not None else None
        if place is None:
            return None
        _, found = self.btf.resolve(place.type_id)
        if count:
            return found.count if isinstance(found, Array) else None
        return size_of(self.btf, place.type_id)

    def is_enumerator(self, name: str) -> bool:
        """Whether an enumeration of the kernel has ``name``."""
        known = self._enumerators.get(name)
        if known is None:
            known = self._enumerators[name] = self.btf.by_enumerator(name) is not None
        return known

    def enumerator_value(self, name: str) -> int | None:
        """Return the value of an enumerator."""
        type_id = self.btf.by_enumerator(name)
        found = self.btf.type(type_id) if type_id is not None else None
        if not isinstance(found, Enum | Enum64):
            return None
        return next(one.value for one in found.values if one.name == name)

    def section(
        self,
        tags: Iterable[tuple[str, str]],
        names: Iterable[str],
        words: Set[str],
        policy: Policy,
        *,
        whole: bool = False,
    ) -> str:
        """Write what ``tags`` and ``names`` ask for. ``words`` is every identifier of the program.

        Of records too large for a program's stack only the members among ``words`` are written,
        unless they are wanted ``whole``: no program holds one, it reads members.

        What the kernel itself lacks is looked for in its modules. A tag that is nowhere is declared
        only, so that the compiler names it in its message.
        """
        tags, names = sorted(tags), sorted(names)
        if not tags and not names:
            return ""
        named = words
        words = words | words_behind(words)
        tags += sorted(tags_behind(words) - set(tags))
        # The kernel's own types come with the first module's, whose graph holds them too.
        wanted: dict[str, list[int]] = {"": []}
        missing = [self._want_tag(wanted, word, tag) for word, tag in tags]
        for name in names:
            self._want_name(wanted, name)
        policy = replace(policy, follow=words.__contains__)
        chunks: list[Chunk] = []
        kernel, modules = wanted.pop(""), wanted or {"": []}
        for module, ids in modules.items():
            graph = self._graph(module)
            keep = None if whole else _keeper(words, graph)
            printer = Printer(graph, replace(policy, keep=keep))
            for type_id in kernel + ids:
                printer.want(type_id)
            printer.finish()
            chunks += printer.chunks
            policy, kernel = printer.rest(), []
        chunks, functions = extend(chunks, named)
        return "".join(missing) + wrap(chunks) + functions

    def _graph(self, module: str) -> Btf:
        types = self._kernel.module_btf(module) if module else None
        return self.btf if types is None else types

    def _in_module(self, name: str, kinds: Set[BtfKind]) -> tuple[str, int] | None:
        """Return the first module that defines a type, and its id."""
        for module in self._kernel.modules_with_btf():
            types = self._kernel.module_btf(module)
            if types is not None:
                found = next(iter(types.by_name(name, kinds)), None)
                if found is not None:
                    return module, found
        return None

    def _want_tag(self, wanted: dict[str, list[int]], word: str, tag: str) -> str:
        """Ask for a tag, or return a declaration when neither kernel nor modules have it."""
        found = self.record_id(tag)
        if found is not None:
            wanted[""].append(found)
            return ""
        if tag in CONTEXTS:
            return context(tag)
        place = self._in_module(tag, TAG_KINDS)
        if place is not None:
            wanted.setdefault(place[0], []).append(place[1])
            return ""
        return f"{word} {tag};\n" if word != "enum" else ""

    def _want_name(self, wanted: dict[str, list[int]], name: str) -> None:
        found = self.btf.by_name(name, {BtfKind.TYPEDEF})[:1]
        for type_id in found:
            if not isinstance(self.btf.resolve(type_id)[1], Fwd):
                wanted[""].append(type_id)
        enum = self.btf.by_enumerator(name)
        if enum is not None:
            wanted[""].append(enum)
        if not found and name.endswith("_t"):
            place = self._in_module(name, {BtfKind.TYPEDEF})
            if place is not None:
                wanted.setdefault(place[0], []).append(place[1])


def _keeper(words: Set[str], btf: Btf) -> Callable[[Struct | Union, str], bool] | None:
    """Which members are written of which records; None for all."""
    if words & _COMPARING:
        return None

    def keep(record: Struct | Union, member: str) -> bool:
        if record.size <= STACK_BYTES or member in words or is_plain(record.name):
            return True
        # Another form of a member that moved is put beside one of these.
        return member in places(record.name, words) or (
            record.name in moved() and member == _first_pointer(btf, record)
        )

    return keep


def _first_pointer(btf: Btf, record: Struct | Union) -> str:
    """The first member that points to a record."""
    for member in record.members:
        found = btf.type(member.type_id)
        if isinstance(found, Ptr) and isinstance(btf.type(found.type_id), Struct):
            return member.name
    return ""


def wrap(chunks: Iterable[Chunk]) -> str:
    """Join declarations; the relocatable records go between the pragmas."""
    lines: list[str] = []
    open_ = False
    for chunk in chunks:
        moving = bool(chunk.record) and not is_plain(chunk.record)
        if chunk.text.startswith("typedef") and chunk.record:
            # An anonymous record has no name to be found by in another kernel.
            moving = False
        if moving != open_:
            lines.append(_PUSH if moving else _POP)
            open_ = moving
        lines.append(chunk.text)
    if open_:
        lines.append(_POP)
    return "\n".join(lines) + "\n"
