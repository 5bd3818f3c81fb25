"""Tables whose leaves are descriptors: programs, cgroups, maps.

A descriptor goes in as a number or as the object that has it; what comes out, where the kernel
gives anything, is an id.
"""

from __future__ import annotations

import os

from .arrays import SlotArray
from .base import TableBase
from .bulk import CLASSES, CData
from .hashes import HashTable


def descriptor(value: CData) -> CData:
    """The number of what has a descriptor; anything else stays what it is."""
    # A loaded function, as load_func() gives it, has ``fd``; tables, maps, programs, links, sockets
    # and files have ``fileno``.
    if isinstance(value, CLASSES):
        return value
    if hasattr(value, "fileno"):
        return value.fileno()
    return getattr(value, "fd", value)


class Descriptors(TableBase):
    """What these tables share: a leaf may be a number or an object with a descriptor."""

    def _leaf(self, leaf: CData) -> CData:
        number = descriptor(leaf)
        return super()._leaf(self.Leaf(number) if isinstance(number, int) else number)


class ProgArray(Descriptors, SlotArray):
    """Programs to tail call: BPF_MAP_TYPE_PROG_ARRAY (v4.2). ``t[i] = b.load_func(...)``."""


class CgroupArray(Descriptors, SlotArray):
    """Cgroups to test for: BPF_MAP_TYPE_CGROUP_ARRAY (v4.8). ``t[i] = "/sys/fs/cgroup/x"``."""

    def __setitem__(self, key: CData, leaf: CData) -> None:
        """Put a cgroup's directory, by path or descriptor, at an index."""
        if isinstance(leaf, str | bytes | os.PathLike):
            directory = os.open(leaf, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                super().__setitem__(key, self.Leaf(directory))
            finally:
                os.close(directory)
            return
        if not isinstance(descriptor(leaf), (int, *CLASSES)):
            raise TypeError(
                "Cgroup array key must be either FD or cgroup path: "
                f"table '{self.map.name}' got {leaf!r}"
            )
        super().__setitem__(key, leaf)


class MapInMapArray(Descriptors, SlotArray):
    """Maps by index: BPF_MAP_TYPE_ARRAY_OF_MAPS (v4.12). A leaf that is read is the map's id."""


class MapInMapHash(Descriptors, HashTable):
    """Maps by key: BPF_MAP_TYPE_HASH_OF_MAPS (v4.12). A leaf that is read is the map's id."""
