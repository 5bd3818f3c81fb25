"""Tries, stacks of addresses, queues, buffers, storage, and what no table can be."""

from __future__ import annotations

import ctypes
import errno
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bpfkit.compat.bcc import table as names
from bpfkit.compat.bcc.tables.errors import TableError
from bpfkit.compat.bcc.tables.opening import table_class
from bpfkit.errors import NotSupportedError, SyscallError
from bpfkit.syscalls.fd import OwnedFd
from bpfkit.uapi.bpf import MapType
from tests.fakes.tables import table_of


class Trace(ctypes.Structure):
    _fields_ = [("ip", ctypes.c_ulonglong * 127)]


class BuildId(ctypes.Structure):
    _fields_ = [
        ("status", ctypes.c_uint),
        ("build_id", ctypes.c_ubyte * 20),
        ("offset", ctypes.c_ulonglong),
    ]


class BuildIds(ctypes.Structure):
    _fields_ = [("trace", BuildId * 127)]


class Prefix(ctypes.Structure):
    _fields_ = [("prefixlen", ctypes.c_uint), ("address", ctypes.c_ubyte * 4)]


def test_a_trie_does_not_tell_its_length(tmp_path: Path) -> None:
    with table_of(tmp_path, MapType.LPM_TRIE, key=Prefix) as (t, _):
        t[t.Key(8, (10, 0, 0, 0))] = t.Leaf(1)
        assert [(k.prefixlen, v.value) for k, v in t.items()] == [(8, 1)]
        with pytest.raises(NotImplementedError, match="count its items"):
            len(t)


def test_a_stack_is_walked_from_the_innermost_address_to_the_first_zero(tmp_path: Path) -> None:
    with table_of(tmp_path, MapType.STACK_TRACE, key=ctypes.c_int, leaf=Trace) as (t, _):
        t[t.Key(3)] = t.Leaf((ctypes.c_ulonglong * 127)(0x30, 0x20, 0x10))
        assert list(t.walk(3)) == [0x30, 0x20, 0x10]
        assert list(t.walk(3, hex)) == ["0x30", "0x20", "0x10"]
        assert t[3].ip[0] == t[t.Key(3)].ip[0] == 0x30
        assert len(t) == 1
        for missing in (4, -errno.EFAULT):
            with pytest.raises(KeyError):
                t.walk(missing)
        t.clear()
        assert len(t) == 1
        full = (ctypes.c_ulonglong * 127)(*range(1, 128))
        t[t.Key(5)] = t.Leaf(full)
        assert list(t.walk(5)) == list(range(1, 128))


def test_a_stack_of_build_ids_ends_at_the_first_without(tmp_path: Path) -> None:
    with table_of(tmp_path, MapType.STACK_TRACE, key=ctypes.c_int, leaf=BuildIds) as (t, _):
        leaf = t.Leaf()
        for place, status in enumerate((1, 1, 2)):
            leaf.trace[place].status, leaf.trace[place].offset = status, 100 + place
        t[t.Key(0)] = leaf
        assert [frame.offset for frame in t.walk(0)] == [100, 101]


def test_a_queue_without_elements_is_a_key_error_in_bccs_words(tmp_path: Path) -> None:
    with table_of(tmp_path, MapType.QUEUE, key=None) as (t, _):
        with pytest.raises(KeyError, match="Could not pop from table"):
            t.pop()
        with pytest.raises(KeyError, match="Could not peek table"):
            t.peek()
        assert t.values() == []
        t.push(t.Leaf(7), t.BPF_EXIST if False else 0)
        assert t.peek().value == 7
        assert t.pop().value == 7
        with pytest.raises(TypeError, match=r"table\.Leaf\(4\)"):
            t.push(4)
        with pytest.raises(TypeError, match="has 1 bytes"):
            t.push(ctypes.c_ubyte(1))
        assert (t.name, t.ttype, t.flags, t.max_entries) == (b"t", 22, 0, 8)
        assert t.map_fd == t.map.fileno()
        assert t.leaf_scanf(t.leaf_sprintf(t.Leaf(7))).value == 7


def test_a_full_queue_says_so_in_bccs_words(tmp_path: Path) -> None:
    with table_of(tmp_path, MapType.STACK, key=None) as (t, calls):
        calls.maps[t.map_fd].frozen = True
        with pytest.raises(TableError, match=r"^Could not push to table: Operation not permitted"):
            t.push(t.Leaf(1))


def test_a_bloom_filter_knows_what_was_pushed(tmp_path: Path) -> None:
    with table_of(tmp_path, MapType.BLOOM_FILTER, key=None) as (t, _):
        assert t.Leaf(1) not in t
        t.push(t.Leaf(1))
        assert t.Leaf(1) in t
        assert t.Leaf(2) not in t


