"""Codecs of dataclasses, ctypes classes, addresses and names."""

from __future__ import annotations

import ctypes
import enum
import struct
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpfkit.btf.layout import align_of, size_of
from bpfkit.btf.types import Struct
from bpfkit.codec.codec import Codec, codec_of
from bpfkit.codec.ctype import SCALARS, be16, be32, f32, ptr, s64, s128, u8, u16, u32, u64
from bpfkit.codec.from_class import codec_from
from bpfkit.errors import DecodeError, EncodeError


class State(enum.IntEnum):
    IDLE = 0
    BUSY = 7


class Bits(enum.IntFlag):
    READ = 1
    WRITE = 2
    RUN = 4


@dataclass(frozen=True)
class Point:
    x: s64
    y: u8


@dataclass
class Event:
    pid: u32
    comm: Annotated[bytes, 5]
    name: Annotated[str, 6]
    port: be16
    where: Point
    slots: Annotated[tuple[u16, ...], 3]
    grid: Annotated[list[Annotated[tuple[u8, ...], 2]], 2]
    state: Annotated[State, u8]
    flags: Annotated[Bits, u32]
    ok: bool
    ratio: f32
    wide: s128
    at: ptr
    v4: IPv4Address
    v6: IPv6Address
    pair: tuple[u16, u16]


EVENT = Event(
    pid=7,
    comm=b"bash\0",
    name="grün",
    port=443,
    where=Point(-5, 6),
    slots=(1, 2, 3),
    grid=[(1, 2), (3, 4)],
    state=State.BUSY,
    flags=Bits.READ | Bits.RUN,
    ok=True,
    ratio=0.5,
    wide=-(1 << 100),
    at=0xFFFF888000000000,
    v4=IPv4Address("10.1.2.3"),
    v6=IPv6Address("fe80::1"),
    pair=(8, 9),
)


