"""Arrays, and arrays whose places can be empty."""

from __future__ import annotations

import ctypes
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bpfkit.compat.bcc.tables.errors import TableError
from bpfkit.uapi.bpf import MapType
from tests.fakes.tables import table_of


@pytest.fixture(params=[True, False], ids=["batches", "one-by-one"])
def array(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """An array of four u64, in kernels with and without batches."""
    with table_of(tmp_path, MapType.ARRAY, key=ctypes.c_int, size=4) as (t, calls):
        calls.has_batches = request.param
        yield t


def test_integers_are_keys_negative_ones_from_the_end(array: Any) -> None:  # noqa: ANN401
    for i in range(4):
        array[i] = array.Leaf(i)
    assert array[-1].value == array[array.Key(3)].value == array[ctypes.c_ulonglong(3)].value == 3
    assert [k.value for k in array] == [0, 1, 2, 3]
    assert [(k.value, v.value) for k, v in array.items()] == [(i, i) for i in range(4)]
    assert len(array) == 4
    del array[-1]
    assert array[3].value == 0
    array.clearitem(1)
    assert [v.value for v in array.values()] == [0, 0, 2, 0]
    array.clear()
    assert [v.value for v in array.values()] == [0, 0, 0, 0]


def test_an_index_beyond_the_end_is_bccs_index_error(array: Any) -> None:  # noqa: ANN401
    for key in (4, ctypes.c_int(7)):
        with pytest.raises(IndexError, match=r"^Array index out of range: array 't'"):
            array[key]
        with pytest.raises(IndexError, match=r"^Array index out of range"):
            array[key] = array.Leaf(1)


def test_an_index_before_the_first_is_missing_as_in_bcc(array: Any) -> None:  # noqa: ANN401
    for key in (-5, ctypes.c_int(-1)):
        with pytest.raises(KeyError):
            array[key]
        with pytest.raises(IndexError):
            array[key]
        assert array.get(key) is None


@pytest.mark.parametrize("key", ["x", 1.0, (ctypes.c_int * 1)(1), ctypes.c_float(1)])
def test_what_is_no_index_is_bccs_index_error(array: Any, key: object) -> None:  # noqa: ANN401
    with pytest.raises(IndexError, match=r"^Array index must be an integer type"):
        array[key]


def test_an_item_that_cannot_be_cleared_says_so(tmp_path: Path) -> None:
    with table_of(tmp_path, MapType.ARRAY, key=ctypes.c_int) as (t, calls):
        calls.maps[t.map_fd].frozen = True
        with pytest.raises(TableError, match=r"^Could not clear item: Operation not permitted"):
            del t[0]


def test_an_array_is_set_in_one_go(array: Any) -> None:  # noqa: ANN401
    array.items_update_batch([0, 3], [7, 8])
    assert [v.value for v in array.values()] == [7, 0, 0, 8]
    array.zero()
    assert [v.value for v in array.values()] == [0, 0, 0, 0]


class Thing:
    """Something with a descriptor."""

    def __init__(self, number: int) -> None:
        self._number = number

    def fileno(self) -> int:
        return self._number


@pytest.mark.parametrize(
    "kind",
    [MapType.PROG_ARRAY, MapType.CGROUP_ARRAY, MapType.ARRAY_OF_MAPS, MapType.SOCKMAP,
     MapType.XSKMAP, MapType.REUSEPORT_SOCKARRAY],
)  # fmt: skip
@pytest.mark.parametrize(
    "leaf",
    [5, ctypes.c_uint(5), ctypes.c_int(5), Thing(5), SimpleNamespace(fd=5)],
    ids=["number", "leaf", "int", "fileno", "fd"],
)
def test_descriptors_go_in_as_numbers_and_as_objects(
    tmp_path: Path, kind: MapType, leaf: object
) -> None:
    with table_of(tmp_path, kind, leaf=ctypes.c_int, size=4) as (t, _):
        t[1] = leaf
        assert [(k.value, v.value) for k, v in t.items()] == [(1, 5)]
        assert [v.value for v in t.values()] == [5]
        assert len(t) == 4
        with pytest.raises(KeyError):
            t[0]
        del t[1]
        with pytest.raises(KeyError):
            del t[1]
        t[2] = leaf
        t.clear()
        assert t.items() == []


def test_a_hash_of_maps_takes_a_table(tmp_path: Path) -> None:
    with (
        table_of(tmp_path, MapType.HASH) as (inner, _),
        table_of(tmp_path, MapType.HASH_OF_MAPS, leaf=ctypes.c_int) as (t, _),
    ):
        t[t.Key(7)] = inner
        t[t.Key(8)] = inner.map
        t[t.Key(9)] = inner.map_fd
        assert [v.value for v in t.values()] == [inner.map_fd] * 3


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.mark.parametrize("path", [str, os.fsencode, Path], ids=["str", "bytes", "path"])
def test_a_cgroup_goes_in_by_path_and_is_closed(tmp_path: Path, path: Any) -> None:  # noqa: ANN401
    before = open_files()
    with table_of(tmp_path, MapType.CGROUP_ARRAY, leaf=ctypes.c_uint) as (t, _):
        opened = open_files()
        t[0] = path(tmp_path)
        assert t[0].value > 2
        assert open_files() == opened
        with pytest.raises(FileNotFoundError):
            t[0] = str(tmp_path / "none")
        with pytest.raises(Exception, match=r"^Cgroup array key must be either FD or cgroup path"):
            t[0] = 1.5
    assert open_files() == before


@pytest.mark.parametrize("kind", [MapType.DEVMAP, MapType.DEVMAP_HASH])
@pytest.mark.parametrize("device", [1, "lo", b"lo", ctypes.c_int(1)])
def test_a_device_goes_in_by_index_and_by_name(
    tmp_path: Path, kind: MapType, device: object
) -> None:
    with table_of(tmp_path, kind, leaf=ctypes.c_int, size=4) as (t, _):
        t[t.Key(2)] = device
        assert t[t.Key(2)].value == socket.if_nametoindex("lo")
        with pytest.raises(OSError, match="no interface"):
            t[t.Key(2)] = "no such device"


def test_a_cpu_goes_in_with_the_length_of_its_queue(tmp_path: Path) -> None:
    with table_of(tmp_path, MapType.CPUMAP, leaf=ctypes.c_uint, size=4) as (t, _):
        t[1] = 192
        t[2] = t.Leaf(64)
        assert [(k.value, v.value) for k, v in t.items()] == [(1, 192), (2, 64)]
