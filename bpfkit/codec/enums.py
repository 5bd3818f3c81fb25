"""Python enumerations out of C's: their constants are ints that show their names."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from functools import partial

from ..btf.types import Btf, Enum, Enum64
from ..errors import DecodeError
from .scalars import Named, Number, Wide

Constants = type[enum.IntEnum] | type[enum.IntFlag]


def enum_of(btf: Btf, type_id: int) -> Constants:
    """Make the class of an enumeration; raise DecodeError when the type is none."""
    _, found = btf.resolve(type_id)
    if not isinstance(found, Enum | Enum64):
        raise DecodeError(f"{found.kind} {found.name} is no enumeration")
    return enum_class(found)


def enum_class(found: Enum | Enum64) -> Constants:
    """Make the class: an IntFlag when the values are bits, else an IntEnum.

    Enumerators that Python keeps for itself (``mro``, ``_x_``, ``__x__``) are left out.
    """
    values = {v.name: v.value for v in found.values if _usable(v.name)}
    body: list[tuple[str, int]] = list(values.items())
    name = found.name if found.name.isidentifier() else "Enum"
    made: object = (
        enum.IntFlag(name, body, boundary=enum.KEEP)
        if is_flags(list(values.values()))
        else enum.IntEnum(name, body)
    )
    assert isinstance(made, type)
    return made


def is_flags(values: list[int]) -> bool:
    """Tell whether values are bits: three or more, each another power of two, 0 apart."""
    bits = {value for value in values if value}
    return len(bits) > 2 and all(value > 0 and not value & (value - 1) for value in bits)


def named(number: Number | Wide, made: Constants) -> Named:
    """Make the plan of an integer whose values are constants of a class.

    An IntFlag makes its own sense of bits together; other unknown values stay int.
    """
    members: Mapping[str, int] = made.__members__
    by_value = {int(one): one for one in members.values()}
    values = {name: int(one) for name, one in members.items()}
    other = partial(_combined, made) if issubclass(made, enum.IntFlag) else int
    return Named(number, by_value, values, other)


def _combined(made: type[enum.IntFlag], value: int) -> int:
    try:
        return made(value)
    except ValueError:
        return value  # a class that takes no unknown bits


def _usable(name: str) -> bool:
    kept = name.startswith("_") and name.endswith("_")
    return name.isidentifier() and not kept and name != "mro"
