"""What all tables share, on hashes in a kernel in memory."""

from __future__ import annotations

import ctypes
import errno
import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bpfkit.compat.bcc.tables.errors import RefusedLookupError, TableError
from bpfkit.errors import SyscallError
from bpfkit.uapi.bpf import MapType
from tests.fakes.syscalls import FakeSyscalls
from tests.fakes.tables import table_of

Hash = tuple[Any, FakeSyscalls]


class Pair(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("a", ctypes.c_uint), ("__pad_1", ctypes.c_char * 4), ("b", ctypes.c_ulonglong)]


@pytest.fixture(params=[True, False], ids=["batches", "one-by-one"])
def hash(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Hash]:
    """A hash of u32 to u64, in kernels with and without batches."""
    with table_of(tmp_path, MapType.HASH) as (t, calls):
        calls.has_batches = request.param
        yield t, calls


def fill(t: Any, count: int = 5) -> None:  # noqa: ANN401 - a table is as dynamic as bcc's
    for i in range(count):
        t[t.Key(i)] = t.Leaf(10 * i)


def content(t: Any) -> dict[int, int]:  # noqa: ANN401
    return {k.value: v.value for k, v in t.items()}


def test_what_was_set_comes_back_in_every_way(hash: Hash) -> None:
    t, _ = hash
    fill(t)
    expected = {0: 0, 1: 10, 2: 20, 3: 30, 4: 40}
    assert content(t) == expected
    assert {k.value: v.value for k, v in t.iteritems()} == expected
    assert {k.value: v.value for k, v in t.items_lookup_batch()} == expected
    assert [v.value for v in t.values()] == [v.value for v in t.itervalues()] == [0, 10, 20, 30, 40]
    assert [k.value for k in t.keys()] == [k.value for k in t] == list(expected)  # noqa: SIM118
    assert t[t.Key(3)].value == 30
    assert len(t) == 5


def test_items_are_a_list_of_keys_and_leaves_of_the_tables_classes(hash: Hash) -> None:
    t, _ = hash
    fill(t, 1)
    items = t.items()
    assert type(items) is list
    ((key, leaf),) = items
    assert type(key) is t.Key
    assert type(leaf) is t.Leaf


def test_a_mapping_has_its_other_methods(hash: Hash) -> None:
    t, _ = hash
    fill(t)
    assert t.Key(4) in t
    assert t.Key(9) not in t
    assert t.get(t.Key(9)) is None
    assert t.get(t.Key(9), "nothing") == "nothing"
    assert t.pop(t.Key(4)).value == 40
    assert t.pop(t.Key(4), None) is None
    assert t.setdefault(t.Key(3), t.Leaf(1)).value == 30
    with pytest.raises(KeyError):
        t.pop(t.Key(4))


def test_a_missing_key_is_a_bare_key_error(hash: Hash) -> None:
    t, _ = hash
    for ask in (t.__getitem__, t.__delitem__):
        with pytest.raises(KeyError) as caught:
            ask(t.Key(7))
        assert caught.value.args == ()
        assert not isinstance(caught.value, SyscallError)


def test_a_full_table_says_so_in_bccs_words_first(tmp_path: Path) -> None:
    with table_of(tmp_path, MapType.HASH, size=2) as (t, _):
        fill(t, 2)
        with pytest.raises(TableError) as caught:
            t[t.Key(9)] = t.Leaf(0)
        assert str(caught.value).startswith("Could not update table: Argument list too long (")
        assert "map 't': E2BIG" in str(caught.value)
        assert "the map is full" in str(caught.value)
        assert caught.value.errno == errno.E2BIG


@pytest.mark.parametrize(
    ("key", "leaf", "message"),
    [
        pytest.param(1, ctypes.c_ulonglong(1), r"table\.Key\(1\)", id="plain-key"),
        pytest.param(ctypes.c_uint(1), 5, r"table\.Leaf\(5\)", id="plain-leaf"),
        pytest.param(ctypes.c_ushort(1), ctypes.c_ulonglong(1), "has 2 bytes", id="short-key"),
        pytest.param(ctypes.c_uint(1), ctypes.c_ubyte(1), "has 1 bytes", id="short-leaf"),
    ],
)
def test_what_does_not_fit_never_reaches_the_kernel(
    tmp_path: Path, key: object, leaf: object, message: str
) -> None:
    with table_of(tmp_path, MapType.HASH) as (t, calls):
        with pytest.raises(TypeError, match=message):
            t[key] = leaf
        assert not calls.maps[t.map_fd].values


