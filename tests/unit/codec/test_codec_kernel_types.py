"""What only kernels and their BTF have: constants, hidden members, tails, keys, odd graphs."""

from __future__ import annotations

import enum
import struct
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Network

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bpfkit.btf.decode import decode
from bpfkit.btf.encode import encode
from bpfkit.btf.layout import size_of
from bpfkit.btf.types import (
    Const,
    Enum,
    Enum64,
    Enumerator,
    Float,
    Fwd,
    Int,
    Ptr,
    Struct,
    Type,
    Typedef,
    TypeTag,
)
from bpfkit.codec.codec import codec_of, text
from bpfkit.codec.enums import enum_of
from bpfkit.codec.from_class import codec_from
from bpfkit.codec.lpm import network_codec_of
from bpfkit.codec.types_of import types_of
from bpfkit.errors import DecodeError, EncodeError, FormatError
from tests.fakes.type_graph import Graph
from tests.strategies.btf import graphs


def test_enumerations_have_names_when_asked_for() -> None:
    g = Graph()
    kind = g.add(
        Enum("kind", 4, (Enumerator("A", 1), Enumerator("B", 1), Enumerator("C", -2)), True)
    )
    s = g.struct("s", 8, ("k", kind, 0), ("narrow", kind, 32, 3))
    btf = g.btf()
    codec = codec_of(btf, s, names=True)
    found = codec.decode(codec.encode({"k": "A", "narrow": "C"}))
    assert repr(found) == "s(k=<kind.A: 1>, narrow=<kind.C: -2>)"
    assert found == {"k": 1, "narrow": -2}
    assert codec.decode(struct.pack("=iI", 99, 0)) == {"k": 99, "narrow": 0}
    assert type(codec_of(btf, kind).decode(b"\1\0\0\0")) is int


def test_enumerations_of_bits_are_flags() -> None:
    g = Graph()
    values = tuple(Enumerator(n, 1 << i) for i, n in ((0, "R"), (1, "W"), (40, "X")))
    flags = g.add(Enum64("flags", 8, values))
    plain = g.add(
        Enum("plain", 4, (Enumerator("mro", 1), Enumerator("_x_", 2), Enumerator("Y", 3)))
    )
    btf = g.btf()
    made = enum_of(btf, flags)
    assert issubclass(made, enum.IntFlag)
    found = codec_of(btf, flags, names=True).decode((1 | 1 << 40).to_bytes(8, "little"))
    assert repr(found) == "<flags.R|X: 1099511627777>"
    assert [one.name for one in enum_of(btf, plain)] == ["Y"]
    with pytest.raises(DecodeError, match="is no enumeration"):
        enum_of(btf, g.u32)


@given(st.lists(st.text("abAB_019é", max_size=6), unique=True), st.booleans())
def test_any_enumerators_make_a_class(names: list[str], bits: bool) -> None:
    values = tuple(Enumerator(n, 1 << i if bits else i - 2) for i, n in enumerate(names[:30]))
    g = Graph()
    found = g.add(Enum("e", 4, values, signed=not bits))
    made = enum_of(g.btf(), found)
    assert all(int(made[v.name]) == v.value for v in values if v.name in made.__members__)


@pytest.mark.parametrize("name", ["bpf_spin_lock", "bpf_timer", "bpf_list_head", "bpf_wq"])
def test_what_belongs_to_the_kernel_is_none_and_stays_zero(name: str) -> None:
    g = Graph()
    lock = g.struct(name, 8, ("opaque", g.u64, 0))
    s = g.struct("value", 16, ("lock", lock, 0), ("count", g.u64, 64))
    codec = codec_of(g.btf(), s)
    found = codec.decode(b"\xff" * 8 + b"\1" + bytes(7))
    assert found == {"lock": None, "count": 1}
    assert codec.encode(found) == bytes(8) + b"\1" + bytes(7)  # type: ignore[arg-type]
    with pytest.raises(EncodeError, match=f"struct {name} belongs to the kernel"):
        codec.encode({"lock": {"opaque": 1}})


@pytest.mark.parametrize(("tag", "hidden"), [("kptr", True), ("uptr", False), ("user", False)])
def test_tagged_pointers_are_hidden_when_only_programs_set_them(tag: str, hidden: bool) -> None:
    g = Graph()
    target = g.struct("task_struct", 4, ("pid", g.int, 0))
    s = g.struct("value", 8, ("p", g.ptr(g.add(TypeTag(tag, target))), 0))
    codec = codec_of(g.btf(), s)
    assert codec.decode(b"\1" + bytes(7)) == {"p": None if hidden else 1}
    btf, (copied,) = types_of(codec)
    assert codec_of(btf, copied).decode(b"\1" + bytes(7)) == {"p": None if hidden else 1}
    assert btf.by_name("task_struct")


