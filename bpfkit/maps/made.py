"""Create maps with keys and values of given types."""

from __future__ import annotations

from typing import TypeVar

from .typed import Options, TypedMap, system_of
from .types import told_types, wire_of
from .wire import TypeLike

M = TypeVar("M", bound=TypedMap)


def made_keyed(
    kind: type[M], key: TypeLike, value: TypeLike, max_entries: int, options: Options
) -> M:
    """Create a map of ``kind``, tell the kernel its types, keep what converts keys and values."""
    wires = wire_of(key), wire_of(value)
    system = system_of(options)
    sizes = wires[0].size, wires[1].size
    with told_types(system, key, value) as request:
        return kind._make(*sizes, max_entries, options, wires=wires, request=request)
