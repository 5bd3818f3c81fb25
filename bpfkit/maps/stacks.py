"""Stack traces: BPF_MAP_TYPE_STACK_TRACE (v4.6). A program stores a stack and gets its number.

With STACK_BUILD_ID (v4.17) each frame of user space is told by its file's build id and an offset,
which means the same in every process and later.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Self, Unpack

from ..uapi.bpf import BPF_MAX_STACK_DEPTH, MapFlag, MapType
from .raw import index_key
from .typed import Options, TypedMap

_ADDRESS_BYTES = 8
_BUILD_ID = struct.Struct("=i20sQ")  # struct bpf_stack_build_id


class FrameStatus(IntEnum):
    """enum bpf_stack_build_id_status: what is known of a frame."""

    EMPTY = 0  # BPF_STACK_BUILD_ID_EMPTY, v4.17
    VALID = 1  # BPF_STACK_BUILD_ID_VALID, v4.17
    IP = 2  # BPF_STACK_BUILD_ID_IP, v4.17


@dataclass(frozen=True, slots=True)
class BuildIdFrame:
    """A frame: ``offset`` into the file with this build id, or an address where that is empty."""

    build_id: bytes
    offset: int


class StackTraceMap(TypedMap):
    """Stacks by number. A program may replace a stack at any time; what is read is whole."""

    default: ClassVar[MapType] = MapType.STACK_TRACE

    @classmethod
    def create(
        cls,
        *,
        max_entries: int,
        depth: int = BPF_MAX_STACK_DEPTH,
        build_ids: bool = False,
        **options: Unpack[Options],
    ) -> Self:
        """Create one for stacks of up to ``depth`` frames."""
        if build_ids:
            options["flags"] = options.get("flags", 0) | MapFlag.STACK_BUILD_ID
        one = _BUILD_ID.size if build_ids else _ADDRESS_BYTES
        return cls._make(4, depth * one, max_entries, options)

    @property
    def has_build_ids(self) -> bool:
        """Whether its frames are told by build id."""
        return bool(self.raw.flags & MapFlag.STACK_BUILD_ID)

    def frames(self, stack_id: int) -> tuple[int, ...]:
        """Addresses of a stack, the innermost first.

        Raises KeyError when there is none of that number; programs get negative ones as errors.
        """
        data = self._data(stack_id)
        addresses = struct.unpack(f"={len(data) // _ADDRESS_BYTES}Q", data)
        # A stack ends at the first empty place.
        return addresses[: addresses.index(0)] if 0 in addresses else addresses

    def build_id_frames(self, stack_id: int) -> tuple[BuildIdFrame, ...]:
        """Frames of a stack in a map with build ids. Raises KeyError as `frames` does."""
        found = []
        for status, build_id, offset in _BUILD_ID.iter_unpack(self._data(stack_id)):
            if status == FrameStatus.EMPTY:
                break
            valid = status == FrameStatus.VALID
            found.append(BuildIdFrame(build_id if valid else b"", offset))
        return tuple(found)

    def __getitem__(self, stack_id: int) -> tuple[int, ...] | tuple[BuildIdFrame, ...]:
        return self.build_id_frames(stack_id) if self.has_build_ids else self.frames(stack_id)

    def __contains__(self, stack_id: int) -> bool:
        return stack_id >= 0 and self.raw.lookup(index_key(stack_id)) is not None

    def __delitem__(self, stack_id: int) -> None:
        if stack_id < 0 or not self.raw.delete(index_key(stack_id)):
            raise KeyError(stack_id)

    def __iter__(self) -> Iterator[int]:
        """Give the numbers of the stacks that are there."""
        for key in self.raw.keys():  # noqa: SIM118 - a map is no dict
            yield int.from_bytes(key, sys.byteorder)

    def __len__(self) -> int:
        """Count the stacks: the kernel is asked for each."""
        return sum(1 for _ in self)

    def clear(self) -> None:
        """Forget all stacks."""
        for stack_id in list(self):
            self.raw.delete(index_key(stack_id))

    def _data(self, stack_id: int) -> bytes:
        found = self.raw.lookup(index_key(stack_id)) if stack_id >= 0 else None
        if found is None:
            raise KeyError(stack_id)
        return found
