"""Codecs of Python classes: dataclasses, ctypes classes, internet addresses, and plain names.

    codec_from("u32")            # Codec[int]
    codec_from(Key)              # Codec[Key]: a dataclass annotated as ctype.py shows
    codec_from(IPv4Network)      # the key of a longest-prefix-match map

The layout is that of C: each member at the next multiple of its alignment, the size a multiple of
the largest; with ``packed``, or a class attribute ``__packed__ = True``, nothing is aligned. An
IPv6 address is aligned like ``struct in6_addr``. `Codec.btf` has the same type for the kernel.
"""

from __future__ import annotations

import ctypes
import dataclasses
import enum
import ipaddress
import typing
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, TypeVar, overload

from ..btf.types import Enum, Enumerator, Member, Struct
from ..errors import DecodeError
from .addresses import AddressPlan, NetworkKey
from .arrays import Chars, Items, Listed, Numbers, Text
from .codec import Codec, Value
from .ctype import BOOL, SCALARS, FloatName, IntName, Scalar
from .enums import named
from .from_ctypes import ctypes_layout, is_ctypes
from .members import Field, Members
from .plans import Plan
from .scalars import Bool, Number, Real, integer, integer_range, real
from .typelist import TypeList, is_c_name

T = TypeVar("T")
_MAX_DEPTH = 32


@overload
def codec_from(of: IntName) -> Codec[int]: ...
@overload
def codec_from(of: FloatName) -> Codec[float]: ...
@overload
def codec_from(of: typing.Literal["bool"]) -> Codec[bool]: ...
@overload
def codec_from(of: type[ctypes._SimpleCData[T]]) -> Codec[T]: ...
@overload
def codec_from(of: type[ctypes.Array[ctypes.c_char]]) -> Codec[bytes]: ...
@overload
def codec_from(of: type[ctypes.Array[typing.Any]]) -> Codec[Value]: ...
@overload
def codec_from(of: type[T], *, packed: bool = False) -> Codec[T]: ...
def codec_from(of: object, *, packed: bool = False) -> Codec[typing.Any]:
    """Make the codec of a class or name.

    Raises DecodeError, with the field, when it does not say what it is in C.
    """
    types = TypeList()
    made = _Maker(types, packed).layout(of, "", 0)
    return Codec(made.plan, types.btf(), made.type_id)


@dataclass(frozen=True, slots=True)
class Layout:
    """A type: how its values are read, its alignment in bytes, and its id in the list."""

    plan: Plan
    align: int
    type_id: int


