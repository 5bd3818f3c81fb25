from __future__ import annotations

import ctypes

import pytest

from bpfkit.btf.types import Enum, Enumerator, Int, Typedef
from bpfkit.codec.views import event_view, table_view
from tests.fakes.type_graph import Graph


def fields(view: type[ctypes.Structure]) -> list[tuple[str, int]]:
    return [(f[0], getattr(view, f[0]).offset) for f in view._fields_]


def test_a_key_is_packed_with_named_padding() -> None:
    g = Graph()
    key = g.struct("key", 24, ("a", g.u8, 0), ("b", g.u64, 64), ("c", g.u32, 128))
    view = table_view(g.btf(), key)
    assert fields(view) == [("a", 0), ("__pad_1", 1), ("b", 8), ("c", 16), ("__pad_end", 20)]
    assert ctypes.sizeof(view) == 24
    assert view.__name__ == "key"


def test_an_event_has_its_members_alone() -> None:
    g = Graph()
    event = g.struct("event", 24, ("a", g.u8, 0), ("b", g.u64, 64), ("c", g.u32, 128))
    assert fields(event_view(g.btf(), event)) == [("a", 0), ("b", 8), ("c", 16)]


def test_a_packed_event_keeps_its_offsets() -> None:
    g = Graph()
    event = g.struct("event", 13, ("a", g.u8, 0), ("b", g.u64, 8), ("c", g.u32, 72))
    view = event_view(g.btf(), event)
    assert fields(view) == [("a", 0), ("b", 1), ("c", 9)]
    assert view.from_buffer_copy(b"\1" + b"\2" + bytes(7) + b"\3" + bytes(3)).c == 3


def test_scalars_have_the_classes_of_bcc() -> None:
    g = Graph()
    enum = g.add(Enum("e", 4, (Enumerator("A", 1),)))
    flag = g.add(Int("_Bool", 1, 8, bool_=True))
    wide = g.add(Int("__int128", 16, 128, signed=True))
    size = g.add(Typedef("size_t", g.u64))
    pointer = g.ptr(0)
    text = g.ptr(g.char)
    btf = g.btf()
    table = {
        g.u8: ctypes.c_ubyte,
        g.char: ctypes.c_char,
        g.int: ctypes.c_int,
        enum: ctypes.c_uint,
        flag: ctypes.c_bool,
        size: ctypes.c_ulonglong,
        pointer: ctypes.c_ulonglong,
    }
    for type_id, view in table.items():
        assert table_view(btf, type_id) is view
    assert ctypes.sizeof(table_view(btf, wide)) == 16
    assert event_view(btf, enum) is ctypes.c_int
    assert event_view(btf, pointer) is ctypes.c_void_p
    assert event_view(btf, text) is ctypes.c_ulonglong


@pytest.mark.parametrize("make", [table_view, event_view])
def test_nested_and_anonymous_records_arrays_and_bit_fields_read_right(make: object) -> None:
    g = Graph()
    point = g.struct("point", 8, ("x", g.int, 0), ("y", g.int, 32))
    both = g.union("", 8, ("whole", g.u64, 0), ("point", point, 0))
    grid = g.array(g.array(g.u8, 2), 3)
    bits = g.struct("bits", 4, ("low", g.u32, 0, 5), ("high", g.u32, 5, 27))
    record = g.struct(
        "record", 32, ("", both, 0), ("grid", grid, 64), ("comm", g.array(g.char, 6), 112),
        ("bits", bits, 160),
    )  # fmt: skip
    view = make(g.btf(), record)  # type: ignore[operator]
    assert ctypes.sizeof(view) == 32
    data = (7).to_bytes(4, "little") + (9).to_bytes(4, "little") + bytes([1, 2, 3, 4, 5, 6])
    data += b"bash\0\0" + (37).to_bytes(4, "little")
    got = view.from_buffer_copy(data.ljust(32, b"\0"))
    assert (got.point.x, got.point.y) == (7, 9)
    assert got.whole == 7 | 9 << 32
    assert got.grid[2][1] == 6
    assert got.comm == b"bash"
    assert (got.bits.low, got.bits.high) == (5, 1)


def test_a_layout_ctypes_cannot_do_is_read_by_properties() -> None:
    g = Graph()
    odd = g.struct("odd", 5, ("a", g.u32, 0, 3), ("b", g.u32, 3, 32), ("c", g.int, 35, 5))
    got = event_view(g.btf(), odd).from_buffer_copy(
        ((-3 & 31) << 35 | 9 << 3 | 5).to_bytes(5, "little")
    )
    assert (got.a, got.b, got.c) == (5, 9, -3)
