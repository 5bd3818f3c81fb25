"""Arenas: memory that programs and this process share. BPF_MAP_TYPE_ARENA (v6.9).

Pages come when somebody touches them or a program allocates them. Loads and stores are plain ones:
nothing but an aligned word is atomic.
"""

from __future__ import annotations

import mmap
from typing import ClassVar, Self, Unpack

from ..syscalls.api import MappedMemory
from ..uapi.bpf import MapFlag, MapType
from .typed import Options, TypedMap


class Arena(TypedMap):
    """An arena of up to ``max_entries`` pages."""

    default: ClassVar[MapType] = MapType.ARENA

    @classmethod
    def create(cls, *, pages: int, address: int = 0, **options: Unpack[Options]) -> Self:
        """Create one. ``address`` is where every process has to map it, so that pointers in it
        mean the same everywhere; 0 leaves it to the first who does.

        With SEGV_ON_FAULT, touching a page that no program has allocated is a segmentation fault.
        """
        options["flags"] = options.get("flags", 0) | MapFlag.MMAPABLE
        return cls._make(0, 0, pages, options, request={"map_extra": address})

    def memory(self, *, writable: bool = True) -> MappedMemory:
        """Map all of it; close it when done. Pages are zero at first.

        One mapping at a time in a process: the kernel wants the next one at the same address.
        """
        address = self.info().map_extra
        return self._map(self.max_entries * mmap.PAGESIZE, writable=writable, address=address)
