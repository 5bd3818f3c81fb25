from __future__ import annotations

import pytest

from bpfkit.btf.dump import Policy, Printer, dump
from bpfkit.btf.layout import align_of, find_member, size_of
from bpfkit.btf.types import Enum, Enum64, Enumerator, FuncProto, Param, Typedef
from bpfkit.errors import FormatError
from tests.fakes.type_graph import Graph


def test_sizes_and_alignments_follow_the_c_rules() -> None:
    g = Graph()
    array = g.array(g.u32, 3)
    pair = g.struct("pair", 16, ("a", g.u8, 0), ("b", g.u64, 64))
    packed = g.struct("packed", 9, ("a", g.u8, 0), ("b", g.u64, 8))
    alias = g.add(Typedef("pair_t", pair))
    void = g.ptr(0)
    proto = g.add(FuncProto(0, ()))
    btf = g.btf()
    assert [size_of(btf, i) for i in (array, pair, packed, alias, void)] == [12, 16, 9, 16, 8]
    assert [align_of(btf, i) for i in (array, pair, packed, alias, void)] == [4, 8, 1, 8, 8]
    with pytest.raises(FormatError, match="no size"):
        size_of(btf, proto)


def test_a_type_inside_itself_is_an_error() -> None:
    g = Graph()
    array = g.array(len(g.types) + 1, 2)
    with pytest.raises(FormatError):
        size_of(g.btf(), array)


def test_members_are_found_by_path() -> None:
    g = Graph()
    inner = g.struct("", 8, ("x", g.u32, 0), ("y", g.u32, 32))
    line = g.array(inner, 4)
    outer = g.struct("outer", 48, ("head", g.u64, 0), ("", inner, 64), ("line", line, 128))
    btf = g.btf()
    for path, offset in {"head": 0, "y": 12, "line[2].y": 36}.items():
        place = find_member(btf, outer, path)
        assert place is not None
        assert place.offset == offset
    for path in ("z", "line[4]", "head.x", "head[0]"):
        assert find_member(btf, outer, path) is None


def test_c_shows_gaps_bit_fields_and_function_pointers() -> None:
    g = Graph()
    proto = g.add(FuncProto(g.int, (Param("", g.ptr(0)), Param("", 0))))
    call = g.ptr(proto)
    other = g.struct("other", 4, ("x", g.int, 0))
    names = g.array(g.ptr(g.char), 2)
    g.struct(
        "s",
        64,
        ("a", g.u8, 0),
        ("b", g.u32, 64),
        ("f", g.u32, 96, 3),
        ("g", g.u32, 104, 4),
        ("call", call, 128),
        ("other", g.ptr(other), 192),
        ("names", names, 256),
    )
    assert dump(g.btf()) == (
        "struct other {\n\tint x;\n};\n"
        "struct s {\n"
        "\tunsigned char a;\n"
        "\tunsigned char __pad_1[7];\n"
        "\tunsigned int b;\n"
        "\tunsigned int f : 3;\n"
        "\tunsigned char : 5;\n"
        "\tunsigned int g : 4;\n"
        "\tint (*call)(void *, ...);\n"
        "\tstruct other *other;\n"
        "\tchar *names[2];\n"
        "\tunsigned char __pad_2[16];\n"
        "};\n"
    )


def test_repeated_names_are_numbered_and_given_ones_left_out() -> None:
    g = Graph()
    g.struct("s", 4, ("x", g.int, 0))
    g.struct("s", 8, ("y", g.u64, 0))
    g.add(Enum("e", 4, (Enumerator("A", 1), Enumerator("B", 2))))
    g.add(Enum64("f", 8, (Enumerator("A", 1), Enumerator("C", 1 << 40))))
    text = dump(g.btf())
    assert "struct s {" in text
    assert "struct s___2 {" in text
    assert text.count("A = 1") == 1
    assert "C = 0x10000000000ULL" in text


def test_a_pointer_is_followed_only_where_the_policy_says() -> None:
    g = Graph()
    far = g.struct("far", 4, ("x", g.int, 0))
    root = g.struct("root", 16, ("one", g.ptr(far), 0), ("two", g.ptr(far), 64))
    for follow, shown in (("one", True), ("three", False)):
        printer = Printer(g.btf(), Policy(follow=lambda name, wanted=follow: name == wanted))  # type: ignore[misc]
        printer.want(root)
        assert ("struct far {" in printer.finish()) is shown
