"""Stack traces: BPF_MAP_TYPE_STACK_TRACE (v4.6). A program stores a stack and gets its number."""

from __future__ import annotations

import struct

from .array import index_key
from .base import Map

_ADDRESS_BYTES = 8


class StackTraceMap(Map):
    """Stacks by number."""

    def frames(self, stack_id: int) -> tuple[int, ...] | None:
        """Addresses of a stack, the innermost first; None when there is none of that number."""
        found = self.lookup(index_key(stack_id)) if stack_id >= 0 else None
        if found is None:
            return None
        addresses = struct.unpack(f"={len(found) // _ADDRESS_BYTES}Q", found)
        # A stack ends at the first empty place.
        return addresses[: addresses.index(0)] if 0 in addresses else addresses
