"""Many values at once: as a loop would read and write them, only faster."""

from __future__ import annotations

import ctypes
import struct
import sys
from array import array
from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bpfkit.codec.bulk import Lazy
from bpfkit.codec.codec import Codec, codec_of
from bpfkit.codec.ctype import be16, f32, u8, u32, u64
from bpfkit.codec.from_class import codec_from
from bpfkit.codec.percpu import PerCpuCodec
from bpfkit.errors import DecodeError, EncodeError
from conformance.fuzz.declarations import Record
from tests.fakes.type_graph import Graph
from tests.strategies.declarations import btf_of, valued


@dataclass
class Row:
    key: u64
    kind: u8
    comm: Annotated[bytes, 6]
    last: u32


@dataclass
class Mixed:
    a: u8
    port: be16
    ok: bool


def row_codec() -> Codec[object]:
    codec = codec_from(Row)
    return codec_of(codec.btf, codec.type_id)


CODECS: dict[str, Codec[Any]] = {
    "u8": codec_from("u8"),
    "s64": codec_from("s64"),
    "be32": codec_from("be32"),
    "u128": codec_from("u128"),
    "f64": codec_from("f64"),
    "f32": codec_from("f32"),
    "row": row_codec(),
    "dataclass": codec_from(Row),
    "mixed": codec_from(Mixed),
    "text": codec_from(ctypes.c_char * 5),
}


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize("gap", [0, 1, 8])
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_many_values_are_read_and_written_as_one_by_one(
    name: str, gap: int, data: st.DataObject
) -> None:
    codec = CODECS[name]
    count = data.draw(st.integers(0, 4))
    stride = codec.size * (2 if gap == 8 else 1) + (1 if gap == 1 else 0)
    raw = data.draw(st.binary(min_size=count * stride, max_size=count * stride + 3))
    one_by_one = [codec.decode(raw, i * stride) for i in range(count)]
    many = codec.decode_many(raw, count, stride)
    assert repr(many) == repr(one_by_one)
    assert repr(list(codec.view(raw, count, stride))) == repr(one_by_one)
    expected = b"".join(codec.encode(value).ljust(stride, b"\0") for value in many)
    assert codec.encode_many(iter(many), stride) == expected


@settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=30)
@given(made=valued(), extra=st.integers(0, 9))
def test_any_structure_is_read_and_written_many_times(
    made: tuple[Record, dict[str, Any]], extra: int
) -> None:
    record, value = made
    codec = codec_of(*btf_of(record))
    stride = codec.size + extra
    data = codec.encode_many([value, value], stride)
    assert data == codec.encode(value).ljust(stride, b"\0") * 2
    assert codec.decode_many(data, 2, stride) == [codec.decode(data)] * 2


@pytest.mark.parametrize("kind", ["records", "tuples", "dicts", "instances", "mixture"])
def test_rows_of_every_kind_are_packed(kind: str) -> None:
    codec = row_codec()
    tuples = [(i, i % 256, b"ab", 7) for i in range(5)]
    expected = b"".join(struct.pack("=QB6sxI4x", *row) for row in tuples)
    names = ("key", "kind", "comm", "last")
    dicts = [dict(zip(names, row, strict=True)) for row in tuples]
    rows: dict[str, list[Any]] = {
        "records": codec.decode_many(expected, 5),
        "tuples": tuples,
        "dicts": dicts,
        "instances": [Row(*row) for row in tuples],
        "mixture": [tuples[0], dicts[1], Row(*tuples[2]), list(tuples[3]), expected[96:]],
    }
    assert codec.encode_many(rows[kind]) == expected
    assert codec_from(Row).encode_many(rows[kind]) == expected
    assert codec.encode_many([]) == b""


@pytest.mark.parametrize(
    ("values", "field"),
    [
        pytest.param([(1, 2, b"ab", 3), (1, 256, b"ab", 3)], "[1].kind", id="tuple"),
        pytest.param([(1, 2, b"ab", 3), (1, 2, b"1234567", 3)], "[1].comm", id="too-long"),
        pytest.param([{"key": 1, "kind": 2, "comm": b"", "last": -1}], "[0].last", id="dict"),
        pytest.param([{"key": 1, "kind": 2, "comm": b"", "lust": -1}], "[0]", id="unknown"),
        pytest.param([Row(1, 2, b"ab", 3), Row(1, -2, b"ab", 3)], "[1].kind", id="instance"),
        pytest.param([(1, 2, b"ab", 3, 4)], "[0]", id="too-many"),
        pytest.param(["abcd"], "[0]", id="text"),
        pytest.param([None], "[0]", id="none"),
    ],
)
def test_the_row_and_field_that_do_not_fit_are_named(values: list[Any], field: str) -> None:
    with pytest.raises(EncodeError) as caught:
        row_codec().encode_many(values)
    assert caught.value.field == field


