"""Values as numpy arrays: numpy need not be there, so what is checked is what it is told."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Annotated

import pytest

from bpfkit.codec.codec import codec_of
from bpfkit.codec.ctype import be16, f32, u8, u16, u32, u64
from bpfkit.codec.from_class import codec_from
from bpfkit.codec.numeric import description
from bpfkit.errors import DecodeError, MissingDependencyError
from tests.fakes.type_graph import Graph


@dataclass
class Point:
    x: u16
    y: f32


@dataclass
class Row:
    a: u8
    port: be16
    comm: Annotated[bytes, 5]
    ok: bool
    where: Annotated[tuple[Point, ...], 2]
    grid: Annotated[tuple[Annotated[tuple[u32, ...], 3], ...], 2]


def test_a_record_is_described_with_offsets_and_size() -> None:
    little = "<" if sys.byteorder == "little" else ">"
    point = {
        "names": ["x", "y"],
        "formats": [f"{little}u2", f"{little}f4"],
        "offsets": [0, 4],
        "itemsize": 8,
    }
    assert description(codec_from(Row).plan, "") == {
        "names": ["a", "port", "comm", "ok", "where", "grid"],
        "formats": ["<u1", ">u2", "S5", "?", (point, (2,)), ((f"{little}u4", (3,)), (2,))],
        "offsets": [0, 2, 4, 9, 12, 28],
        "itemsize": 52,
    }


def test_a_bit_field_has_no_numpy_type_and_is_named() -> None:
    g = Graph()
    inner = g.struct("inner", 4, ("flag", g.u32, 0, 3))
    outer = g.struct("outer", 4, ("inner", inner, 0))
    codec = codec_of(g.btf(), outer)
    with pytest.raises(DecodeError, match="no numpy type") as caught:
        description(codec.plan, "")
    assert caught.value.field == "inner.flag"


def test_without_numpy_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)
    with pytest.raises(MissingDependencyError, match="pip install numpy"):
        codec_from("u64").to_numpy(bytes(8), 1)


def test_numpy_is_given_the_memory_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def ndarray(
        shape: object, dtype: object, buffer: bytearray, strides: object
    ) -> tuple[object, ...]:
        return shape, dtype, buffer, strides

    fake = SimpleNamespace(dtype=lambda what: ("dtype", what), ndarray=ndarray)
    monkeypatch.setitem(sys.modules, "numpy", fake)
    memory = bytearray(24)
    shape, dtype, buffer, strides = codec_from("u64").to_numpy(memory, 2, 12)
    assert (shape, dtype, strides) == (
        (2,),
        ("dtype", description(codec_from("u64").plan, "")),
        (12,),
    )
    memory[3] = 9
    assert buffer[3] == 9
    assert u64 is not u8