def test_any_ctypes_object_of_the_right_size_will_do(hash: Hash) -> None:
    t, _ = hash
    t[(ctypes.c_ubyte * 4)(1, 0, 0, 0)] = (ctypes.c_uint * 2)(7, 1)
    assert t[ctypes.c_int(1)].value == 7 + (1 << 32)


def test_a_class_of_another_size_is_refused_when_opened(tmp_path: Path) -> None:
    with (
        table_of(tmp_path, MapType.HASH) as (t, _),
        pytest.raises(TypeError, match=r"leaf's class c_ushort has 2 bytes, the map's leaf has 8"),
    ):
        type(t)(t.bpf, t.map, t.Key, ctypes.c_ushort)


def test_classes_can_be_exchanged_for_others_of_their_size(tmp_path: Path) -> None:
    with table_of(tmp_path, MapType.HASH, leaf=Pair) as (t, _):
        t.Leaf = ctypes.c_ubyte * 16
        t[t.Key(1)] = t.Leaf(1, 2)
        assert list(t[t.Key(1)])[:3] == [1, 2, 0]
        with pytest.raises(TypeError, match=r"leaf's class c_ushort has 2 bytes, the map's leaf"):
            t.Leaf = ctypes.c_ushort
        with pytest.raises(TypeError, match=r"key's class Pair has 16 bytes, the map's key has 4"):
            t.Key = Pair


def test_clear_and_zero(hash: Hash) -> None:
    t, _ = hash
    fill(t)
    t.zero()
    assert content(t) == dict.fromkeys(range(5), 0)
    t.clear()
    assert content(t) == {}
    assert len(t) == 0


def test_taking_all_happens_when_the_first_is_asked_for(hash: Hash) -> None:
    t, _ = hash
    fill(t)
    taken = t.items_lookup_and_delete_batch()
    assert len(t) == 5
    assert next(taken)[1].value == 0
    assert len(t) == 0
    assert [v.value for _, v in taken] == [10, 20, 30, 40]


@pytest.mark.parametrize(
    ("keys", "values"),
    [
        pytest.param((ctypes.c_uint * 3)(1, 2, 3), (ctypes.c_ulonglong * 3)(4, 5, 6), id="arrays"),
        pytest.param([1, 2, 3], [4, 5, 6], id="lists"),
        pytest.param({1: 4, 2: 5, 3: 6}, None, id="dictionary"),
        pytest.param({1: 4, 2: 5, 3: 6}.keys(), {1: 4, 2: 5, 3: 6}.values(), id="its-views"),
        pytest.param(
            [ctypes.c_uint(1), 2, ctypes.c_uint(3)], [4, ctypes.c_ulonglong(5), 6], id="mixed"
        ),
    ],
)
def test_many_are_set_from_what_scripts_have(hash: Hash, keys: object, values: object) -> None:
    t, _ = hash
    t.items_update_batch(keys, values)
    assert content(t) == {1: 4, 2: 5, 3: 6}
    t.items_delete_batch([3, 1])
    assert content(t) == {2: 5}
    t.items_delete_batch()
    assert content(t) == {}


def test_structures_are_set_from_objects_and_tuples(tmp_path: Path) -> None:
    with table_of(tmp_path, MapType.HASH, key=Pair) as (t, _):
        t.items_update_batch([(1, b"", 2), Pair(3, b"", 4)], [5, 6])
        assert {(k.a, k.b): v.value for k, v in t.items()} == {(1, 2): 5, (3, 4): 6}


@pytest.mark.parametrize(
    ("keys", "values", "error", "message"),
    [
        pytest.param([1], [1, 2], ValueError, "^keys array length != values", id="lengths"),
        pytest.param(range(9), range(9), ValueError, "^Array's length is wrong", id="too-many"),
        pytest.param(5, [1], TypeError, "not int", id="number"),
        pytest.param("ab", [1, 2], TypeError, "not str", id="text"),
        pytest.param([1], None, TypeError, "not NoneType", id="no-values"),
        pytest.param((ctypes.c_ubyte * 1)(), [1], TypeError, "array of c_ubyte", id="element"),
        pytest.param([ctypes.c_ubyte(1)], [1], TypeError, "c_ubyte 1", id="object"),
        pytest.param([1 << 32], [1], OverflowError, "keys of table 't'.*c_uint", id="too-large"),
    ],
)
def test_wrong_batches_are_refused(
    hash: Hash, keys: object, values: object, error: type[Exception], message: str
) -> None:
    t, _ = hash
    with pytest.raises(error, match=message):
        t.items_update_batch(keys, values)
    assert len(t) == 0


def test_no_keys_and_no_values_are_nothing_to_do(hash: Hash) -> None:
    t, _ = hash
    t.items_update_batch([], [])
    t.items_delete_batch([])
    assert len(t) == 0