def test_numbers_that_do_not_fit_are_named_by_place() -> None:
    for values in ([1, 2, 256], [1, 2, -1], [1, 2, "3"], [1, 2, None], [1, 2, 1.0]):
        with pytest.raises(EncodeError) as caught:
            codec_from("u8").encode_many(values)  # type: ignore[arg-type]
        assert caught.value.field == "[2]"
    with pytest.raises(EncodeError):
        codec_from("f32").encode_many([1.0, 1e300])


def test_numbers_are_shown_where_they_lie() -> None:
    memory = bytearray(array("Q", [1, 2, 3]).tobytes())
    shown = codec_from("u64").view(memory, 3)
    assert isinstance(shown, memoryview)
    struct.pack_into("=Q", memory, 8, 99)
    assert list(shown) == [1, 99, 3]
    halves = codec_from("u32").view(memory, 3, 8)
    assert isinstance(halves, memoryview)
    assert list(halves) == [1, 99, 3]


def test_records_are_shown_lazily_and_slices_share_the_memory() -> None:
    codec = row_codec()
    memory = bytearray(codec.encode_many([(i, 0, b"", 0) for i in range(4)]))
    shown = codec.view(memory, 4)
    assert isinstance(shown, Lazy)
    part = shown[3:0:-2]
    assert isinstance(part, Lazy)
    memory[3 * codec.size] = 77
    assert [row.key for row in part] == [77, 1]  # type: ignore[attr-defined]
    assert len(shown) == 4
    assert shown[-1] == part[0]
    assert repr(part) == "<2 values of 24 bytes>"
    with pytest.raises(IndexError):
        part[2]


def test_sizes_that_cannot_be_are_refused() -> None:
    codec = codec_from("u64")
    for count, stride in ((3, 8), (-1, 8), (1, 17)):
        with pytest.raises(DecodeError):
            codec.decode_many(bytes(16), count, stride)
    with pytest.raises(DecodeError, match="stride of 4 bytes for values of 8"):
        codec.view(bytes(16), 1, 4)
    with pytest.raises(DecodeError, match="stride"):
        codec.encode_many([1], 4)


def test_buffers_of_every_kind_are_read() -> None:
    codec = codec_from("u32")
    words = array("I", [1, 2])
    for data in (words.tobytes(), bytearray(words.tobytes()), memoryview(words)):
        assert codec.decode_many(data, 2) == [1, 2]
    assert codec.decode_many(memoryview((ctypes.c_uint32 * 2)(1, 2)), 2) == [1, 2]
    assert codec.decode(memoryview(array("I", [1, 9, 2, 9]))[::2]) == 1


def test_per_cpu_values_are_padded_to_eight_bytes() -> None:
    codec = PerCpuCodec(codec_from("u32"), 3)
    assert (codec.size, codec.stride) == (24, 8)
    data = codec.encode([1, 2, 3])
    assert data == struct.pack("=I4xI4xI4x", 1, 2, 3)
    assert codec.decode(data) == [1, 2, 3]
    assert codec.decode(b"x" + data, 1) == [1, 2, 3]
    assert codec.encode_all(5) == struct.pack("=I4xI4xI4x", 5, 5, 5)
    assert codec.decode_many(data * 2, 2) == [[1, 2, 3], [1, 2, 3]]
    rows = PerCpuCodec(codec_from(Mixed), 2)
    assert rows.decode(rows.encode([Mixed(1, 2, True), Mixed(3, 4, False)]))[1].port == 4
    with pytest.raises(EncodeError, match="3 values, one for each possible CPU; it has 2"):
        codec.encode([1, 2])
    for offset in (-1, 1):
        with pytest.raises(DecodeError):
            codec.decode(data, offset)


def test_both_byte_orders_are_packed() -> None:
    g = Graph()
    codec = codec_of(g.btf("big"), g.u32)
    assert codec.encode_many([1, 2]) == struct.pack(">II", 1, 2)
    assert codec.decode_many(struct.pack(">II", 1, 2), 2) == [1, 2]
    shown = codec.view(struct.pack(">II", 1, 2), 2)
    assert isinstance(shown, memoryview if sys.byteorder == "big" else Lazy)


def test_floats_are_rounded_as_one_by_one() -> None:
    assert f32 is not None
    values = [0.1, 2, -3.5]
    codec = codec_from("f32")
    assert codec.encode_many(values) == struct.pack("=3f", *values)
