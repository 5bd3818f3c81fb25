"""Many values of one type at once: what is read and written by one call where that can be."""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterable, Sequence
from itertools import starmap
from operator import attrgetter, itemgetter
from typing import overload

from ..errors import DecodeError
from .members import Flat, Members
from .plans import Plan, Value
from .record import Record
from .scalars import Number, Real


def as_view(data: bytes | bytearray | memoryview) -> memoryview:
    """Return the bytes of a buffer, copied only when they do not lie in a row."""
    view = memoryview(data)
    return view.cast("B") if view.c_contiguous else memoryview(bytes(view))


def step_of(size: int, stride: int | None) -> int:
    """Return the distance of two values. Raises DecodeError when they would overlap."""
    if stride is None:
        return size
    if stride < size:
        raise DecodeError(f"a stride of {stride} bytes for values of {size}")
    return stride


def span(
    data: bytes | bytearray | memoryview, count: int, size: int, stride: int | None
) -> tuple[memoryview, int]:
    """Return the bytes of exactly ``count`` values and their distance."""
    view, step = as_view(data), step_of(size, stride)
    if count < 0 or len(view) < count * step:
        raise DecodeError(f"{len(view)} bytes where {count} values of {step} bytes should be")
    return view[: count * step], step


def read_many(plan: Plan, view: memoryview, count: int, step: int) -> list[Value]:
    """Read all values, which fill the view."""
    numbers = cast(plan, view, count, step)
    if numbers is not None:
        return [*numbers.tolist()]
    if isinstance(plan, Members) and plan.flat is not None and count and step:
        return list(map(plan.make, _rows(plan.flat, plan.size, step).iter_unpack(view)))
    return [plan.read(view[i * step : (i + 1) * step], 0) for i in range(count)]


def pack_many(plan: Plan, values: list[object], step: int) -> bytes | None:
    """Write all values by the struct module; None when they have to be looked at one by one."""
    try:
        # An array of float would take numbers that are too large, as infinite.
        if isinstance(plan, Number) and plan.size == step:
            numbers: array[int] = array(plan.code, values)  # type: ignore[arg-type]
            if plan.order != sys.byteorder:
                numbers.byteswap()
            return numbers.tobytes()
        if isinstance(plan, Members) and plan.flat is not None and plan.flat.packs:
            return _pack_rows(plan, plan.flat, values, step)
    except (struct.error, TypeError, ValueError, OverflowError, KeyError, AttributeError):
        pass  # the slow way names the field
    return None


def _pack_rows(plan: Members, flat: Flat, values: list[object], step: int) -> bytes | None:
    rows = _tuples(plan, values)
    if rows is None or not plan.names:
        return None
    if flat.chars:
        rows = list(rows)
        if not flat.all_fit(rows):
            return None
    return b"".join(starmap(_rows(flat, plan.size, step).pack, rows))


def _tuples(plan: Members, values: list[object]) -> Iterable[Sequence[Value]] | None:
    """Return the members of each value in order, None when the values are not all of one kind."""
    kinds = set(map(type, values))
    if len(kinds) != 1 or len(plan.names) < 2:
        return None
    kind = kinds.pop()
    if kind is tuple:
        return values  # type: ignore[return-value]
    if issubclass(kind, Record):
        return map(tuple, values) if kind.__names__ == plan.names else None  # type: ignore[arg-type]
    if kind is dict:
        whole = all(len(value) == len(plan.names) for value in values)  # type: ignore[arg-type]
        return map(itemgetter(*plan.names), values) if whole else None  # type: ignore[arg-type]
    return map(attrgetter(*plan.names), values) if kind is plan.python else None


def _rows(flat: Flat, size: int, step: int) -> struct.Struct:
    if step == size:
        return flat.packer
    return struct.Struct(f"{flat.layout}{step - flat.end}x")


def cast(plan: Plan, view: memoryview, count: int, step: int) -> memoryview | None:
    """Show numbers of this machine's byte order where they lie; None for everything else."""
    if not isinstance(plan, Number | Real) or plan.order != sys.byteorder or plan.code == "e":
        return None
    if step % plan.size:
        return None
    numbers: memoryview = view.cast(plan.code)  # type: ignore[call-overload]
    return numbers[:: step // plan.size]


class Lazy(Sequence[Value]):
    """Values in a buffer, each read when it is asked for. Slices show the same buffer."""

    __slots__ = ("_places", "_plan", "_step", "_view")

    def __init__(self, plan: Plan, view: memoryview, count: int, step: int) -> None:
        self._plan = plan
        self._view = view
        self._step = step
        self._places = range(count)

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, index: int) -> Value: ...
    @overload
    def __getitem__(self, index: slice) -> Lazy: ...
    def __getitem__(self, index: int | slice) -> Value | Lazy:
        """Read one value, or show some."""
        if isinstance(index, slice):
            part = Lazy(self._plan, self._view, 0, self._step)
            part._places = self._places[index]
            return part
        at = self._places[index] * self._step
        return self._plan.read(self._view[at : at + self._step], 0)

    def __repr__(self) -> str:
        return f"<{len(self)} values of {self._plan.size} bytes>"