def offsets(codec: Codec[Any]) -> dict[str, int]:
    found = codec.btf.type(codec.type_id)
    assert isinstance(found, Struct)
    return {m.name: m.bit_offset // 8 for m in found.members}


def test_a_dataclass_is_laid_out_by_cs_rules_and_comes_back_as_itself() -> None:
    codec = codec_from(Event)
    data = codec.encode(EVENT)
    found: Event = codec.decode(data)
    assert found == EVENT
    assert isinstance(found.state, State)
    assert repr(found.flags) == "<Bits.READ|RUN: 5>"
    assert offsets(codec) == {
        **{"pid": 0, "comm": 4, "name": 9, "port": 16, "where": 24, "slots": 40, "grid": 46},
        **{"state": 50, "flags": 52, "ok": 56, "ratio": 60, "wide": 64, "at": 80, "v4": 88},
        **{"v6": 92, "pair": 108},
    }
    assert codec.size == 112
    assert data[16:18] == (443).to_bytes(2, "big")
    assert data[88:92] == bytes([10, 1, 2, 3])
    assert codec.decode_many(data * 2, 2) == [EVENT, EVENT]
    assert codec.encode_many([EVENT, EVENT]) == data * 2


def test_the_btf_of_a_dataclass_says_the_same_bytes() -> None:
    codec = codec_from(Event)
    data = codec.encode(EVENT)
    other = codec_of(codec.btf, codec.type_id)
    assert other.size == codec.size
    assert align_of(codec.btf, codec.type_id) == 16
    assert other.decode(data)["where"] == (-5, 6)  # type: ignore[index]
    assert other.encode(other.decode(data)) == data  # type: ignore[arg-type]


def test_packed_classes_have_no_gaps() -> None:
    assert codec_from(Point).size == 16
    assert codec_from(Point, packed=True).size == 9

    @dataclass
    class Tight:
        __packed__ = True
        a: Annotated[int, "u8"]
        b: Annotated[int, "u64"]

    codec = codec_from(Tight)
    assert codec.encode(Tight(1, 2)) == b"\1\2" + bytes(7)
    assert size_of(codec.btf, codec.type_id) == 9


def test_unknown_constants_stay_int_and_names_are_taken() -> None:
    codec = codec_from(Event)
    data = bytearray(codec.encode(EVENT))
    data[50], data[52] = 99, 0x13
    found = codec.decode(data)
    assert found.state == 99
    assert type(found.state) is int
    assert found.flags == 0x13
    assert codec.encode({"state": "BUSY"})[50] == 7
    with pytest.raises(EncodeError, match="one of IDLE, BUSY"):
        codec.encode({"state": "ASLEEP"})


def test_keyword_only_classes_are_made_too() -> None:
    @dataclass(kw_only=True)
    class Options:
        a: Annotated[int, "u32"]
        b: Annotated[int, "u32"] = 5

    assert codec_from(Options).decode(struct.pack("=II", 1, 2)) == Options(a=1, b=2)


def test_a_class_that_refuses_its_values_is_a_decode_error() -> None:
    @dataclass
    class Picky:
        a: Annotated[int, "u32"]

        def __post_init__(self) -> None:
            if self.a:
                raise ValueError("only zero")

    with pytest.raises(DecodeError, match="Picky refuses the values: only zero"):
        codec_from(Picky).decode(b"\1\0\0\0")


class _NoWidth:
    pass


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        pytest.param(int, "annotate it with u8 to u64", id="int"),
        pytest.param(float, "f32 or f64", id="float"),
        pytest.param(bytes, r"Annotated\[bytes, length\]", id="bytes"),
        pytest.param(State, r"Annotated\[State, u32\]", id="enum"),
        pytest.param(_NoWidth, "_NoWidth does not say", id="other-class"),
        pytest.param(Annotated[int, "u33"], "there is no type 'u33'; there are u8", id="name"),
        pytest.param(Annotated[int, 4], "has no length", id="int-with-length"),
        pytest.param(Annotated[bytes, 0], "does not say", id="no-length"),
        pytest.param(Annotated[bytes, 1, 2], "does not say", id="two-notes"),
        pytest.param(tuple[u8, u16], "a tuple of one type", id="mixed-tuple"),
        pytest.param(tuple[u8, ...], "a tuple of one type", id="endless-tuple"),
        pytest.param(Annotated[State, f32], "f32 is no width of State", id="enum-width"),
        pytest.param(ctypes.c_char_p, "use c_void_p", id="c_char_p"),
        pytest.param(ctypes.py_object, "use c_void_p", id="py_object"),
    ],
)
def test_what_says_no_layout_names_the_field_and_what_to_write(
    annotation: object, message: str
) -> None:
    made: type[Any] = dataclass(type("Made", (), {"__annotations__": {"inner": annotation}}))
    with pytest.raises(DecodeError, match=message) as caught:
        codec_from(made)
    assert caught.value.field == "inner"


class Huge(enum.IntEnum):
    ONE = 1
    MANY = 300


def test_classes_that_cannot_be_are_refused() -> None:
    @dataclass
    class Empty:
        pass

    @dataclass
    class Small:
        a: Annotated[Huge, "u8"]

    @dataclass
    class Own:
        a: Annotated[int, "u32"] = field(init=False, default=0)

    with pytest.raises(DecodeError, match="no fields"):
        codec_from(Empty)
    with pytest.raises(DecodeError, match=r"Huge\.MANY does not fit u8, 0 to 255"):
        codec_from(Small)
    with pytest.raises(DecodeError, match="init=False"):
        codec_from(Own)
    made: type[Any] = dataclass(type("Made", (), {"__annotations__": {"größe": u8}}))
    with pytest.raises(DecodeError, match="no name of a member in C"):
        codec_from(made)


@dataclass
class Endless:
    again: Endless


@dataclass
class Lost:
    field: Nowhere  # type: ignore[name-defined]  # noqa: F821