def test_deleting_stops_at_the_key_that_is_missing(hash: Hash) -> None:
    t, _ = hash
    fill(t)
    with pytest.raises(
        TableError, match=r"^BPF_MAP_DELETE_BATCH has failed: No such file"
    ) as error:
        t.items_delete_batch([1, 7, 2])
    assert error.value.errno == errno.ENOENT
    assert "key 1 of 3" in str(error.value)
    assert sorted(content(t)) == [0, 2, 3, 4]


def test_a_refused_batch_says_which(tmp_path: Path) -> None:
    with table_of(tmp_path, MapType.HASH) as (t, calls):
        calls.maps[t.map_fd].frozen = True
        with pytest.raises(TableError, match=r"^BPF_MAP_UPDATE_BATCH has failed: Operation not"):
            t.items_update_batch([1], [1])
        with pytest.raises(TableError, match=r"^Could not update table: Operation not permitted"):
            t[t.Key(1)] = t.Leaf(1)


def test_writing_to_one_item_never_changes_another(tmp_path: Path) -> None:
    with table_of(tmp_path, MapType.HASH, key=Pair, leaf=Pair) as (t, _):
        t.items_update_batch([(i, b"", i) for i in range(4)], [(i, b"", i) for i in range(4)])
        items = t.items()
        items[1][0].b = items[1][1].b = 99
        assert [k.b for k, _ in items] == [0, 99, 2, 3]
        assert [v.b for _, v in items] == [0, 99, 2, 3]
        assert [k.b for k, _ in t.items()] == [0, 1, 2, 3]


def test_items_leave_the_garbage_collector_as_it_was(hash: Hash) -> None:
    t, _ = hash
    fill(t)
    assert gc.isenabled()
    t.items()
    assert gc.isenabled()
    gc.disable()
    try:
        t.items()
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_next_walks_and_stops(hash: Hash) -> None:
    t, _ = hash
    fill(t, 2)
    first = t.next(None)
    second = t.next(first)
    assert (first.value, second.value) == (0, 1)
    with pytest.raises(StopIteration):
        t.next(second)


def test_a_walk_outlives_that_its_keys_are_deleted(hash: Hash) -> None:
    t, _ = hash
    fill(t)
    seen = []
    for key in t:
        seen.append(key.value)
        del t[key]
    assert seen == [0, 1, 2, 3, 4]


def test_a_refused_lookup_is_a_key_error_and_tells_why(tmp_path: Path) -> None:
    with table_of(tmp_path, MapType.HASH) as (t, _):
        t._lookup = lambda key, leaf: errno.EPERM
        with pytest.raises(KeyError) as caught:
            t[t.Key(1)]
        assert isinstance(caught.value, RefusedLookupError)
        assert "BPF_MAP_LOOKUP_ELEM failed for map 't': EPERM" in str(caught.value)
        assert t.get(t.Key(1)) is None


def test_a_table_says_what_it_is(hash: Hash) -> None:
    t, _ = hash
    assert (t.name, t.ttype, t.flags, t.max_entries) == (b"t", 1, 0, 8)
    assert t.map_fd == t.get_fd() == t.fileno() == t.map.fileno()


def test_keys_and_leaves_have_a_text(hash: Hash) -> None:
    t, _ = hash
    assert (t.key_sprintf(t.Key(5)), t.leaf_sprintf(t.Leaf(255))) == (b"0x5", b"0xff")
    assert (t.key_scanf(b"0x5").value, t.leaf_scanf("017").value) == (5, 15)


def test_json_of_a_table_without_buckets_is_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with table_of(tmp_path, MapType.HASH, key=Pair) as (t, _):
        t.print_json_hist()
        assert capsys.readouterr().out == ""
        t.items_update_batch([(1, b"", 2)], [5])
        t.print_json_hist(section_header="pid")
        assert "'pid': 1" in capsys.readouterr().out
        t.print_log2_hist("us", "pid")
        assert capsys.readouterr().out.startswith("\npid = 1\n     us ")
        t.print_linear_hist("us", "pid")
        assert capsys.readouterr().out.startswith("\npid = 1\n     us ")


def test_a_closed_table_says_so(tmp_path: Path) -> None:
    with table_of(tmp_path, MapType.HASH) as (t, _):
        t.map.close()
        t._lookup = t._update = lambda key, leaf: errno.EBADF
        for use in (lambda: t[t.Key(1)], lambda: t.__setitem__(t.Key(1), t.Leaf(1)), t.items):
            with pytest.raises(ValueError, match="the descriptor of map 't' is closed"):
                use()