class _Maker:
    """Lays types out; ``packed`` is for the outermost class."""

    def __init__(self, types: TypeList, packed: bool) -> None:
        self._types = types
        self._packed = packed
        self._made: dict[type, Layout] = {}

    def layout(self, hint: object, name: str, depth: int) -> Layout:
        """Lay out what an annotation means; ``name`` is the field's path."""
        if depth > _MAX_DEPTH:
            raise DecodeError(f"classes are nested deeper than {_MAX_DEPTH}", name)
        if typing.get_origin(hint) is Annotated:
            base, *notes = typing.get_args(hint)
            return self._annotated(base, notes, name, depth)
        if isinstance(hint, str):
            return self._scalar(_scalar_of(hint, name))
        if hint is bool:
            return self._scalar(BOOL)
        if typing.get_origin(hint) is tuple:
            return self._tuple(hint, name, depth)
        if isinstance(hint, type):
            return self._class(hint, name, depth)
        raise DecodeError(f"{hint!r} does not say what it is in C", name)

    def _class(self, hint: type, name: str, depth: int) -> Layout:
        made = self._made.get(hint)
        if made is not None:
            return made
        if dataclasses.is_dataclass(hint):
            made = self._dataclass(hint, name, depth)
        elif is_ctypes(hint):
            made = Layout(*ctypes_layout(hint, self._types, name))
        elif hint in _INTERNET:
            made = _INTERNET[hint](self._types)
        else:
            raise DecodeError(f"{hint.__name__} does not say what it is in C{_hint(hint)}", name)
        self._made[hint] = made
        return made

    def _annotated(self, base: object, notes: list[object], name: str, depth: int) -> Layout:
        note = notes[0] if len(notes) == 1 else None
        if isinstance(note, str):
            note = _scalar_of(note, name)
        elif typing.get_origin(note) is Annotated:
            note = typing.get_args(note)[1]
        if isinstance(note, Scalar):
            if isinstance(base, type) and issubclass(base, enum.IntEnum | enum.IntFlag):
                return self._constants(base, note, name)
            if base in (int, float, bool):
                return self._scalar(note)
        elif isinstance(note, int) and note > 0:
            return self._counted(base, note, name, depth)
        shown = ", ".join(map(repr, notes))
        raise DecodeError(f"Annotated[{base!r}, {shown}] does not say what it is in C", name)

    def _counted(self, base: object, count: int, name: str, depth: int) -> Layout:
        """Lay out bytes, text or elements, ``count`` of them."""
        if base in (bytes, str):
            plan = Chars(count) if base is bytes else Text(count)
            return Layout(plan, 1, self._types.array(self._types.char(), count))
        origin, args = typing.get_origin(base), typing.get_args(base)
        if origin is tuple and len(args) == 2 and args[1] is Ellipsis:
            return self._array(args[0], count, name, depth)
        if origin is list:
            made = self._array(args[0], count, name, depth)
            return dataclasses.replace(made, plan=Listed(made.plan))
        raise DecodeError(f"{base!r} has no length; bytes, str, tuple[x, ...] and list[x] do", name)

    def _tuple(self, hint: object, name: str, depth: int) -> Layout:
        args = typing.get_args(hint)
        if not args or any(arg != args[0] for arg in args):
            advice = "write Annotated[tuple[x, ...], length] or a tuple of one type"
            raise DecodeError(f"{hint!r} is no array; {advice}", name)
        return self._array(args[0], len(args), name, depth)

    def _array(self, element: object, count: int, name: str, depth: int) -> Layout:
        item = self.layout(element, f"{name}[0]", depth + 1)
        type_id = self._types.array(item.type_id, count)
        if isinstance(item.plan, Number | Real):
            return Layout(Numbers(item.plan, count), item.align, type_id)
        return Layout(Items(item.plan, count), item.align, type_id)

    def _scalar(self, found: Scalar) -> Layout:
        number = integer(found.size, signed=found.kind == "signed", order=found.order)
        plan: Plan | None = number
        if found.kind == "bool":
            plan = Bool(number)
        elif found.kind == "float":
            plan = real(found.size, found.order)
        assert plan is not None
        return Layout(plan, found.size, self._types.scalar(found))

    def _constants(
        self, made: type[enum.IntEnum] | type[enum.IntFlag], found: Scalar, name: str
    ) -> Layout:
        if found.kind not in ("signed", "unsigned"):
            raise DecodeError(f"{found.name} is no width of {made.__name__}", name)
        low, high = integer_range(8 * found.size, signed=found.kind == "signed")
        values = {n: int(v) for n, v in made.__members__.items()}
        wrong = next((n for n, v in values.items() if not low <= v <= high), None)
        if wrong is not None:
            message = f"{made.__name__}.{wrong} does not fit {found.name}, {low} to {high}"
            raise DecodeError(message, name)
        number = integer(found.size, signed=found.kind == "signed", order=found.order)
        type_id = self._types.scalar(found)
        # Other enumerations are integers in BTF: kernels before v6.0 know no sign and no 64 bits.
        if found.name == "u32" and is_c_name(made.__name__) and all(map(is_c_name, values)):
            listed = tuple(Enumerator(n, v) for n, v in values.items())
            type_id = self._types.add(Enum(made.__name__, found.size, listed))
        return Layout(named(number, made), found.size, type_id)

    def _dataclass(self, made: type, name: str, depth: int) -> Layout:
        packed = bool(getattr(made, "__packed__", False)) or (self._packed and not depth)
        at, largest = 0, 1
        fields: list[Field] = []
        members: list[Member] = []
        for member, hint in _hints(made, name).items():
            path = f"{name}.{member}" if name else member
            if not is_c_name(member):
                raise DecodeError("this is no name of a member in C", path)
            found = self.layout(hint, path, depth + 1)
            align = 1 if packed else found.align
            at = -(-at // align) * align
            largest = max(largest, align)
            fields.append(Field(member, at, found.plan))
            members.append(Member(member, found.type_id, 8 * at))
            at += found.plan.size
        if not fields:
            raise DecodeError(f"{made.__name__} has no fields", name)
        size = -(-at // largest) * largest
        c_name = made.__name__ if is_c_name(made.__name__) else ""
        type_id = self._types.add(Struct(c_name, size, tuple(members)))
        order = BOOL.order
        plan = Members(made.__name__, size, tuple(fields), order, _constructor(made), made)
        return Layout(plan, largest, type_id)


def _hints(made: type, name: str) -> dict[str, object]:
    """Return the annotations of a dataclass's fields, resolved."""
    try:
        hints = typing.get_type_hints(made, include_extras=True)
    except Exception as error:
        advice = "names in annotations have to be known in the class's module"
        raise DecodeError(f"{made.__name__}: {error}; {advice}", name) from error
    for f in dataclasses.fields(made):
        if not f.init:
            raise DecodeError("a field that the class does not take (init=False)", f.name)
    return {f.name: hints[f.name] for f in dataclasses.fields(made)}


def _constructor(made: type) -> Callable[[typing.Iterable[Value]], Value]:
    """Return what makes an instance of a dataclass out of its values in order."""
    fields = dataclasses.fields(made)
    names = [f.name for f in fields] if any(f.kw_only for f in fields) else None

    def construct(values: typing.Iterable[Value]) -> Value:
        try:
            if names is None:
                return made(*values)
            return made(**dict(zip(names, values, strict=True)))
        except Exception as error:
            raise DecodeError(f"{made.__name__} refuses the values: {error}") from error

    return construct


def _scalar_of(name: str, path: str) -> Scalar:
    found = SCALARS.get(name)
    if found is None:
        raise DecodeError(f"there is no type '{name}'; there are {', '.join(SCALARS)}", path)
    return found


def _hint(hint: type) -> str:
    if hint is int:
        return "; annotate it with u8 to u64, s8 to s64 or be16 to be64"
    if hint is float:
        return "; annotate it with f32 or f64"
    if hint in (bytes, str):
        return f"; write Annotated[{hint.__name__}, length]"
    if issubclass(hint, enum.IntEnum | enum.IntFlag):
        return f"; write Annotated[{hint.__name__}, u32] or whatever width it has"
    return ""


def _address(size: int, types: TypeList) -> Layout:
    if size == 4:
        return Layout(AddressPlan(4), 4, types.scalar(SCALARS["be32"]))
    words = types.array(types.scalar(SCALARS["be32"]), 4)
    return Layout(
        AddressPlan(16), 4, types.add(Struct("in6_addr", 16, (Member("addr", words, 0),)))
    )


def _network(size: int, types: TypeList) -> Layout:
    data = types.array(types.integer(1, signed=False), size)
    prefix = Member("prefixlen", types.integer(4, signed=False), 0)
    key = Struct(f"lpm_key_{size}", 4 + size, (prefix, Member("data", data, 32)))
    return Layout(NetworkKey(size, BOOL.order), 4, types.add(key))


_INTERNET: dict[type, Callable[[TypeList], Layout]] = {
    ipaddress.IPv4Address: partial(_address, 4),
    ipaddress.IPv6Address: partial(_address, 16),
    ipaddress.IPv4Network: partial(_network, 4),
    ipaddress.IPv6Network: partial(_network, 16),
}
