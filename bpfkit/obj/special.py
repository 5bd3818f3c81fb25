"""Fields of a map's value that the kernel itself runs: locks, timers, references, lists.

The kernel finds them by the BTF of the value, so a map that has any cannot do without its types.
Source: btf_parse_fields and map_check_btf of the kernel.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..btf.types import Array, Btf, Ptr, Struct, TypeTag
from ..uapi.bpf import MapType

_HASHES = (MapType.HASH, MapType.LRU_HASH)
_PER_CPU = (MapType.PERCPU_HASH, MapType.LRU_PERCPU_HASH, MapType.PERCPU_ARRAY)
_STORAGE = (
    MapType.SK_STORAGE,
    MapType.INODE_STORAGE,
    MapType.TASK_STORAGE,
    MapType.CGRP_STORAGE,
)
_LOCKED = (MapType.HASH, MapType.ARRAY, MapType.CGROUP_STORAGE, *_STORAGE)
_LATER = (*_HASHES, MapType.ARRAY)
_KEEPING = (*_HASHES, MapType.ARRAY, *_PER_CPU, *_STORAGE)


@dataclass(frozen=True, slots=True)
class SpecialField:
    """One kind of field: the first release that has it, and the maps that may hold it."""

    name: str
    since: str
    maps: tuple[MapType, ...]
    single: bool = False
    """Whether a value holds at most one."""


_RECORDS = (
    SpecialField("bpf_spin_lock", "5.1", _LOCKED, single=True),
    SpecialField("bpf_res_spin_lock", "6.15", _LOCKED, single=True),
    SpecialField("bpf_timer", "5.15", _LATER, single=True),
    SpecialField("bpf_wq", "6.10", _LATER, single=True),
    SpecialField("bpf_task_work", "6.18", _LATER, single=True),
    SpecialField("bpf_list_head", "6.2", _LATER),
    SpecialField("bpf_rb_root", "6.3", _LATER),
)
_TAGS = (
    SpecialField("kptr", "6.1", _KEEPING),
    SpecialField("kptr_untrusted", "5.19", _KEEPING),
    SpecialField("percpu_kptr", "6.7", _KEEPING),
    SpecialField("uptr", "6.13", (MapType.TASK_STORAGE,)),
)
_BY_RECORD = {field.name: field for field in _RECORDS}
_BY_TAG = {field.name: field for field in _TAGS}


def special_fields(btf: Btf, type_id: int) -> tuple[SpecialField, ...]:
    """The special fields of a value, one entry for each."""
    return tuple(_walk(btf, type_id))


def _walk(btf: Btf, type_id: int) -> Iterator[SpecialField]:
    found = btf.resolve(type_id)[1]
    match found:
        case Struct(name=name) if name in _BY_RECORD:
            yield _BY_RECORD[name]
        case Struct():
            for member in found.members:
                yield from _walk(btf, member.type_id)
        case Array():
            inside = tuple(_walk(btf, found.type_id))
            yield from inside * min(found.count, 2)
        case Ptr():
            tag = btf.type(found.type_id)
            if isinstance(tag, TypeTag) and tag.name in _BY_TAG:
                yield _BY_TAG[tag.name]


def doubled(fields: Sequence[SpecialField]) -> SpecialField | None:
    """A field that the value has more than once though it may not; the kernel says so late."""
    return next((f for f in fields if f.single and list(fields).count(f) > 1), None)


def explain(fields: Sequence[SpecialField], kind: MapType) -> str:
    """What may be wrong with a map of ``kind`` whose values have ``fields``: one sentence."""
    for field in fields:
        if kind not in field.maps:
            names = ", ".join(str(map) for map in field.maps)
            return f"a {kind} cannot hold a {field.name}; these can: {names}"
    names = ", ".join(f"{f.name} (Linux {f.since})" for f in dict.fromkeys(fields))
    return f"its values hold what the kernel may not know yet: {names}"
