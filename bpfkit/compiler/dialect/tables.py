"""Map declarations: an object in section ``maps/KIND`` becomes a `MapDecl`.

The section is what bcc's macros say: ``maps/KIND``, then ``$INNER`` for maps of maps and ``:PATH``
for a pinned one. Key and leaf are the members of these names, max_entries and flags come from the
initialiser.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..constants import fold
from ..ctype import Int, Record, Type, bare, size_of
from ..diagnostics import Rejection
from ..target import Target
from ..tree import InitList, MapDecl, Unit, VarDecl
from .build import find_fields

SECTION = "maps/"
SCOPES = ("export", "shared")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of map: its number in enum bpf_map_type, and which parts it lacks."""

    type: int
    no_key: bool = False
    no_leaf: bool = False


KINDS = {
    "extern": Kind(0),  # its real type is that of the map it refers to
    "hash": Kind(1),  # BPF_MAP_TYPE_HASH
    "array": Kind(2),  # BPF_MAP_TYPE_ARRAY
    "histogram": Kind(2),  # an array when the key is int, else a hash
    "prog": Kind(3),  # BPF_MAP_TYPE_PROG_ARRAY
    "perf_output": Kind(4),  # BPF_MAP_TYPE_PERF_EVENT_ARRAY
    "perf_array": Kind(4),
    "percpu_hash": Kind(5),  # BPF_MAP_TYPE_PERCPU_HASH
    "percpu_array": Kind(6),  # BPF_MAP_TYPE_PERCPU_ARRAY
    "stacktrace": Kind(7),  # BPF_MAP_TYPE_STACK_TRACE
    "cgroup_array": Kind(8),  # BPF_MAP_TYPE_CGROUP_ARRAY
    "lru_hash": Kind(9),  # BPF_MAP_TYPE_LRU_HASH
    "lru_percpu_hash": Kind(10),  # BPF_MAP_TYPE_LRU_PERCPU_HASH
    "lpm_trie": Kind(11),  # BPF_MAP_TYPE_LPM_TRIE
    "array_of_maps": Kind(12),  # BPF_MAP_TYPE_ARRAY_OF_MAPS
    "hash_of_maps": Kind(13),  # BPF_MAP_TYPE_HASH_OF_MAPS
    "devmap": Kind(14),  # BPF_MAP_TYPE_DEVMAP
    "sockmap": Kind(15),  # BPF_MAP_TYPE_SOCKMAP
    "cpumap": Kind(16),  # BPF_MAP_TYPE_CPUMAP
    "xskmap": Kind(17),  # BPF_MAP_TYPE_XSKMAP
    "sockhash": Kind(18),  # BPF_MAP_TYPE_SOCKHASH
    "cgroup_storage": Kind(19),  # BPF_MAP_TYPE_CGROUP_STORAGE
    "percpu_cgroup_storage": Kind(21),  # BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE
    "reuseport_sockarray": Kind(20),  # BPF_MAP_TYPE_REUSEPORT_SOCKARRAY
    "queue": Kind(22, no_key=True),  # BPF_MAP_TYPE_QUEUE
    "stack": Kind(23, no_key=True),  # BPF_MAP_TYPE_STACK
    "sk_storage": Kind(24),  # BPF_MAP_TYPE_SK_STORAGE
    "devmap_hash": Kind(25),  # BPF_MAP_TYPE_DEVMAP_HASH
    "ringbuf": Kind(27, no_key=True, no_leaf=True),  # BPF_MAP_TYPE_RINGBUF
    "inode_storage": Kind(28),  # BPF_MAP_TYPE_INODE_STORAGE
    "task_storage": Kind(29),  # BPF_MAP_TYPE_TASK_STORAGE
    "bloom_filter": Kind(30, no_key=True),  # BPF_MAP_TYPE_BLOOM_FILTER
    "user_ringbuf": Kind(31, no_key=True, no_leaf=True),  # BPF_MAP_TYPE_USER_RINGBUF
    "cgrp_storage": Kind(32),  # BPF_MAP_TYPE_CGRP_STORAGE
    "arena": Kind(33, no_key=True, no_leaf=True),  # BPF_MAP_TYPE_ARENA
}

HASH = 1


def is_map(var: VarDecl) -> bool:
    """Whether ``var`` was declared by a map macro."""
    return var.section == "maps" or var.section.startswith(SECTION)


