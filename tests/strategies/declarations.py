"""Random C structures, as text, as BTF laid out by our own rules, and values for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

from bpfkit.btf.decode import decode
from bpfkit.btf.encode import encode
from bpfkit.btf.types import (
    Array,
    Btf,
    ByteOrder,
    Enum,
    Enumerator,
    Float,
    Int,
    Member,
    Ptr,
    Struct,
    Type,
    Union,
)
from conformance.fuzz import declarations as c

Draw = Callable[[st.SearchStrategy[Any]], Any]


def picker(draw: Draw) -> Callable[[Sequence[Any]], Any]:
    """Choices made by Hypothesis; the first of several is the simplest."""
    return lambda options: draw(st.sampled_from(list(options)))


@st.composite
def declarations(draw: st.DrawFn) -> c.Record:
    return c.declare(picker(draw))


@st.composite
def valued(draw: st.DrawFn) -> tuple[c.Record, dict[str, Any]]:
    """A structure and a value of it."""
    record = c.declare(picker(draw))
    return record, c.value_for(picker(draw), record)


def btf_of(record: c.Record, byteorder: ByteOrder = "little") -> tuple[Btf, int]:
    """The BTF of a structure, and its id there."""
    types: list[Type] = []
    found = _add(record, types)
    return decode(encode(types, byteorder=byteorder)), found


def _add(found: c.Type, types: list[Type]) -> int:
    match found:
        case c.Record():
            kind = Union if found.union else Struct
            members = tuple(
                Member(m.name, _add(m.type, types), m.at, m.bits) for m in found.members
            )
            types.append(kind(found.tag, found.size, members))
        case c.Array():
            element = _add(found.element, types)
            types.append(Array(element, 0, found.count))
        case c.Scalar(kind="pointer"):
            types.append(Ptr(0))
        case c.Scalar(kind="float"):
            types.append(Float(found.text, found.size))
        case c.Scalar(kind="enum"):
            values = tuple(Enumerator(*constant) for constant in found.constants)
            name = found.text.removeprefix("enum ")
            types.append(Enum(name, found.size, values, found.signed))
        case c.Scalar():
            bool_ = found.kind == "bool"
            types.append(
                Int(found.text, found.size, 8 * found.size, signed=found.signed, bool_=bool_)
            )
    return len(types)
