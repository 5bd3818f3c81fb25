"""Maps of maps: BPF_MAP_TYPE_ARRAY_OF_MAPS and BPF_MAP_TYPE_HASH_OF_MAPS (v4.12).

Inner maps are of the type and sizes of the one the outer map was made with. A program that runs
while one is replaced sees either; when the assignment returns, none uses the old one any more.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Generic, Self, Unpack

from ..syscalls.requests import ObjectKind
from ..uapi.bpf import MapType
from .keyed import K
from .slots import HasFd, ReadableSlots, fd_of
from .typed import Options, TypedMap
from .types import wire_of
from .wire import AnyWire, TypeLike


class MapOfMaps(ReadableSlots[K], Generic[K]):
    """What both kinds share."""

    def __getitem__(self, key: K) -> TypedMap:
        """Open the map under a key, by its id; the caller closes it.

        Raises KeyError when none is there. Takes CAP_SYS_ADMIN; see `id_at`.
        """
        id = self.id_at(key)
        fd = self._system.syscalls.open_id(ObjectKind.MAP, id)
        return TypedMap._open(fd, self._system, f"map {id}")

    def items(self) -> Iterator[tuple[K, int]]:
        """Give keys and the ids of the maps under them."""
        for key in self.keys():
            try:
                yield key, self.id_at(key)
            except KeyError:
                continue  # it was taken out meanwhile


class ArrayOfMaps(MapOfMaps[int]):
    """Maps by index."""

    default: ClassVar[MapType] = MapType.ARRAY_OF_MAPS

    @classmethod
    def create(cls, *, inner: HasFd, max_entries: int, **options: Unpack[Options]) -> Self:
        """Create an empty one for maps like ``inner``, which itself is not put in."""
        return cls._make(4, 4, max_entries, options, request={"inner_map_fd": fd_of(inner)})


class HashOfMaps(MapOfMaps[K]):
    """Maps by key."""

    default: ClassVar[MapType] = MapType.HASH_OF_MAPS
    _indexed = False

    @classmethod
    def create(
        cls, *, key: TypeLike, inner: HasFd, max_entries: int, **options: Unpack[Options]
    ) -> Self:
        """Create an empty one for maps like ``inner``, which itself is not put in."""
        wires: tuple[AnyWire, None] = (wire_of(key), None)
        inner_fd = {"inner_map_fd": fd_of(inner)}
        return cls._make(wires[0].size, 4, max_entries, options, wires=wires, request=inner_fd)
