"""The plan of a structure or union: members at their offsets, in one call where struct can."""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from operator import itemgetter

from ..btf.types import ByteOrder
from ..errors import DecodeError, EncodeError
from .arrays import Chars
from .plans import Data, Plan, Value
from .record import Record, as_dict, record_class
from .scalars import MARKS, Bool, Number, Real

Make = Callable[[Iterable[Value]], Value]
"""Makes the Python value of a record out of the values of its members."""


@dataclass(frozen=True, slots=True)
class Field:
    """A member: its plan at ``offset`` bytes. Those of anonymous records count as the outer's."""

    name: str
    offset: int
    plan: Plan

    @property
    def end(self) -> int:
        """Offset of the byte behind the member."""
        return self.offset + self.plan.size


@dataclass(frozen=True, slots=True)
class Flat:
    """Members that one format of the struct module says: ``layout``, ``end`` bytes long."""

    layout: str
    end: int
    packer: struct.Struct
    """For the whole record, the padding behind the last member included."""
    packs: bool
    """Whether writing takes it too: struct takes anything for a bool."""
    gaps: bool
    """Whether bytes belong to no member."""
    chars: tuple[tuple[int, int], ...]
    """(index, size) of each char array: struct cuts what is too long."""

    def fits(self, values: Sequence[Value]) -> bool:
        """Tell whether all texts have room. Raises TypeError when one is no text at all."""
        for i, size in self.chars:  # noqa: SIM110 - a generator takes twice as long
            if len(values[i]) > size:  # type: ignore[arg-type]
                return False
        return True

    def all_fit(self, rows: Sequence[Sequence[Value]]) -> bool:
        """Tell whether all texts of all rows have room."""
        texts = ((map(itemgetter(i), rows), size) for i, size in self.chars)
        return all(max(map(len, column)) <= size for column, size in texts)


