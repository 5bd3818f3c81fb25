"""Per-CPU tables; the kernel in memory has four CPUs."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

from bpfkit.uapi.bpf import MapType
from tests.fakes.tables import View, table_of

KINDS = [MapType.PERCPU_HASH, MapType.LRU_PERCPU_HASH, MapType.PERCPU_ARRAY]


class Odd(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("a", ctypes.c_ulonglong), ("b", ctypes.c_uint)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("has_batches", [True, False], ids=["batches", "one-by-one"])
@pytest.mark.parametrize(
    ("leaf", "wide"),
    [
        (ctypes.c_ulonglong, ctypes.c_ulonglong),
        (ctypes.c_uint, ctypes.c_uint64),
        (ctypes.c_int, ctypes.c_int64),
        (ctypes.c_short, ctypes.c_int64),
        (ctypes.c_ubyte, ctypes.c_uint64),
        (ctypes.c_float, ctypes.c_float),
    ],
)
def test_each_cpu_has_its_leaf(
    tmp_path: Path,
    kind: MapType,
    has_batches: bool,
    leaf: View,
    wide: View,
) -> None:
    with table_of(tmp_path, kind, leaf=leaf, size=4) as (t, calls):
        calls.has_batches = has_batches
        assert t.sLeaf is leaf
        assert t.Leaf is wide * 4
        key = t.Key(1)
        t[key] = t.Leaf(1, 2, 3, 4)
        assert list(t[key]) == [1, 2, 3, 4]
        assert type(t[key]) is leaf * 4
        t[key] = (leaf * 4)(5, 6, 7, 8)
        assert list(t.getvalue(key)) == [5, 6, 7, 8]
        assert {k.value: list(v) for k, v in t.items()}[1] == [5, 6, 7, 8]
        assert (t.sum(key).value, t.max(key).value, t.average(key)) == (26, 8, 6.5)
        assert type(t.sum(key)) is type(t.max(key)) is leaf
        t.items_update_batch([1, 2], [[1, 1, 1, 1], t.Leaf(2, 2, 2, 2)])
        assert list(t[t.Key(2)]) == [2, 2, 2, 2]
        t.items_update_batch((t.Key * 1)(3), (t.Leaf * 1)(t.Leaf(9, 0, 0, 0)))
        assert t.sum(t.Key(3)).value == 9
        t.items_update_batch((t.Key * 1)(3), ((leaf * 4) * 1)((leaf * 4)(0, 9, 0, 0)))
        assert list(t[t.Key(3)]) == [0, 9, 0, 0]
        t.zero()
        assert [sum(v) for v in t.values()] == [0] * len(t)


@pytest.mark.parametrize("kind", KINDS)
def test_a_reducer_joins_the_leaves(tmp_path: Path, kind: MapType) -> None:
    with table_of(tmp_path, kind, size=2, reducer=lambda a, b: a + b) as (t, _):
        t[t.Key(1)] = t.Leaf(1, 2, 3, 4)
        assert t[t.Key(1)] == 10
        assert list(t.getvalue(t.Key(1))) == [1, 2, 3, 4]
        assert {k.value: v for k, v in t.items()}[1] == 10


def test_a_table_with_a_reducer_prints_its_sums(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with table_of(tmp_path, MapType.PERCPU_ARRAY, size=4, reducer=lambda a, b: a + b) as (t, _):
        t[2] = t.Leaf(1, 2, 3, 4)
        t.print_log2_hist()
    assert "         2 -> 3          : 10 " in capsys.readouterr().out


def test_a_structure_of_any_size_is_a_leaf(tmp_path: Path) -> None:
    with table_of(tmp_path, MapType.PERCPU_HASH, leaf=Odd) as (t, _):
        key = t.Key(1)
        t[key] = t.Leaf(*[Odd(i, 2 * i) for i in range(4)])
        assert [(leaf.a, leaf.b) for leaf in t[key]] == [(0, 0), (1, 2), (2, 4), (3, 6)]
        ((_, leaves),) = t.items()
        assert [leaf.b for leaf in leaves] == [0, 2, 4, 6]
        for what in (t.sum, t.max, t.average):
            with pytest.raises(IndexError, match="Leaf must be an integer type"):
                what(key)


def test_a_missing_key_is_a_key_error(tmp_path: Path) -> None:
    with table_of(tmp_path, MapType.PERCPU_HASH) as (t, _):
        for ask in (t.__getitem__, t.getvalue, t.sum, t.max, t.average):
            with pytest.raises(KeyError):
                ask(t.Key(1))


def test_deleting_in_an_array_sets_every_cpu_to_zero(tmp_path: Path) -> None:
    with table_of(tmp_path, MapType.PERCPU_ARRAY, key=ctypes.c_int, size=2) as (t, _):
        t[-1] = t.Leaf(1, 2, 3, 4)
        del t[1]
        assert list(t[1]) == [0, 0, 0, 0]
        t[0] = t.Leaf(1, 2, 3, 4)
        t.clear()
        assert [list(v) for v in t.values()] == [[0] * 4] * 2


@pytest.mark.parametrize("leaf", [5, ctypes.c_ulonglong(5), (ctypes.c_ulonglong * 3)()])
def test_a_leaf_for_too_few_cpus_never_reaches_the_kernel(tmp_path: Path, leaf: object) -> None:
    with table_of(tmp_path, MapType.PERCPU_HASH) as (t, _):
        with pytest.raises(TypeError, match="table 't'"):
            t[t.Key(1)] = leaf
        assert len(t) == 0