def test_classes_that_contain_themselves_or_unknown_names_are_refused() -> None:
    with pytest.raises(DecodeError, match="nested deeper"):
        codec_from(Endless)
    with pytest.raises(DecodeError, match="have to be known in the class's module"):
        codec_from(Lost)


@pytest.mark.parametrize(
    ("value", "path", "message"),
    [
        pytest.param(
            {"pid": 1 << 32}, "pid", "unsigned integer of 32 bits, 0 to 4294967295", id="pid"
        ),
        pytest.param({"where": {"y": -1}}, "where.y", "0 to 255", id="nested"),
        pytest.param({"where": Point(1, 300)}, "where.y", "0 to 255", id="instance"),
        pytest.param({"grid": [(1, 2), (3, 400)]}, "grid[1][1]", "0 to 255", id="grid"),
        pytest.param({"slots": (1, 2, 3, 4)}, "slots", "up to 3 elements; it has 4", id="slots"),
        pytest.param({"name": "grüner"}, "name", "up to 6 bytes; it has 7", id="text"),
        pytest.param({"ok": 2}, "ok", "False or True", id="bool"),
        pytest.param({"ratio": 1e300}, "ratio", "32 bits", id="float"),
        pytest.param({"wide": 1 << 127}, "wide", "signed integer of 128 bits", id="int128"),
        pytest.param({"v4": "10.0.0"}, "v4", "IPv4 address", id="address"),
        pytest.param({"pid": "7"}, "pid", "'7' does not fit", id="text-for-number"),
        pytest.param({"pid": 1.0}, "pid", "1.0 does not fit", id="float-for-number"),
    ],
)
def test_what_does_not_fit_names_field_range_and_value(
    value: object, path: str, message: str
) -> None:
    with pytest.raises(EncodeError) as caught:
        codec_from(Event).encode(value)  # type: ignore[arg-type]
    assert caught.value.field == path
    assert message in str(caught.value)


class Inner(ctypes.Structure):
    _fields_ = (("low", ctypes.c_uint32, 3), ("high", ctypes.c_int32, 5), ("c", ctypes.c_char * 4))


class Both(ctypes.Union):
    _fields_ = (("number", ctypes.c_uint64), ("halves", ctypes.c_uint32 * 2))


class Old(ctypes.Structure):
    _anonymous_ = ("both",)
    _fields_ = (
        ("flag", ctypes.c_bool),
        ("inner", Inner),
        ("both", Both),
        ("real", ctypes.c_double),
        ("pointer", ctypes.c_void_p),
        ("more", ctypes.POINTER(ctypes.c_int)),
        ("rest", Inner * 2),
    )


class Newer(Old):
    _fields_ = (("last", ctypes.c_uint16),)


class Tight(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("a", ctypes.c_uint8), ("b", ctypes.c_uint64))


class Network(ctypes.BigEndianStructure):
    _fields_ = (("port", ctypes.c_uint16), ("a", ctypes.c_uint16, 4), ("b", ctypes.c_uint16, 12))


def bytes_like(codec: Codec[Any], made: type[Any]) -> None:
    """The codec of a ctypes class reads and writes what the class has in memory."""
    assert codec.size == ctypes.sizeof(made)
    assert size_of(codec.btf, codec.type_id) == ctypes.sizeof(made)


@given(st.binary(min_size=ctypes.sizeof(Newer), max_size=ctypes.sizeof(Newer)))
def test_ctypes_classes_come_back_as_instances(data: bytes) -> None:
    codec = codec_from(Newer)
    found = codec.decode(data)
    assert isinstance(found, Newer)
    assert bytes(found) == data
    assert codec.encode(found) == data
    plain = codec_of(codec.btf, codec.type_id).decode(data)
    assert plain["inner"]["low"] == found.inner.low  # type: ignore[index]
    assert plain["inner"]["high"] == found.inner.high  # type: ignore[index]
    assert plain["number"] == found.number  # type: ignore[index]
    assert plain["last"] == found.last  # type: ignore[index]


