"""Stack traces by number: BPF_MAP_TYPE_STACK_TRACE (v4.6)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ....uapi.bpf import MapFlag
from .base import TableBase
from .bulk import CData

# What a resolver gets is an address, or a build ID with an offset; what it makes of it is its own.
Frame = Any


class StackTrace(TableBase):
    """Stacks that ``get_stackid`` stored. Integers are keys too."""

    MAX_DEPTH = 127
    BPF_F_STACK_BUILD_ID = int(MapFlag.STACK_BUILD_ID)
    BPF_STACK_BUILD_ID_EMPTY = 0
    BPF_STACK_BUILD_ID_VALID = 1
    BPF_STACK_BUILD_ID_IP = 2

    def walk(
        self, stack_id: int, resolve: Callable[[Frame], object] | None = None
    ) -> Iterator[Frame]:
        """The addresses of a stack, the innermost first, each through ``resolve`` when given.

        With build IDs they are structures; the walk ends at the first that has none. Raises
        KeyError when there is no stack of that number, so also for a negative one, which is the
        error that ``get_stackid`` gave.
        """
        stack = self[self.Key(stack_id)]
        frames = self._by_build_id(stack) if hasattr(stack, "trace") else _by_address(stack)
        return map(resolve, frames) if resolve else frames

    def _by_build_id(self, stack: CData) -> Iterator[Frame]:
        for frame in stack.trace:
            if frame.status != self.BPF_STACK_BUILD_ID_VALID:
                return
            yield frame

    def _key(self, key: CData) -> CData:
        return super()._key(self.Key(key) if isinstance(key, int) else key)

    def clear(self) -> None:
        """Do nothing, as in bcc: scripts clear their counts and keep the stacks."""


def _by_address(stack: CData) -> Iterator[Frame]:
    for address in stack.ip:
        if not address:
            return
        yield address
