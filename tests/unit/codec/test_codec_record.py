"""Records: tuples that know the names of their members."""

from __future__ import annotations

import copy
import pickle

import pytest

from bpfkit.codec.record import as_dict, record_class


def test_a_record_is_a_tuple_with_names() -> None:
    made = record_class("event", ["pid", "comm"])
    record = made((7, b"bash"))
    assert (record.pid, record["comm"], record[0], record[-1]) == (7, b"bash", 7, b"bash")
    assert record[:1] == (7,)
    pid, comm = record
    assert (pid, comm) == (7, b"bash")
    assert repr(record) == "event(pid=7, comm=b'bash')"
    assert as_dict(record) == {"pid": 7, "comm": b"bash"}


def test_records_equal_tuples_and_mappings_but_not_other_names() -> None:
    record = record_class("a", ["x", "y"])((1, 2))
    assert record == (1, 2)
    assert record == {"x": 1, "y": 2}
    assert record == record_class("b", ["x", "y"])((1, 2))
    assert record != record_class("a", ["x", "z"])((1, 2))
    assert record != {"x": 1}
    assert record != 5
    assert record != (1, 3)
    assert {record: "found"}[1, 2] == "found"  # type: ignore[index]


def test_what_is_not_there_says_so() -> None:
    record = record_class("event", ["pid"])((7,))
    with pytest.raises(AttributeError, match="event has no member 'tid'"):
        _ = record.tid
    with pytest.raises(KeyError):
        record["tid"]
    with pytest.raises(IndexError):
        record[1]


def test_any_name_of_c_is_an_attribute_or_an_item() -> None:
    names = ["class", "count", "__state", "keys", "__len__", "_x", "größe", "__class__"]
    record = record_class("odd name!", names)(range(8))
    assert [record[name] for name in names] == list(range(8))
    plain = [name for name in names if not name.endswith("__")]
    assert [getattr(record, name) for name in plain] == [0, 1, 2, 3, 5, 6]
    assert len(record) == 8
    assert repr(record).startswith("Record(class=0, ")


def test_records_with_many_members_have_all_of_them() -> None:
    names = [f"m{i}" for i in range(40)]
    record = record_class("wide", names)(range(40))
    assert [getattr(record, name) for name in names] == list(range(40))


def test_records_are_copied_and_pickled() -> None:
    record = record_class("event", ["pid", "comm"])((7, b"bash"))
    for again in (copy.copy(record), copy.deepcopy(record), pickle.loads(pickle.dumps(record))):
        assert again == record
        assert again.comm == b"bash"