def test_a_ring_buffer_has_no_elements(tmp_path: Path) -> None:
    with table_of(
        tmp_path, MapType.RINGBUF, key=ctypes.c_char * 0, leaf=ctypes.c_char * 0, size=4096
    ) as (t, _):
        t.clear()
        assert (len(t), list(t), t.items(), t.values()) == (0, [], [], [])
        opened: list[Any] = []
        t.bpf.open_ring_buffer = lambda *given: opened.append(given)
        t.open_ring_buffer(print, 5)
        assert opened == [(t.map, print, 5)]
        with pytest.raises(NotSupportedError, match="sends no struct"):
            t.event(0)


def test_counters_are_opened_on_each_online_cpu(tmp_path: Path) -> None:
    with table_of(tmp_path, MapType.PERF_EVENT_ARRAY, key=ctypes.c_int, leaf=ctypes.c_uint) as (
        t,
        calls,
    ):
        asked: list[Any] = []

        def opened(event: Any, pid: int, cpu: int, *, subject: str) -> OwnedFd:  # noqa: ANN401
            asked.append((event.type, event.config, pid, cpu))
            return calls._open(subject)

        calls.perf_event_open = opened  # type: ignore[method-assign, assignment]
        t.open_perf_event(names.BPF_MAP_TYPE_HASH, 7)
        assert asked == [(1, 7, -1, 0), (1, 7, -1, 1)]
        counters = dict(t._counters)
        t.open_perf_event(1, 8, pid=5)
        assert all(counter.closed for counter in counters.values())
        first = t._counters[0]
        del t[0]
        del t[0]
        assert first.closed
        assert list(t._counters) == [1]


def test_a_counter_that_is_not_there_is_named(tmp_path: Path) -> None:
    with table_of(tmp_path, MapType.PERF_EVENT_ARRAY, key=ctypes.c_int, leaf=ctypes.c_uint) as (
        t,
        calls,
    ):

        def refuse(*_: object, subject: str) -> OwnedFd:
            raise SyscallError(errno.ENOENT, "perf_event_open", subject)

        calls.perf_event_open = refuse  # type: ignore[method-assign, assignment]
        with pytest.raises(TableError, match=r"^bpf_open_perf_event failed: .*type 0 config 0x1"):
            t.open_perf_event(0, 1)


@pytest.mark.parametrize(
    "kind",
    [MapType.SK_STORAGE, MapType.INODE_STORAGE, MapType.TASK_STORAGE, MapType.CGRP_STORAGE],
)
def test_storage_is_found_by_descriptor_and_has_no_keys(tmp_path: Path, kind: MapType) -> None:
    with table_of(tmp_path, kind, key=ctypes.c_int) as (t, _):
        t[5] = t.Leaf(1)
        assert t[SimpleNamespace(fileno=lambda: 5)].value == t[t.Key(5)].value == 1
        for walk in (lambda: list(t), lambda: len(t), t.items, t.values, t.iteritems, t.itervalues):
            with pytest.raises(TableError, match="has no keys to walk over"):
                walk()  # type: ignore[no-untyped-call]
        del t[5]
        with pytest.raises(KeyError):
            t[5]


def test_sockets_by_key_are_read_one_by_one(tmp_path: Path) -> None:
    with table_of(tmp_path, MapType.SOCKHASH) as (t, _):
        t[t.Key(1)] = 9
        assert [(k.value, v.value) for k, v in t.items()] == [(1, 9)]
        assert [v.value for v in t.values()] == [v.value for v in t.itervalues()] == [9]
        assert len(t) == 1
        t.clear()
        assert len(t) == 0


def test_what_has_no_elements_says_so() -> None:
    map: Any = SimpleNamespace(type=MapType.STRUCT_OPS, name="t")
    with pytest.raises(NotSupportedError, match=r"Unknown table type 26.*collection\.maps"):
        table_class(map)


def test_every_name_of_bccs_module_is_there() -> None:
    assert names.get_table_type_name(names.BPF_MAP_TYPE_LPM_TRIE) == "LPM_TRIE"
    assert names.get_table_type_name(-1) == "<unknown>"
    assert all(hasattr(names, name) for name in names.__all__)


def test_the_function_table_opens_by_name(tmp_path: Path) -> None:
    with table_of(tmp_path, MapType.HASH) as (t, _):
        again = names.Table(t.bpf, 0, t.map_fd, ctypes.c_int, None, b"t")
        assert isinstance(again, names.HashTable)
        assert again.Key is ctypes.c_int
