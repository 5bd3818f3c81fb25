from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpfkit.btf.decode import decode
from bpfkit.btf.encode import StringTable, encode
from bpfkit.btf.types import Btf, Int, Ptr, Struct, Type, Typedef
from bpfkit.errors import FormatError
from bpfkit.uapi.btf import BtfKind
from tests.strategies.btf import graphs

INT = Int("int", 4, 32, signed=True)


def all_types(btf: Btf) -> list[Type]:
    return [found for _, found in btf]


@pytest.mark.parametrize("order", ["little", "big"])
@settings(deadline=None)
@given(types=graphs())
def test_encode_then_decode_is_identity(order: str, types: list[Type]) -> None:
    data = encode(types, byteorder="little" if order == "little" else "big")
    btf = decode(data)
    assert all_types(btf) == types
    assert btf.byteorder == order
    assert btf.raw == data


@given(types=graphs(5))
@settings(max_examples=25, deadline=None)
def test_truncation_at_each_byte_gives_an_error_or_a_value(types: list[Type]) -> None:
    data = encode(types)
    for end in range(len(data)):
        with pytest.raises(FormatError):
            all_types(decode(data[:end]))


@settings(deadline=None)
@given(types=graphs(5), at=st.integers(0), value=st.integers(0, 255))
def test_a_changed_byte_gives_an_error_or_a_value(types: list[Type], at: int, value: int) -> None:
    data = bytearray(encode(types))
    data[at % len(data)] = value
    try:
        btf = decode(bytes(data))
    except FormatError:
        return
    for type_id in btf.own_ids():
        try:
            btf.type(type_id)
            btf.resolve(type_id)
            btf.by_name(btf.name(type_id))
        except FormatError:
            continue


@given(st.binary(max_size=200))
def test_arbitrary_bytes_give_an_error_or_a_value(data: bytes) -> None:
    try:
        all_types(decode(data))
    except FormatError:
        return


@settings(deadline=None)
@given(types=graphs())
def test_every_name_is_found_under_its_ids(types: list[Type]) -> None:
    btf = decode(encode(types))
    for type_id, found in btf:
        if found.name:
            assert type_id in btf.by_name(found.name)
            assert type_id in btf.by_name(found.name, {found.kind})
        assert btf.name(type_id) == found.name
        assert btf.kind(type_id) is found.kind
    for name in 30 * [found.name for found in types if found.name]:
        ids = btf.by_name(name)
        assert ids == sorted(i for i, found in btf if found.name == name)


def test_names_that_share_a_tail_are_found() -> None:
    # "int" may be the end of "myint": the offset then points into the other string.
    table = StringTable(b"\0myint\0")
    btf = decode(encode([INT, Typedef("myint", 1)], table))
    shared = bytearray(btf.raw)
    shared[24:28] = (3).to_bytes(4, "little")
    btf = decode(bytes(shared))
    for _ in range(40):  # by search first, then by table
        assert btf.by_name("int") == [1]
        assert btf.by_name("myint") == [2]


def test_names_that_stand_there_twice_are_found() -> None:
    table = StringTable(b"\0int\0int\0")
    twice = bytearray(encode([INT, INT], table))
    twice[24 + 16 : 24 + 20] = (5).to_bytes(4, "little")
    btf = decode(bytes(twice))
    for _ in range(40):
        assert btf.by_name("int") == [1, 2]


def test_enumerators_lead_to_the_lowest_enumeration() -> None:
    from bpfkit.btf.types import Enum, Enumerator

    one = Enum("a", 4, (Enumerator("ONE", 1), Enumerator("TWO", 2)))
    other = Enum("b", 4, (Enumerator("TWO", 2),))
    btf = decode(encode([INT, one, other]))
    assert btf.by_enumerator("TWO") == 2
    assert btf.by_enumerator("THREE") is None


def test_split_btf_continues_ids_and_strings() -> None:
    base = decode(encode([INT, Struct("base", 4, ())]))
    split = decode(encode([Ptr(2), Typedef("base_ptr", 3), Typedef("int", 1)], base=base), base)
    assert split.first_id == 3
    assert split.type(2) == base.type(2)
    assert split.type(4) == Typedef("base_ptr", 3)
    assert split.by_name("int") == [1, 5]
    assert split.by_name("int", {BtfKind.TYPEDEF}) == [5]
    assert [i for i, _ in split] == [3, 4, 5]


def test_a_missing_type_is_an_error_that_says_which() -> None:
    btf = decode(encode([INT]))
    with pytest.raises(FormatError, match="no BTF type 7"):
        btf.type(7)
    with pytest.raises(FormatError, match="referred to but missing"):
        decode(encode([Ptr(9)])).type(1)


def test_a_loop_of_typedefs_is_an_error() -> None:
    btf = decode(encode([Typedef("a", 2), Typedef("b", 1)]))
    with pytest.raises(FormatError, match="typedefs"):
        btf.resolve(1)


def test_an_error_names_the_offset() -> None:
    data = bytearray(encode([INT]))
    data[27 + 4] = 0x7E  # the kind of type 1
    with pytest.raises(FormatError) as error:
        decode(bytes(data))
    assert error.value.offset == 28
