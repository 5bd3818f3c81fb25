"""Type graphs that BTF can hold: every reference is to a type of the graph or to void."""

from __future__ import annotations

from hypothesis import strategies as st

from bpfkit.btf.types import (
    Array,
    Const,
    Datasec,
    DeclTag,
    Enum,
    Enum64,
    Enumerator,
    Float,
    Func,
    FuncProto,
    Fwd,
    Int,
    Member,
    Param,
    Ptr,
    Restrict,
    SecVar,
    Struct,
    Type,
    Typedef,
    TypeTag,
    Union,
    Var,
    Volatile,
)

names = st.text("abcdefgh_0123456789ß", max_size=6)
u32 = st.integers(0, 2**32 - 1)


def _ints(refs: st.SearchStrategy[int]) -> st.SearchStrategy[Type]:
    return st.sampled_from([1, 2, 4, 8, 16]).flatmap(
        lambda size: st.builds(
            Int,
            names,
            st.just(size),
            st.integers(0, 8 * size),
            st.booleans(),
            st.booleans(),
            st.booleans(),
        )
    )


def _records(
    kind: type[Struct] | type[Union], refs: st.SearchStrategy[int]
) -> st.SearchStrategy[Type]:
    plain = st.builds(Member, names, refs, u32)
    bits = st.builds(Member, names, refs, st.integers(0, 2**24 - 1), st.integers(1, 255))
    small = st.builds(Member, names, refs, st.integers(0, 2**24 - 1))
    members = st.lists(plain, max_size=5) | st.lists(bits | small, max_size=5)
    return st.builds(kind, names, u32, members.map(tuple))


def _enums(wide: bool) -> st.SearchStrategy[Type]:
    width = 64 if wide else 32
    kind = Enum64 if wide else Enum

    def of(signed: bool) -> st.SearchStrategy[Type]:
        low = -(2 ** (width - 1)) if signed else 0
        values = st.builds(Enumerator, names, st.integers(low, low + 2**width - 1))
        return st.builds(
            kind,
            names,
            st.sampled_from([1, 2, 4, 8]),
            st.lists(values, max_size=5).map(tuple),
            st.just(signed),
        )

    return st.booleans().flatmap(of)


def any_type(refs: st.SearchStrategy[int]) -> st.SearchStrategy[Type]:
    """One type whose references come from ``refs``."""
    params = st.lists(st.builds(Param, names, refs), max_size=4).map(tuple)
    variables = st.lists(st.builds(SecVar, refs, u32, u32), max_size=4).map(tuple)
    return st.one_of(
        _ints(refs),
        st.builds(Ptr, refs),
        st.builds(Array, refs, refs, u32),
        _records(Struct, refs),
        _records(Union, refs),
        _enums(wide=False),
        _enums(wide=True),
        st.builds(Fwd, names, st.booleans()),
        st.builds(Typedef, names, refs),
        st.builds(Volatile, refs),
        st.builds(Const, refs),
        st.builds(Restrict, refs),
        st.builds(Func, names, refs, st.integers(0, 2)),
        st.builds(FuncProto, refs, params),
        st.builds(Var, names, refs, st.integers(0, 2)),
        st.builds(Datasec, names, u32, variables),
        st.builds(Float, names, st.sampled_from([2, 4, 8, 12, 16])),
        st.builds(DeclTag, names, refs, st.integers(-1, 100), st.booleans()),
        st.builds(TypeTag, names, refs, st.booleans()),
    )


def graphs(max_size: int = 8) -> st.SearchStrategy[list[Type]]:
    """Lists of types, the first of which is type 1."""
    return st.integers(0, max_size).flatmap(
        lambda size: st.lists(any_type(st.integers(0, size)), min_size=size, max_size=size)
    )