def test_a_flexible_tail_has_what_the_data_has() -> None:
    g = Graph()
    words = g.struct("words", 4, ("n", g.u32, 0), ("w", g.array(g.u32, 0), 32))
    letters = g.struct(
        "letters", 8, ("n", g.u32, 0), ("k", g.u8, 32), ("t", g.array(g.char, 0), 40)
    )
    middle = g.struct("middle", 8, ("none", g.array(g.u32, 0), 0), ("a", g.u64, 0))
    outer = g.struct("outer", 8, ("a", g.u32, 0), ("inner", words, 32))
    many = g.array(words, 2)
    btf = g.btf()
    codec = codec_of(btf, words)
    assert codec.size == 4
    assert codec.decode(struct.pack("=III", 2, 5, 6) + b"x") == {"n": 2, "w": (5, 6)}
    assert codec.decode(bytes(4)) == {"n": 0, "w": ()}
    assert codec.decode_many(struct.pack("=IIII", 1, 5, 2, 6), 2, 8) == [(1, (5,)), (2, (6,))]
    with pytest.raises(EncodeError, match="up to 0 elements"):
        codec.encode({"n": 1, "w": [5]})
    # Here three bytes of the array lie in what would be padding.
    codec = codec_of(btf, letters)
    assert codec.decode(b"\0\0\0\0\1abcdef").t == b"abcdef"  # type: ignore[attr-defined]
    assert codec.encode({"t": "abc"}) == b"\0\0\0\0\0abc"
    assert codec_of(btf, middle).decode(b"\1" + bytes(15)) == {"none": (), "a": 1}
    assert codec_of(btf, outer).decode(struct.pack("=III", 1, 2, 3)) == (1, (2, (3,)))
    assert codec_of(btf, many).decode(struct.pack("=III", 1, 2, 3)) == ((1, ()), (2, ()))


def test_text_keeps_bytes_that_are_not_utf_8() -> None:
    g = Graph()
    found = g.array(g.char, 4)
    codec = codec_of(g.btf(), found)
    assert text(b"\xffa\0b") == "\udcffa"
    assert codec.encode(text(b"\xffa\0b")) == b"\xffa\0\0"
    with pytest.raises(EncodeError):
        codec.encode("\ud800")
    assert codec.encode(memoryview(b"ab")) == b"ab\0\0"


def test_members_of_a_union_have_to_agree() -> None:
    g = Graph()
    flag = g.add(Int("_Bool", 1, 8, bool_=True))
    both = g.union("both", 8, ("whole", g.u64, 0), ("low", g.u32, 0), ("flag", flag, 0))
    codec = codec_of(g.btf(), both)
    found = codec.decode(b"\2" + bytes(7))
    assert found == {"whole": 2, "low": 2, "flag": True}
    assert codec.encode(found) == b"\2" + bytes(7)  # type: ignore[arg-type]
    assert codec.encode({"low": 5}) == b"\5" + bytes(7)
    with pytest.raises(EncodeError, match="give only one of them") as caught:
        codec.encode({"whole": 1, "low": 5})
    assert caught.value.field == "low"


def test_a_gap_of_one_member_of_a_union_keeps_the_bytes_of_another() -> None:
    g = Graph()
    gap = g.struct("gap", 12, ("a", g.u8, 0), ("b", g.u64, 32))
    word = g.struct("word", 8, ("c", g.u32, 0))
    both = g.union("both", 12, ("word", word, 0), ("gap", gap, 0))
    codec = codec_of(g.btf(), both)
    found = codec.decode(bytes(range(1, 13)))
    assert codec.encode(found) == bytes(range(1, 13))  # type: ignore[arg-type]


def test_floats_python_does_not_know_are_bytes() -> None:
    g = Graph()
    wide, half = g.add(Float("long double", 16)), g.add(Float("_Float16", 2))
    btf = g.btf()
    assert codec_of(btf, wide).decode(bytes(range(16))) == bytes(range(16))
    assert codec_of(btf, half).decode(struct.pack("<e", 1.5)) == 1.5


def lpm_types() -> tuple[Graph, dict[str, int]]:
    g = Graph()
    u32, u8 = g.add(Typedef("__u32", g.u32)), g.u8
    rest = (("prefixlen", u32, 0),)
    return g, {
        "v4": g.struct("v4", 8, *rest, ("addr", u32, 32)),
        "bytes": g.struct("bytes", 8, *rest, ("addr", g.array(u8, 4), 32)),
        "v6": g.struct("v6", 20, *rest, ("addr", g.array(u8, 16), 32)),
        "more": g.struct("more", 12, *rest, ("index", u32, 32), ("addr", u32, 64)),
        "not": g.struct("not", 8, ("a", g.u64, 0)),
        "bits": g.struct("bits", 8, ("prefixlen", u32, 0, 8), ("addr", u32, 32)),
    }


