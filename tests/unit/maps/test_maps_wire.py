"""Keys and values between Python and bytes."""

from __future__ import annotations

import ctypes
import struct
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpfkit.btf.decode import decode
from bpfkit.codec.codec import codec_of
from bpfkit.codec.ctype import u8, u32
from bpfkit.codec.from_class import codec_from
from bpfkit.errors import DecodeError, EncodeError
from bpfkit.maps.types import told_types, wire_from, wire_of
from bpfkit.maps.wire import Bytes, Numbers, PerCpu, from_memory, in_place
from bpfkit.system import System
from tests.fakes.syscalls import FakeSyscalls
from tests.fakes.system import fake_system


@dataclass(frozen=True)
class Pair:
    a: u8
    b: u32


@pytest.mark.parametrize("code", "bBhHiIqQ")
@given(data=st.data())
def test_numbers_come_back(code: str, data: st.DataObject) -> None:
    wire = Numbers(code)
    bits = 8 * wire.size
    low, high = (0, (1 << bits) - 1) if code.isupper() else (-(1 << bits - 1), (1 << bits - 1) - 1)
    values = data.draw(st.lists(st.integers(low, high)))
    many = wire.encode_many(values)
    assert many == b"".join(map(wire.encode, values))
    assert list(wire.decode_many(many)) == values
    assert [wire.decode(wire.encode(value)) for value in values] == values
    for wrong in (low - 1, high + 1, "1", None):
        with pytest.raises(EncodeError, match="does not fit"):
            wire.encode(wrong)  # type: ignore[arg-type]
        with pytest.raises(EncodeError, match="does not fit"):
            wire.encode_many([*values, wrong])  # type: ignore[list-item]


def test_a_float_that_is_none_is_told() -> None:
    with pytest.raises(EncodeError, match="a number of 8 bytes"):
        Numbers("d").encode("x")  # type: ignore[arg-type]
    with pytest.raises(EncodeError, match="a number of 4 bytes"):
        Numbers("f").encode(1e300)


@pytest.mark.parametrize("wrong", [b"abc", b"abcde", 4, "abcd", None])
def test_bytes_are_exactly_as_many(wrong: object) -> None:
    wire = Bytes(4)
    assert wire.decode_many(wire.encode_many([b"abcd", bytearray(b"efgh")])) == [b"abcd", b"efgh"]
    with pytest.raises(EncodeError, match="exactly 4 bytes"):
        wire.encode(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("code", ["Q", "I", "B"])
def test_values_of_all_cpus_are_split_and_joined(code: str) -> None:
    wire = PerCpu(Numbers(code), 3)
    values = [[1, 2, 3], [4, 5, 255]]
    data = wire.encode_many(values)
    assert len(data) == 2 * wire.size == 2 * 3 * 8
    assert list(wire.decode_many(data)) == values
    assert wire.decode(wire.encode(values[0])) == values[0]
    assert wire.decode_one(wire.encode_one(7)) == 7
    for wrong in ([1, 2], [1, 2, 3, 4], 5):
        with pytest.raises(EncodeError, match="3 values"):
            wire.encode(wrong)  # type: ignore[arg-type]


def test_records_come_back_in_any_number() -> None:
    wire = wire_of(Pair)
    values = [Pair(i & 0xFF, i) for i in range(1000)]
    assert list(wire.decode_many(wire.encode_many(values))) == values
    assert list(wire.decode_many(b"")) == []


def test_a_value_is_converted_in_place() -> None:
    for wire, value in (
        (Numbers("Q"), 2**64 - 1),
        (Bytes(8), b"abcdefgh"),
        (wire_of(Pair), Pair(1, 2)),
    ):
        buffer = (ctypes.c_char * wire.size)()
        in_place(wire)(buffer, 0, value)
        assert buffer.raw == wire.encode(value)
        assert from_memory(wire)(buffer) == value
    with pytest.raises(struct.error):
        in_place(Numbers("B"))(bytearray(1), 0, 256)


@pytest.mark.parametrize(
    ("what", "size"),
    [
        pytest.param("u32", 4, id="number"),
        pytest.param("__u64", 8, id="underscores"),
        pytest.param("unsigned long", 8, id="c"),
        pytest.param("be16", 2, id="big endian"),
        pytest.param(16, 16, id="bytes"),
        pytest.param(Pair, 8, id="dataclass"),
        pytest.param(ctypes.c_uint16, 2, id="ctypes"),
        pytest.param(codec_from("s8"), 1, id="codec"),
    ],
)
def test_a_type_is_named_in_many_ways(what: object, size: int) -> None:
    assert wire_of(what).size == size  # type: ignore[arg-type]


def test_numbers_of_the_other_byte_order_are_left_to_the_codec() -> None:
    assert wire_of("be32").encode(1) == b"\0\0\0\1"


def test_what_names_no_type_is_told() -> None:
    with pytest.raises(DecodeError):
        wire_of("u33")


def test_types_that_do_not_fit_the_map_are_bytes() -> None:
    codec = codec_from("u32")
    assert isinstance(wire_from(codec.btf, codec.type_id, 4), Numbers)
    assert isinstance(wire_from(codec.btf, codec.type_id, 8), Bytes)
    assert isinstance(wire_from(codec.btf, 0, 8), Bytes)
    assert isinstance(wire_from(codec.btf, 99, 8), Bytes)
    assert isinstance(wire_from(None, 1, 8), Bytes)


@pytest.fixture
def system(tmp_path: pytest.TempPathFactory) -> System:
    return fake_system(tmp_path)[0]  # type: ignore[arg-type]


def test_the_kernel_is_told_the_types(system: System) -> None:
    calls = system.syscalls
    assert isinstance(calls, FakeSyscalls)
    with told_types(system, "u16", Pair) as named:
        btf = decode(calls.btf[-1])
        assert codec_of(btf, named["key_type_id"]).size == 2
        assert codec_of(btf, named["value_type_id"]).size == 8


def test_a_kernel_that_takes_no_types_gets_none(system: System) -> None:
    calls = system.syscalls
    assert isinstance(calls, FakeSyscalls)
    calls.refuse_btf = lambda data: 22
    with told_types(system, "u16", Pair) as named:
        assert named == {}
    with pytest.raises(OSError, match="BPF_BTF_LOAD"), told_types(system, None, "u8", needed=True):
        pass
