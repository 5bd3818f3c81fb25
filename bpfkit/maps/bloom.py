"""Bloom filters: BPF_MAP_TYPE_BLOOM_FILTER (v5.16). What was added is found for sure; what was not,
sometimes too, the more often the fuller the filter is. Nothing can be taken out.
"""

from __future__ import annotations

from typing import ClassVar, Generic, Self, Unpack

from ..uapi.bpf import MapType
from .keyed import V
from .typed import Options, TypedMap, system_of
from .types import told_types, wire_of
from .wire import AnyWire, Bytes, TypeLike


class BloomFilter(TypedMap, Generic[V]):
    """A set that may say yes when it should say no."""

    default: ClassVar[MapType] = MapType.BLOOM_FILTER

    @classmethod
    def create(
        cls, *, value: TypeLike, max_entries: int, hashes: int = 0, **options: Unpack[Options]
    ) -> Self:
        """Create one for ``max_entries`` values; ``hashes`` functions, 1 to 15, 0 for five."""
        wire = wire_of(value)
        system = system_of(options)
        with told_types(system, None, value) as types:
            request = {**types, "map_extra": hashes}
            return cls._make(
                0, wire.size, max_entries, options, wires=(None, wire), request=request
            )

    def _set_wires(self, key: AnyWire | None, value: AnyWire | None) -> None:
        self._value: AnyWire = value or Bytes(self.raw.value_size)

    def add(self, value: V) -> None:
        """Add a value."""
        self.raw.update(b"", self._value.encode(value))

    def __contains__(self, value: V) -> bool:
        return self._system.syscalls.map_contains(
            self.fileno(), self._value.encode(value), subject=self.raw.subject
        )