@dataclass(frozen=True, slots=True)
class Members:
    """A structure or union of ``size`` bytes; ``make`` builds its Python value."""

    what: str
    size: int
    fields: tuple[Field, ...]
    order: ByteOrder
    make: Make
    python: type
    """The class of the values that ``make`` makes."""
    names: tuple[str, ...] = field(init=False)
    flat: Flat | None = field(init=False, repr=False)
    exact: bool = field(init=False)
    _single: tuple[Field, ...] = field(init=False, repr=False)
    _shared: tuple[Field, ...] = field(init=False, repr=False)
    """Members that overlap others; those that hold all bits best come last."""

    def __post_init__(self) -> None:
        single, shared = _parted(self.fields)
        # Of equal ones the first is C's own choice, so it is written last.
        shared.reverse()
        shared.sort(key=lambda f: (f.plan.exact, f.plan.size))
        covered = sum(f.plan.size for f in self.fields) == self.size and not shared
        whole = bool(shared) and shared[-1].plan.exact and shared[-1].plan.size == self.size
        exact = whole or (covered and all(f.plan.exact for f in self.fields))
        found = None if shared else _flat(self.fields, self.size, self.order)
        values = {
            "names": tuple(f.name for f in self.fields),
            "flat": found,
            "exact": exact,
            "_single": tuple(single),
            "_shared": tuple(shared),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def read(self, data: Data, at: int) -> Value:
        """Return what ``make`` makes of the members."""
        if self.flat is not None:
            return self.make(self.flat.packer.unpack_from(data, at))
        return self.make([f.plan.read(data, at + f.offset) for f in self.fields])

    def write(self, data: bytearray, at: int, value: Value, name: str) -> None:
        """Take a value of the class, a mapping by name, a sequence in order, or all the bytes.

        What is left out is zero. Several members of a union may be given if they agree.
        """
        if self._packed(data, at, value):
            return
        given = self._given(value, name)
        if given is None:
            data[at : at + self.size] = memoryview(value).cast("B")  # type: ignore[arg-type]
            return
        for f in self._single:
            if f.name in given:
                f.plan.write(data, at + f.offset, given[f.name], _path(name, f.name))
        shared = [f for f in self._shared if f.name in given]
        for f in shared:
            f.plan.write(data, at + f.offset, given[f.name], _path(name, f.name))
        if len(shared) > 1:
            self._compare(data, at, given, shared, name)

    def _packed(self, data: bytearray, at: int, value: Value) -> bool:
        """Write a whole tuple by one call; False when it has to be looked at one by one."""
        flat = self.flat
        if flat is None or not flat.packs or not isinstance(value, tuple | dict):
            return False
        if flat.gaps and data.count(0, at, at + self.size) != self.size:
            return False  # a gap, which struct fills, has bytes of another member of a union
        if isinstance(value, Record) and type(value).__names__ != self.names:
            return False
        try:
            values = tuple(value) if isinstance(value, tuple) else self._in_order(value)
            if len(values) != len(self.fields) or not flat.fits(values):
                return False
            flat.packer.pack_into(data, at, *values)
        except (struct.error, OverflowError, TypeError, ValueError, KeyError):
            return False
        return True

    def _in_order(self, value: Mapping[str, Value]) -> tuple[Value, ...]:
        """Return the members of a whole mapping. Raises KeyError when one is missing or unknown."""
        if len(value) != len(self.names):
            raise KeyError
        return tuple([value[name] for name in self.names])

    def _given(self, value: Value, name: str) -> Mapping[str, Value] | None:
        """Return the members by name, None when ``value`` is the record's bytes."""
        match value:
            case Record():
                return self._known(as_dict(value), name)
            case Mapping():
                return self._known(value, name)
            case bytes() | bytearray() | memoryview():
                if memoryview(value).nbytes != self.size:
                    hint = f"it has {memoryview(value).nbytes}"
                    raise EncodeError(value, f"exactly {self.size} bytes", name, hint)
                return None
            case str():
                raise EncodeError(value, f"{self.what}, with {len(self.names)} members", name)
            case Sequence():
                if len(value) > len(self.names):
                    hint = f"it has {len(value)}"
                    accepts = f"up to {len(self.names)} members of {self.what}"
                    raise EncodeError(value, accepts, name, hint)
                return dict(zip(self.names, value, strict=False))
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            named = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
            return self._known(named, name)
        raise EncodeError(value, f"{self.what}, with {len(self.names)} members", name)

    def _known(self, given: Mapping[str, Value], name: str) -> Mapping[str, Value]:
        unknown = next((key for key in given if key not in self.names), None)
        if unknown is not None:
            members = ", ".join(self.names)
            raise EncodeError(given, f"{self.what} has no member {unknown!r:.80}", name, members)
        return given

    def _compare(
        self,
        data: bytearray,
        at: int,
        given: Mapping[str, Value],
        shared: Sequence[Field],
        name: str,
    ) -> None:
        """Check that of the members that overlap each one reads as it was given."""
        for f in shared:
            alone = bytearray(f.plan.size)
            f.plan.write(alone, 0, given[f.name], name)
            wanted = f.plan.read(memoryview(alone), 0)
            found = f.plan.read(memoryview(data)[: at + self.size], at + f.offset)
            # A NaN is not equal to itself, but looks the same.
            if wanted != found and repr(wanted) != repr(found):
                accepts = f"the other members given for the same bytes of {self.what}"
                hint = "give only one of them"
                raise EncodeError(given[f.name], accepts, _path(name, f.name), hint)


def record_members(
    what: str, name: str, size: int, fields: Sequence[Field], order: ByteOrder
) -> Members:
    """Make the plan of a record whose values are of a `Record` class of its own."""
    for f in fields:
        if f.offset < 0 or f.end > size:
            raise DecodeError(f"the member lies outside the {size} bytes of {what}", f.name)
    made = record_class(name, [f.name for f in fields])
    return Members(what, size, tuple(fields), order, partial(tuple.__new__, made), made)


def _path(name: str, member: str) -> str:
    return f"{name}.{member}" if name else member


def _parted(fields: Sequence[Field]) -> tuple[list[Field], list[Field]]:
    """Part the members into those that have their bits alone and those that share them."""
    spans = sorted((*_bits(f), i) for i, f in enumerate(fields) if f.plan.size)
    shared = set()
    end, owner = 0, -1
    for first, behind, i in spans:
        if first < end:
            shared |= {i, owner}
        if behind > end:
            end, owner = behind, i
    # A member inside a longer one is found by that one; the longer one by what comes next.
    return (
        [f for i, f in enumerate(fields) if i not in shared],
        [f for i, f in enumerate(fields) if i in shared],
    )


def _bits(found: Field) -> tuple[int, int]:
    """Return the first bit of a member and the one behind it."""
    plan = found.plan
    inner = getattr(plan, "number", plan)
    shift = getattr(inner, "shift", 0)
    width = getattr(inner, "bits", 8 * plan.size)
    if getattr(inner, "order", "little") == "big" and hasattr(inner, "shift"):
        shift = 8 * plan.size - shift - width
    return 8 * found.offset + shift, 8 * found.offset + shift + width


def _flat(fields: Sequence[Field], size: int, order: ByteOrder) -> Flat | None:
    """Find a struct format for members in order, None when it cannot say what they are."""
    layout, at, packs = MARKS[order], 0, True
    chars = []
    for index, f in enumerate(fields):
        gap = f.offset - at
        match f.plan:
            case Number(code=code, order=other) | Real(code=code, order=other) if other == order:
                pass
            case Bool(number=Number(size=1)):
                code, packs = "?", False
            case Chars():
                code = f"{f.plan.size}s"
                chars.append((index, f.plan.size))
            case _:
                return None
        if gap < 0:
            return None
        layout += (f"{gap}x" if gap else "") + code
        at = f.end
    packer = struct.Struct(f"{layout}{size - at}x")
    gaps = sum(f.plan.size for f in fields) != size
    return Flat(layout, at, packer, packs, gaps, tuple(chars))
