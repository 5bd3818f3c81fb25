"""Globals of an arena: where they lie in it.

Variables of address space 1 come in a section of their own, and live in the one map of type arena
that the object declares. They are put at its end: the first page stays free, since the kernel takes
an arena's address whose lower half is zero for a null pointer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..errors import FormatError
from ..uapi.bpf import MapType
from .spec import MapSpec

SECTION = ".addr_space.1"
PAGE_BYTES = 4096
"""Arenas are counted in pages of the kernel; those with larger pages have room to spare."""
FARTHEST = 1 << 29
"""An instruction names no place in a map beyond this: BPF_MAX_VAR_OFF, kernel/bpf/verifier.c."""


def arena_of(maps: Mapping[str, MapSpec]) -> MapSpec:
    """The arena of an object. Raises FormatError when there is none, or more than one."""
    arenas = [declared for declared in maps.values() if declared.type is MapType.ARENA]
    if len(arenas) != 1:
        raise FormatError(
            f"the object has globals in an arena and {len(arenas)} maps of type arena; "
            "declare exactly one"
        )
    return arenas[0]


def place_globals(maps: Mapping[str, MapSpec], content: bytes) -> dict[str, MapSpec]:
    """The arena with ``content`` in it, by name."""
    arena = arena_of(maps)
    pages = -(-len(content) // PAGE_BYTES)
    if pages > arena.max_entries:
        raise FormatError(
            f"arena '{arena.name}' has {arena.max_entries} page(s), and its globals take {pages}; "
            "raise max_entries"
        )
    last = min(arena.max_entries, FARTHEST // PAGE_BYTES) - pages
    return {arena.name: replace(arena, initial=content, initial_offset=last * PAGE_BYTES)}
