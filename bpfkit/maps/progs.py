"""Arrays of programs, perf events and cgroups, for programs to use by index.

BPF_MAP_TYPE_PROG_ARRAY (v4.2), BPF_MAP_TYPE_PERF_EVENT_ARRAY (v4.3), BPF_MAP_TYPE_CGROUP_ARRAY
(v4.8).
"""

from __future__ import annotations

from typing import ClassVar, Self, Unpack

from ..uapi.bpf import MapType
from .slots import HasPath, ReadableSlots, SlotMap, opened
from .typed import Options


class ProgArray(ReadableSlots[int]):
    """Programs for tail calls. ``array[i] = program``; ``array[i]`` is the id of the program.

    All programs of an array are of one type. The array is emptied when its last descriptor, pin
    and user are gone, whatever programs still use it.
    """

    default: ClassVar[MapType] = MapType.PROG_ARRAY

    @classmethod
    def create(cls, *, max_entries: int, **options: Unpack[Options]) -> Self:
        """Create an empty one."""
        return cls._make(4, 4, max_entries, options)

    def __getitem__(self, index: int) -> int:
        return self.id_at(index)


class PerfEventArray(SlotMap[int]):
    """Perf events to write to or read from by program; what is in it cannot be read back.

    Without PRESERVE_ELEMS (v5.10) closing the descriptor through which an event was put in takes it
    out again.
    """

    default: ClassVar[MapType] = MapType.PERF_EVENT_ARRAY

    @classmethod
    def create(cls, *, max_entries: int = 0, **options: Unpack[Options]) -> Self:
        """Create an empty one, with a slot for each possible CPU unless told otherwise."""
        return cls._make(4, 4, max_entries, options)


class CgroupArray(SlotMap[int]):
    """Cgroups for a program to ask whether a task or socket is under one; not readable."""

    default: ClassVar[MapType] = MapType.CGROUP_ARRAY

    @classmethod
    def create(cls, *, max_entries: int, **options: Unpack[Options]) -> Self:
        """Create an empty one."""
        return cls._make(4, 4, max_entries, options)

    def __setitem__(self, index: int, cgroup: HasPath) -> None:
        """Put a cgroup of version 2 at an index, by its directory or a descriptor of that."""
        with opened(cgroup) as fd:
            self.put(index, fd)
