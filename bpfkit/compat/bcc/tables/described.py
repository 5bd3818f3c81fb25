"""What every table says of its map."""

from __future__ import annotations

from ....maps.base import Map


class Described:
    """A table of any kind, with keys or without."""

    map: Map

    @property
    def name(self) -> bytes:
        """The name the program gave the table."""
        return self.map.name.encode()

    @property
    def map_fd(self) -> int:
        """The map's descriptor."""
        return self.map.fileno()

    @property
    def max_entries(self) -> int:
        """How many elements the map can hold."""
        return self.map.max_entries

    @property
    def ttype(self) -> int:
        """The map's type, a number of enum bpf_map_type."""
        return int(self.map.type)

    @property
    def flags(self) -> int:
        """The flags the map was created with."""
        return self.map.info().flags