def collect_maps(unit: Unit, target: Target) -> dict[VarDecl, MapDecl]:
    """Move the map objects of ``unit.globals`` to ``unit.maps``; give the map of each object."""
    objects = [var for var in unit.globals if is_map(var)]
    scopes = {v.name.removeprefix("__"): v for v in objects if _kind_name(v) in SCOPES}
    maps: dict[VarDecl, MapDecl] = {}
    for var in objects:
        if _kind_name(var) in SCOPES:
            continue
        map_ = _declare(var, target)
        if var.name in scopes:
            map_.scope = _kind_name(scopes[var.name])
        maps[var] = map_
    unit.globals[:] = [var for var in unit.globals if not is_map(var)]
    unit.maps.extend(maps.values())
    _check_inner(unit)
    return maps


def _kind_name(var: VarDecl) -> str:
    return _split(var)[0]


def _split(var: VarDecl) -> tuple[str, str, str]:
    """(kind, inner map, pin path) of the section's name."""
    rest, _, pin = var.section.removeprefix(SECTION).partition(":")
    kind, _, inner = rest.partition("$")
    return kind, inner, pin


def _declare(var: VarDecl, target: Target) -> MapDecl:
    name, inner, pin = _split(var)
    record = bare(var.type)
    if not isinstance(record, Record):
        raise Rejection(
            "invalid type for bpf_table, expect struct",
            var.loc,
            "declare maps with the BPF_* macros",
        )
    kind = KINDS.get(name)
    if kind is None:
        raise Rejection(
            f"unsupported map type: {name}",
            var.loc,
            "known kinds: " + ", ".join(sorted(KINDS)),
        )
    map_ = MapDecl(
        name=var.name,
        kind=name,
        type=kind.type,
        key=None if kind.no_key else _part(record, "key", var),
        leaf=None if kind.no_leaf else _part(record, "leaf", var),
        max_entries=_setting(var, record, "max_entries"),
        flags=_setting(var, record, "flags") & 0xFFFFFFFF,
        loc=var.loc,
        var=var,
        pin_path=pin,
        inner=inner,
        scope="extern" if name == "extern" else "",
    )
    _adjust(map_, target)
    return map_


def _part(record: Record, name: str, var: VarDecl) -> Type:
    """The type of member ``name``, which must have a size."""
    way = find_fields(record, name)
    if not way:
        raise Rejection(
            f"map '{var.name}' has no '{name}'", var.loc, "declare it with a BPF_* macro"
        )
    type_ = way[-1].type
    inside = bare(type_)
    if isinstance(inside, Record) and not inside.complete:
        raise Rejection(
            "unknown type", var.loc, f"define the {name} type of map '{var.name}' before the map"
        )
    if size_of(type_) == 0:
        raise Rejection(
            f"invalid zero-sized {name}", var.loc, f"give the {name} of map '{var.name}' a member"
        )
    return type_


def _setting(var: VarDecl, record: Record, name: str) -> int:
    """The number that the initialiser gives to member ``name``; 0 when it gives none."""
    way = find_fields(record, name)
    if not way or not isinstance(var.init, InitList):
        return 0
    for entry in reversed(var.init.entries):
        if entry.offset == way[-1].offset:
            value = fold(entry.value)
            if value is None:
                raise Rejection(
                    f"{name} of map '{var.name}' must be a constant",
                    var.loc,
                    "write a number, or a macro that is one",
                )
            return value
    return 0


def _adjust(map_: MapDecl, target: Target) -> None:
    """Apply what a kind demands beyond its macro."""
    if map_.kind == "histogram":
        _adjust_histogram(map_)
    elif map_.kind == "perf_output":
        map_.max_entries = target.kernel.possible_cpus
    elif map_.kind == "stacktrace" and map_.max_entries > 1:
        map_.max_entries = 1 << (map_.max_entries - 1).bit_length()


def _adjust_histogram(map_: MapDecl) -> None:
    leaf = bare(map_.leaf) if map_.leaf is not None else None
    if not (isinstance(leaf, Int) and leaf.size == 8 and not leaf.signed):
        raise Rejection(
            "histogram leaf type must be u64", map_.loc, f"declare map '{map_.name}' as BPF_HASH"
        )
    key = bare(map_.key) if map_.key is not None else None
    # A typedef of int counts as int here; in the kernel both kinds of map have the same key.
    if not (isinstance(key, Int) and key.name == "int"):
        map_.type = HASH


def _check_inner(unit: Unit) -> None:
    by_name = {m.name: m for m in unit.maps}
    for map_ in unit.maps:
        if not map_.inner:
            continue
        inner = by_name.get(map_.inner)
        if inner is None:
            raise Rejection(
                f"map '{map_.name}' names the inner map '{map_.inner}', which does not exist",
                map_.loc,
                "declare it in the same program",
            )
        if inner.inner:
            raise Rejection(
                f"inner map '{inner.name}' of '{map_.name}' is itself a map of maps",
                map_.loc,
                "maps can be nested once; use a plain map inside",
            )
