"""Globals of an arena: which arena they lie in, and whether there is room."""

from __future__ import annotations

from ..ctype import Array, Enum, Pointer, Record, bare, size_of
from ..diagnostics import Rejection
from ..tree import Unit, VarDecl

SECTION = ".addr_space."
"""Where the globals of an address space lie: the word, then its number."""
SPACE = 1
TYPE = 33  # BPF_MAP_TYPE_ARENA, v6.9
PAGE_BYTES = 4096


def check_globals(unit: Unit) -> None:
    """Refuse globals in an address space that is no arena of ``unit``."""
    inside = [variable for variable in unit.globals if variable.address_space]
    for variable in inside:
        if variable.address_space != SPACE:
            raise Rejection(
                f"'{variable.name}' is in address space {variable.address_space}",
                variable.loc,
                "only address space 1 can hold variables: that of arenas",
            )
    if not inside:
        return
    defined = [v for v in unit.globals if v.section == ".maps" and _number(v, "type") == TYPE]
    arenas = [(v.name, _number(v, "max_entries") or 0) for v in defined]
    arenas += [(m.name, m.max_entries) for m in unit.maps if m.type == TYPE]
    if len(arenas) != 1:
        raise Rejection(
            f"'{inside[0].name}' lies in an arena, and {len(arenas)} arenas are declared",
            inside[0].loc,
            "declare exactly one map of type BPF_MAP_TYPE_ARENA",
        )
    name, pages = arenas[0]
    room = pages * PAGE_BYTES
    size = sum(size_of(variable.type) for variable in inside)
    if size > room:
        raise Rejection(
            f"globals of {size} bytes do not fit in arena '{name}' of {room}",
            inside[0].loc,
            "raise its max_entries, which counts pages",
        )


def _number(variable: VarDecl, name: str) -> int | None:
    """The number that a member of a BTF-defined map stands for."""
    record = bare(variable.type)
    for field in record.fields if isinstance(record, Record) else ():
        pointer = bare(field.type)
        if field.name == name and isinstance(pointer, Pointer):
            array = bare(pointer.to)
            return array.count if isinstance(array, Array) else None
        if field.name == name and isinstance(pointer, Enum):
            return pointer.constants[0][1]
    return None
