"""BTF-defined maps: a variable in section ``.maps`` whose struct type describes the map.

A number N is written as ``int (*name)[N]``, a type T as ``T *name``. Source: libbpf's BTF-defined
maps; ``compiler/lower/maps.py`` writes the same form.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..btf.layout import size_of
from ..btf.types import Array, Btf, Datasec, Enum, Enum64, Ptr, Struct, Var
from ..errors import FormatError
from ..uapi.bpf import MapType
from ..uapi.btf import BtfKind
from .spec import MapSpec
from .special import special_fields

SECTION = ".maps"
_NO_TYPES = frozenset(
    {
        MapType.PROG_ARRAY,
        MapType.PERF_EVENT_ARRAY,
        MapType.CGROUP_ARRAY,
        MapType.STACK_TRACE,
        MapType.ARRAY_OF_MAPS,
        MapType.HASH_OF_MAPS,
        MapType.DEVMAP,
        MapType.DEVMAP_HASH,
        MapType.CPUMAP,
        MapType.XSKMAP,
        MapType.SOCKMAP,
        MapType.SOCKHASH,
        MapType.QUEUE,
        MapType.STACK,
        MapType.RINGBUF,
    }
)
"""Maps whose key and value types the kernel refuses."""


@dataclass(slots=True)
class _Draft:
    """A map while its members are read."""

    name: str
    type: int = 0
    key_size: int = 0
    value_size: int = 0
    max_entries: int = 0
    flags: int = 0
    key_type_id: int = 0
    value_type_id: int = 0
    pinning: int = 0
    extra: int = 0
    numa_node: int | None = None
    inner: MapSpec | None = None


def datasec(btf: Btf, name: str) -> Datasec | None:
    """The DATASEC of a section, None when the object has none."""
    for type_id in btf.by_name(name, (BtfKind.DATASEC,)):
        found = btf.type(type_id)
        assert isinstance(found, Datasec)
        return found
    return None


def variables(btf: Btf, section: str) -> list[tuple[str, int]]:
    """(name, type id) of the variables of a section."""
    found = datasec(btf, section)
    pairs = []
    for entry in found.variables if found is not None else ():
        var = btf.type(entry.type_id)
        if not isinstance(var, Var):
            raise FormatError(f"section {section} of the BTF lists what is no variable")
        pairs.append((var.name, var.type_id))
    return pairs


def read_maps(btf: Btf) -> dict[str, MapSpec]:
    """Every map of section ``.maps``, by name."""
    return {name: _read(btf, name, type_id) for name, type_id in variables(btf, SECTION)}


def _read(btf: Btf, name: str, type_id: int) -> MapSpec:
    _, record = btf.resolve(type_id)
    if not isinstance(record, Struct):
        raise FormatError(f"map '{name}' is not declared as a struct")
    draft = _Draft(name)
    for member in record.members:
        read = _MEMBERS.get(member.name)
        if read is None:
            raise FormatError(f"map '{name}' has an attribute '{member.name}' that is not known")
        read(btf, draft, member.type_id)
    try:
        kind = MapType(draft.type)
    except ValueError:
        raise FormatError(f"map '{name}' is of type {draft.type}, which is not known") from None
    typed = kind not in _NO_TYPES
    value = draft.value_type_id
    return MapSpec(
        name=name,
        type=kind,
        key_size=draft.key_size,
        value_size=draft.value_size,
        max_entries=draft.max_entries,
        flags=draft.flags,
        key_type_id=draft.key_type_id,
        value_type_id=draft.value_type_id,
        typed=typed and bool(value),
        special=special_fields(btf, value) if value else (),
        pin_path=f"/sys/fs/bpf/{name}" if draft.pinning else "",
        inner=draft.inner,
        extra=draft.extra,
        numa_node=draft.numa_node,
    )


def slots_offset(btf: Btf, name: str) -> int | None:
    """Where the pointers of member ``values`` lie in map ``name``, in bytes; None without any."""
    for var, type_id in variables(btf, SECTION):
        record = btf.resolve(type_id)[1]
        if var == name and isinstance(record, Struct):
            for member in record.members:
                if member.name == "values":
                    return member.bit_offset // 8
    return None


def _number(btf: Btf, draft: _Draft, type_id: int) -> int:
    pointer = btf.resolve(type_id)[1]
    if isinstance(pointer, Enum | Enum64) and len(pointer.values) == 1:
        return pointer.values[0].value  # a number of more than 32 bits
    array = btf.resolve(pointer.type_id)[1] if isinstance(pointer, Ptr) else None
    if not isinstance(array, Array):
        raise FormatError(f"map '{draft.name}': a number is not written as int (*)[N]")
    return array.count


def _pointee(btf: Btf, draft: _Draft, type_id: int) -> int:
    pointer = btf.resolve(type_id)[1]
    if not isinstance(pointer, Ptr):
        raise FormatError(f"map '{draft.name}': a type is not written as a pointer")
    return pointer.type_id


def _set_number(attribute: str) -> Callable[[Btf, _Draft, int], None]:
    def read(btf: Btf, draft: _Draft, type_id: int) -> None:
        setattr(draft, attribute, _number(btf, draft, type_id))

    return read


def _set_type(attribute: str) -> Callable[[Btf, _Draft, int], None]:
    def read(btf: Btf, draft: _Draft, type_id: int) -> None:
        pointee = _pointee(btf, draft, type_id)
        setattr(draft, f"{attribute}_type_id", pointee)
        setattr(draft, f"{attribute}_size", size_of(btf, pointee))

    return read


def _set_inner(btf: Btf, draft: _Draft, type_id: int) -> None:
    array = btf.resolve(type_id)[1]
    if not isinstance(array, Array):
        raise FormatError(f"map '{draft.name}': 'values' is not an array of pointers")
    pointee = _pointee(btf, draft, array.type_id)
    draft.value_size = 4  # a descriptor to who writes, an address to the kernel
    if isinstance(btf.resolve(pointee)[1], Struct):
        draft.inner = _read(btf, f"{draft.name}.inner", pointee)


_MEMBERS: dict[str, Callable[[Btf, _Draft, int], None]] = {
    "type": _set_number("type"),
    "key_size": _set_number("key_size"),
    "value_size": _set_number("value_size"),
    "max_entries": _set_number("max_entries"),
    "map_flags": _set_number("flags"),
    "pinning": _set_number("pinning"),
    "map_extra": _set_number("extra"),
    "numa_node": _set_number("numa_node"),
    "key": _set_type("key"),
    "value": _set_type("value"),
    "values": _set_inner,
}