def test_keys_declared_in_c_are_networks() -> None:
    g, found = lpm_types()
    btf = g.btf()
    for name in ("v4", "bytes"):
        codec = network_codec_of(btf, found[name])
        data = struct.pack("<I4B", 24, 10, 1, 2, 0)
        assert codec.encode(IPv4Network("10.1.2.0/24")) == data
        assert codec.decode(data) == IPv4Network("10.1.2.0/24")
        assert codec.encode("10.1.2.0/24") == data  # type: ignore[arg-type]
        assert codec.encode(IPv4Interface("10.1.2.7/24")) == data  # type: ignore[arg-type]
        assert codec.encode(IPv4Address("10.1.2.7"))[:4] == b"\x20\0\0\0"  # type: ignore[arg-type]
    codec = network_codec_of(btf, found["v6"])
    assert codec.decode(codec.encode(IPv6Network("fd00::/8"))) == IPv6Network("fd00::/8")
    for name in ("more", "not", "bits"):
        with pytest.raises(DecodeError):
            network_codec_of(btf, found[name])


@pytest.mark.parametrize(
    "value", ["10.0.0.1/8", "fd00::/8", 5, None, {}, IPv6Network("::/0"), b"abc"]
)
def test_what_is_no_network_is_refused(value: object) -> None:
    g, found = lpm_types()
    with pytest.raises(EncodeError, match="IPv4 network such as"):
        network_codec_of(g.btf(), found["v4"]).encode(value)  # type: ignore[arg-type]


def test_types_of_several_codecs_are_one_btf_with_nothing_else() -> None:
    g = Graph()
    far = g.struct("far", 8, ("x", g.u64, 0))
    s = g.struct(
        "value",
        24,
        ("p", g.ptr(g.add(Const(far))), 0),
        ("a", g.array(g.u32, 2), 64),
        ("b", g.u32, 128),
    )
    codec, key = codec_of(g.btf(), s), codec_from("u32")
    btf, (key_id, value_id) = types_of(key, codec)
    assert size_of(btf, key_id) == 4
    value = btf.type(value_id)
    assert isinstance(value, Struct)
    assert [m.name for m in value.members] == ["p", "a", "b"]
    assert btf.type(value.members[0].type_id) == Ptr(0)
    assert not btf.by_name("far")
    assert decode(btf.raw).raw == btf.raw
    with pytest.raises(DecodeError):
        types_of(codec_of(g.btf("big"), s), codec)
    with pytest.raises(DecodeError):
        types_of()


def test_what_has_no_values_has_no_codec() -> None:
    g = Graph()
    forward = g.add(Fwd("nothing"))
    btf = g.btf()
    for type_id in (0, forward):
        with pytest.raises((DecodeError, FormatError)):
            codec_of(btf, type_id)


def test_a_member_outside_its_record_is_refused() -> None:
    g = Graph()
    s = g.struct("s", 4, ("a", g.u64, 0))
    with pytest.raises(DecodeError, match="outside the 4 bytes of struct s"):
        codec_of(g.btf(), s)


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(graphs(), st.binary(max_size=64), st.booleans())
def test_any_graph_has_a_codec_or_a_typed_error(
    types: list[Type], data: bytes, names: bool
) -> None:
    btf = decode(encode(types))
    for type_id in range(len(btf)):
        try:
            codec = codec_of(btf, type_id, names=names)
            codec.decode(data)
            types_of(codec)
        except (DecodeError, FormatError):
            continue
        assert codec.size <= len(data)


class Liar:
    """Fails however it is looked at."""

    def __index__(self) -> int:
        raise OverflowError("no")

    def __float__(self) -> float:
        raise RuntimeError("no")

    def __repr__(self) -> str:
        raise RecursionError("no")


def test_objects_that_fail_when_looked_at_are_a_typed_error() -> None:
    nested: list[object] = []
    for _ in range(100_000):
        nested = [nested]
    for name in ("u32", "u128", "f64", "bool"):
        codec = codec_from(name)  # type: ignore[call-overload]
        for value in (Liar(), nested, 10**5000, -(10**5000), float("inf"), "x" * 10**6):
            if name == "f64" and value == float("inf"):
                continue
            with pytest.raises(EncodeError) as caught:
                codec.encode(value)
            assert len(str(caught.value)) < 300
