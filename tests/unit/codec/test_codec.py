from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpfkit.btf.types import Enum, Enumerator, Float, Int, Typedef
from bpfkit.codec.codec import Codec, Record, as_dict, codec_of
from bpfkit.errors import DecodeError
from tests.fakes.type_graph import Graph


def event() -> Codec[object]:
    g = Graph()
    kind = g.add(Enum("kind", 4, (Enumerator("A", 1),)))
    wide = g.add(Int("__int128", 16, 128, signed=True))
    flag = g.add(Int("_Bool", 1, 8, bool_=True))
    real = g.add(Float("double", 8))
    inner = g.struct("", 8, ("x", g.u32, 0), ("y", g.int, 32))
    both = g.union("", 8, ("whole", g.u64, 0), ("low", g.u32, 0))
    point = g.struct("point", 8, ("x", g.int, 0), ("y", g.int, 32))
    outer = g.struct(
        "event",
        112,
        ("pid", g.add(Typedef("pid_t", g.int)), 0),
        ("kind", kind, 32),
        ("comm", g.array(g.char, 8), 64),
        ("wide", wide, 128),
        ("flag", flag, 256),
        ("bits", g.u32, 264, 5),
        ("neg", g.int, 269, 4),
        ("", inner, 320),
        ("", both, 384),
        ("path", g.array(point, 2), 448),
        ("real", real, 576),
        ("ptr", g.ptr(0), 640),
    )
    return codec_of(g.btf(), outer)


VALUE = {
    "pid": -7,
    "kind": 1,
    "comm": b"bash\0\0\0\0",
    "wide": -(1 << 100),
    "flag": True,
    "bits": 21,
    "neg": -8,
    "x": 5,
    "y": -6,
    "whole": 0x1122334455667788,
    "low": 0x55667788,
    "path": ({"x": 1, "y": 2}, {"x": 3, "y": -4}),
    "real": 1.5,
    "ptr": 0xFFFF888000000000,
}


def test_encode_then_decode_is_identity_for_every_kind_of_member() -> None:
    codec = event()
    record = codec.decode(codec.encode(VALUE))
    assert isinstance(record, Record)
    assert record == VALUE
    assert record["comm"] == b"bash\0\0\0\0"
    assert record.path == VALUE["path"]
    assert list(as_dict(record)) == list(VALUE)
    assert record == tuple(VALUE.values())


def test_members_left_out_are_zero_and_sequences_fill_in_order() -> None:
    codec = event()
    assert codec.encode({}) == bytes(112)
    assert codec.encode([-7, 1]) == struct.pack("<ii", -7, 1) + bytes(104)


@pytest.mark.parametrize(
    ("value", "field"),
    [
        pytest.param({"pid": 1 << 31}, "pid", id="number"),
        pytest.param({"bits": 32}, "bits", id="bit-field"),
        pytest.param({"comm": b"123456789"}, "comm", id="text"),
        pytest.param({"path": [{"x": 1}, {"y": "no"}]}, "path[1].y", id="nested"),
        pytest.param({"path": [{}, {}, {}]}, "path", id="array"),
        pytest.param({"nonsense": 1}, "", id="unknown-member"),
        pytest.param(3, "", id="no-record"),
    ],
)
def test_a_value_that_does_not_fit_names_its_field(value: object, field: str) -> None:
    with pytest.raises(DecodeError) as error:
        event().encode(value)
    assert error.value.field == field


def test_short_data_is_an_error_and_long_data_is_not() -> None:
    codec = event()
    data = codec.encode(VALUE)
    for end in range(len(data)):
        with pytest.raises(DecodeError):
            codec.decode(data[:end])
    assert codec.decode(data + b"rest") == VALUE
    assert codec.decode(b"12" + data, 2) == VALUE


@pytest.mark.parametrize("order", ["little", "big"])
@settings(deadline=None)
@given(value=st.integers(-(2**31), 2**31 - 1), bits=st.integers(-8, 7))
def test_both_byte_orders_agree_with_the_struct_module(order: str, value: int, bits: int) -> None:
    g = Graph()
    s = g.struct("s", 8, ("n", g.int, 0), ("b", g.int, 32, 4))
    codec = codec_of(g.btf("little" if order == "little" else "big"), s)
    data = codec.encode({"n": value, "b": bits})
    assert data[:4] == struct.pack("<i" if order == "little" else ">i", value)
    assert data[4] == (bits & 15) << (0 if order == "little" else 4)
    assert codec.decode(data) == {"n": value, "b": bits}


def test_plain_values_are_plain_python() -> None:
    g = Graph()
    btf = g.btf()
    assert codec_of(btf, g.u64).decode(b"\1" + bytes(7)) == 1
    assert codec_of(btf, g.char).decode(b"\xff") == -1
