"""Maps of bcc's dialect in the object: libbpf's BTF-defined form, and sections of ours.

Each `MapDecl` becomes a global in section ``.maps`` whose type is an anonymous struct: a number N
is written as the type ``int (*)[N]``, a type T as ``T *``. Members: ``type``, ``max_entries``,
``map_flags`` (if not 0), ``key`` and ``value`` (or ``key_size`` and ``value_size`` when there is
no type but a size).

- ``.bpfkit.pin`` holds, for each pinned map, a NUL-terminated path in a variable ``NAME.pin``.
- ``.bpfkit.scope`` holds, for each map that programs share, the word "export", "shared" or "extern"
  in a variable ``NAME.scope``. The type of an "extern" one is 0.
- ``.bpfkit.events`` holds, for each buffer whose records have a known type, a variable
  ``NAME.event`` of that type: its BTF VAR in the DATASEC of that name leads from the buffer to
  the type. Its bytes mean nothing.

A loader drops these sections.
"""

from __future__ import annotations

from ..ctype import INT, Array, Field, Pointer, Record, RecordKind, Type
from ..tree import MapDecl

PIN_SECTION = ".bpfkit.pin"
SCOPE_SECTION = ".bpfkit.scope"
EVENTS_SECTION = ".bpfkit.events"
PERF_EVENT_ARRAY = 4  # BPF_MAP_TYPE_PERF_EVENT_ARRAY, v4.3
PROG_ARRAY = 3  # BPF_MAP_TYPE_PROG_ARRAY, v4.2
CGROUP_ARRAY = 8  # BPF_MAP_TYPE_CGROUP_ARRAY, v4.8
STACK_TRACE = 7  # BPF_MAP_TYPE_STACK_TRACE, v4.6
MAP_IN_MAP = (12, 13)  # BPF_MAP_TYPE_ARRAY_OF_MAPS, BPF_MAP_TYPE_HASH_OF_MAPS, v4.12
DESCRIPTOR_KEYED = (PROG_ARRAY, PERF_EVENT_ARRAY, CGROUP_ARRAY, *MAP_IN_MAP)


def number(value: int) -> Type:
    """How a BTF-defined map writes a number."""
    return Pointer(Array(INT, value))


def definition(decl: MapDecl, inner: Record | None = None) -> Record:
    """The struct type that defines ``decl``; ``inner`` is the definition of the map inside it."""
    members: list[tuple[str, Type]] = [("type", number(decl.type))]
    if decl.key is not None:
        members.append(("key", Pointer(decl.key)))
    elif decl.type in DESCRIPTOR_KEYED:
        members.append(("key_size", number(4)))
    if decl.type in DESCRIPTOR_KEYED:
        # The kernel keeps a descriptor here, whatever the macro says.
        members.append(("value_size", number(4)))
    elif decl.leaf is not None:
        members.append(("value", Pointer(decl.leaf)))
    members.append(("max_entries", number(decl.max_entries)))
    if decl.flags:
        members.append(("map_flags", number(decl.flags)))
    if inner is not None:
        members.append(("values", Array(Pointer(inner), 0)))
    record = Record(RecordKind.STRUCT, "", len(members) * 8, 8, complete=True)
    if inner is not None:
        record.size -= 8
    record.fields = [
        Field(name, t, index * 64, index, None, record) for index, (name, t) in enumerate(members)
    ]
    return record