@pytest.mark.parametrize("made", [Old, Newer, Tight, Network, Both, Inner])
def test_ctypes_classes_have_the_same_size_and_offsets_in_btf(made: type[Any]) -> None:
    codec = codec_from(made)
    bytes_like(codec, made)
    found = codec.btf.type(codec.type_id)
    for member in getattr(found, "members", ()):
        if member.name and not member.bits:
            assert member.bit_offset == 8 * getattr(made, member.name).offset


def test_ctypes_classes_are_written_from_mappings_too() -> None:
    codec = codec_from(Newer)
    data = codec.encode(
        {"flag": True, "inner": {"low": 5, "high": -3, "c": "ab"}, "number": 9, "last": 4}
    )
    found = codec.decode(data)
    assert (found.flag, found.inner.low, found.inner.high, found.inner.c) == (True, 5, -3, b"ab")
    assert (found.number, list(found.halves), found.last) == (9, [9, 0], 4)
    swapped = codec_from(Network).decode(codec_from(Network).encode({"port": 443, "a": 3, "b": 9}))
    assert (swapped.port, swapped.a, swapped.b) == (443, 3, 9)
    with pytest.raises(EncodeError, match="0 to 7"):
        codec.encode({"inner": {"low": 8}})


def test_simple_ctypes_types_are_plain_values() -> None:
    number: int = codec_from(ctypes.c_uint32).decode(b"\1\0\0\0")
    assert number == 1
    assert codec_from(ctypes.c_int16).decode(b"\xff\xff") == -1
    assert codec_from(ctypes.c_double).decode(struct.pack("d", 1.5)) == 1.5
    text: bytes = codec_from(ctypes.c_char * 4).decode(b"abcd")
    assert text == b"abcd"
    assert codec_from(ctypes.c_uint16 * 2).decode(b"\1\0\2\0") == (1, 2)
    assert codec_from(ctypes.c_bool).decode(b"\2") is True
    assert codec_from(ctypes.c_uint32.__ctype_be__).decode(b"\0\0\0\1") == 1
    assert codec_from(ctypes.c_longdouble).size == ctypes.sizeof(ctypes.c_longdouble)


class Nothing(ctypes.Structure):
    pass


class Crashing(ctypes.Structure):
    _fields_ = (("a", ctypes.c_uint32), ("text", ctypes.c_char_p))


def test_ctypes_classes_that_could_crash_are_refused() -> None:
    with pytest.raises(DecodeError, match="followed by Python") as caught:
        codec_from(Crashing)
    assert caught.value.field == "text"
    with pytest.raises(DecodeError, match="no fields"):
        codec_from(Nothing)


@pytest.mark.parametrize("name", sorted(SCALARS))
def test_every_name_has_a_codec_and_the_same_in_btf(name: str) -> None:
    codec = codec_from(name)  # type: ignore[call-overload]
    assert codec.size == SCALARS[name].size == size_of(codec.btf, codec.type_id)
    assert codec.decode(codec.encode(1)) == 1


def test_networks_are_keys_of_longest_prefix_match_maps() -> None:
    v4 = codec_from(IPv4Network)
    assert v4.encode(IPv4Network("10.0.0.0/8")) == struct.pack("=I4B", 8, 10, 0, 0, 0)
    assert v4.decode(struct.pack("=I4B", 8, 10, 1, 2, 3)) == IPv4Network("10.0.0.0/8")
    v6 = codec_from(IPv6Network)
    assert v6.size == size_of(v6.btf, v6.type_id) == 20
    assert v6.decode(v6.encode(IPv6Network("fd00::/8"))) == IPv6Network("fd00::/8")
    with pytest.raises(DecodeError, match="33 bits for IPv4"):
        v4.decode(struct.pack("=I4x", 33))


def test_be32_is_in_network_order() -> None:
    assert codec_from("be32").encode(1) == b"\0\0\0\1"
    assert be32 is not u32
    assert u64 is not u32
