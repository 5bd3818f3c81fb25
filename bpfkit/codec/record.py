"""`Record`: a decoded structure or union, one class for each C type.

A record is a tuple of its members in C's order, hashable as a key has to be, with the members as
attributes and by name:

    record.pid    record["comm"]    pid, comm = record    as_dict(record)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar, NamedTuple, SupportsIndex, overload

from .plans import Value


class _Slots(NamedTuple):
    """Where the attributes of records come from: element readers that work on every tuple."""

    e0: Value
    e1: Value
    e2: Value
    e3: Value
    e4: Value
    e5: Value
    e6: Value
    e7: Value
    e8: Value
    e9: Value
    e10: Value
    e11: Value
    e12: Value
    e13: Value
    e14: Value
    e15: Value


class _Element:
    """An attribute that reads one element, for records with more members than `_Slots`."""

    def __init__(self, index: int) -> None:
        self._index = index

    def __get__(self, record: Record, owner: type[Record]) -> Value:
        return tuple.__getitem__(record, self._index)


_READERS = tuple(vars(_Slots)[name] for name in _Slots._fields)


class Record(tuple[Value, ...]):
    """A decoded structure or union: a tuple with the names of its members.

    Equal to a tuple of the same values, to a record of the same names and values, and to a mapping
    of them. A member called like a method of tuple hides that method; members called like Python's
    own ``__names__`` are only reached by ``record["..."]``.
    """

    __slots__ = ()
    __names__: ClassVar[tuple[str, ...]] = ()
    __places__: ClassVar[Mapping[str, int]] = {}

    @overload
    def __getitem__(self, key: str) -> Value: ...
    @overload
    def __getitem__(self, key: SupportsIndex) -> Value: ...
    @overload
    def __getitem__(self, key: slice) -> tuple[Value, ...]: ...
    def __getitem__(self, key: str | SupportsIndex | slice) -> Value:
        """Return a member by name or place."""
        if isinstance(key, str):
            key = self.__places__[key]
        return tuple.__getitem__(self, key)

    def __getattr__(self, name: str) -> Value:
        raise AttributeError(f"{type(self).__name__} has no member '{name}'")

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Record) and self.__names__ != other.__names__:
            return False
        if isinstance(other, Mapping):
            return as_dict(self) == other
        return tuple.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        equal = self.__eq__(other)
        return equal if equal is NotImplemented else not equal

    __hash__ = tuple.__hash__

    def __repr__(self) -> str:
        pairs = zip(self.__names__, self, strict=True)
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in pairs)})"

    def __reduce__(self) -> tuple[object, ...]:
        return _remake, (type(self).__name__, self.__names__, tuple(self))


def record_class(name: str, names: Sequence[str]) -> type[Record]:
    """Make the class of the records with these members. Its values come as one iterable."""
    body: dict[str, object] = {
        "__slots__": (),
        "__names__": tuple(names),
        "__places__": {member: i for i, member in enumerate(names)},
    }
    for i, member in enumerate(names):
        if not (member.startswith("__") and member.endswith("__")):
            body[member] = _READERS[i] if i < len(_READERS) else _Element(i)
    return type(name if name.isidentifier() else "Record", (Record,), body)


def as_dict(record: Record) -> dict[str, Value]:
    """Return the members by name, in C's order; records inside stay records."""
    return dict(zip(type(record).__names__, tuple.__iter__(record), strict=True))


def _remake(name: str, names: Sequence[str], values: Iterable[Value]) -> Record:
    return record_class(name, names)(values)
