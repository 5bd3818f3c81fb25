"""What every typed map must keep to, on the kernel in memory and on a real one.

`check_map` is for mappings, the others for families that have no keys or hold descriptors. Each
begins with a map that is empty (arrays: zero) and leaves it so.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from typing import Any

from bpfkit.errors import EncodeError, SyscallError
from bpfkit.maps.array import IndexedMap
from bpfkit.maps.bloom import BloomFilter
from bpfkit.maps.keyed import KeyedMap
from bpfkit.maps.queue import Queue, Stack
from bpfkit.maps.slots import ReadableSlots, SlotMap
from bpfkit.maps.storage import LocalStorage
from bpfkit.maps.typed import TypedMap
from bpfkit.uapi.bpf import UpdateFlag

Plain = Any
"""A key, value or owner of any type: what a map takes, only its maker knows."""


def raised(call: Callable[[], object]) -> BaseException | None:
    """What a call raises, None for nothing: these checks run where no pytest is wanted."""
    try:
        call()
    except Exception as error:
        return error
    return None


def check_any(map: TypedMap) -> None:
    """What all maps have in common."""
    info = map.info()
    assert (info.type, info.key_size, info.value_size) == (
        map.type, map.raw.key_size, map.raw.value_size,
    )  # fmt: skip
    assert info.max_entries == map.max_entries
    assert info.id == map.id
    assert map.fileno() >= 0
    assert f"'{map.name}'" in repr(map)
    assert "cannot be pickled" in str(raised(lambda: pickle.dumps(map)))
    assert "cannot be pickled" in str(raised(lambda: pickle.dumps(map.raw)))


def check_map(map: KeyedMap[Any, Any], keys: Sequence[Any], values: Sequence[Any]) -> None:
    """A mapping with room for ``keys``, at least three of them, none alike; as many ``values``."""
    check_any(map)
    if isinstance(map, IndexedMap):
        _check_indexed(map, values)
        return
    _check_one(map, keys, values)
    _check_taking(map, keys, values)
    _check_all(map, keys, values)


def _check_one(map: KeyedMap[Any, Any], keys: Sequence[Any], values: Sequence[Any]) -> None:
    one, other = keys[0], keys[1]
    assert one not in map
    assert isinstance(raised(lambda: map[one]), KeyError)
    assert map.get(one) is None
    assert map.get(one, 5) == 5
    assert isinstance(raised(lambda: map.__delitem__(one)), KeyError)
    map[one] = values[0]
    assert map[one] == values[0]
    assert one in map
    assert other not in map
    map[one] = values[1]
    assert map.get(one) == values[1]
    _check_flags(map, one, other, values)
    assert map.setdefault(one, values[0]) == values[1]
    assert map.setdefault(other, values[2]) == values[2] == map[other]
    assert isinstance(raised(lambda: map.__setitem__(one, object())), EncodeError)
    assert isinstance(raised(lambda: map.__setitem__(object(), values[0])), EncodeError)
    assert map[one] == values[1]


def _check_flags(map: KeyedMap[Any, Any], one: Plain, other: Plain, values: Sequence[Any]) -> None:
    exists = raised(lambda: map.put(one, values[0], UpdateFlag.NOEXIST))
    assert isinstance(exists, SyscallError)
    assert "EEXIST" in str(exists)
    assert map.raw.subject in str(exists)
    missing = raised(lambda: map.put(other, values[0], UpdateFlag.EXIST))
    assert "ENOENT" in str(missing)
    map.put(one, values[0], UpdateFlag.EXIST)
    assert map[one] == values[0]
    map.put(one, values[1])


def _check_taking(map: KeyedMap[Any, Any], keys: Sequence[Any], values: Sequence[Any]) -> None:
    one, other = keys[0], keys[1]
    assert map.pop(one) == values[1]
    assert one not in map
    assert isinstance(raised(lambda: map.pop(one)), KeyError)
    assert map.pop(one, 7) == 7
    del map[other]
    assert other not in map
    assert len(map) == 0
    assert list(map.items()) == []


def _check_all(map: KeyedMap[Any, Any], keys: Sequence[Any], values: Sequence[Any]) -> None:
    pairs = list(zip(keys, values, strict=True))
    map.update(pairs)
    shown = [repr(pair) for pair in pairs]
    assert sorted(map_repr(map.items())) == sorted(shown)
    assert sorted(map_repr(map.keys())) == sorted(map_repr(keys))
    assert sorted(map_repr(map)) == sorted(map_repr(keys))
    assert sorted(map_repr(map.values())) == sorted(map_repr(values))
    assert len(map) == len(keys)
    assert map.delete_many([keys[0], keys[1]]) == 2
    assert map.delete_many([keys[0], keys[2]]) == 1
    left = shown[3:]
    assert sorted(map_repr(map.drain())) == sorted(left)
    assert len(map) == 0
    if _hashable(keys):
        map.update(dict(pairs))
        assert len(map) == len(keys)
    else:
        map.update(pairs)
    map.clear()
    assert list(map.items()) == []


def map_repr(values: Plain) -> list[str]:
    """Values as text: not all can be sorted."""
    return [repr(value) for value in values]


def _hashable(keys: Sequence[Any]) -> bool:
    return raised(lambda: hash(keys[0])) is None


def _check_indexed(map: IndexedMap[Any], values: Sequence[Any]) -> None:
    size = map.max_entries
    zero = map[0]
    assert len(map) == size
    assert list(map) == list(range(size))
    assert list(map.values()) == [zero] * size
    map[0], map[-1] = values[0], values[1]
    assert (map[0], map[size - 1]) == (values[0], values[1])
    assert size - 1 in map
    assert size not in map
    assert isinstance(raised(lambda: map[size]), IndexError)
    assert isinstance(raised(lambda: map.__setitem__(-size - 1, values[0])), IndexError)
    assert isinstance(raised(lambda: map.__delitem__(0)), TypeError)
    assert isinstance(raised(lambda: map.pop(0)), TypeError)
    assert isinstance(raised(lambda: map.__setitem__(0, object())), EncodeError)
    map.update({1: values[2]})
    assert dict(map.items()) == {**dict.fromkeys(range(size), zero), 0: values[0], 1: values[2],
                                 size - 1: values[1]}  # fmt: skip
    assert "EEXIST" in str(raised(lambda: map.put(0, values[0], UpdateFlag.NOEXIST)))
    map.clear()
    assert list(map.values()) == [zero] * size


def check_queue(queue: Queue[Any], values: Sequence[Any]) -> None:
    """A queue or stack with room for exactly ``values``."""
    check_any(queue)
    newest_first = isinstance(queue, Stack)
    assert isinstance(raised(queue.pop), IndexError)
    assert isinstance(raised(queue.peek), IndexError)
    for value in values:
        queue.push(value)
    full = raised(lambda: queue.push(values[0]))
    assert "E2BIG" in str(full)
    assert "full" in str(full)
    assert not queue.try_push(values[0])
    expected = list(reversed(values)) if newest_first else list(values)
    assert queue.peek() == expected[0]
    assert list(queue.drain()) == expected
    for value in values:
        assert queue.try_push(value)
    queue.push(values[0], drop_oldest=True)
    kept = [*values[1:], values[0]]
    assert list(queue.drain()) == (list(reversed(kept)) if newest_first else kept)
    assert isinstance(raised(lambda: queue.push(object())), EncodeError)


def check_bloom(filter: BloomFilter[Any], values: Sequence[Any]) -> None:
    """An empty filter with room for ``values``."""
    check_any(filter)
    assert values[0] not in filter
    for value in values:
        filter.add(value)
    assert all(value in filter for value in values)
    assert isinstance(raised(lambda: filter.add(object())), EncodeError)


def check_slots(
    map: SlotMap[Any], keys: Sequence[Any], things: Sequence[Any], ids: Sequence[int] | None
) -> None:
    """A map of descriptors. ``things`` go in; ``ids`` are what is read, None where it cannot be."""
    check_any(map)
    missing = KeyError if map.tells_missing else type(None)
    assert isinstance(raised(lambda: map.__delitem__(keys[0])), missing)
    map[keys[0]], map[keys[1]] = things[0], things[1]
    wrong = raised(lambda: map.__setitem__(keys[0], 1 << 20))
    assert isinstance(wrong, SyscallError)
    if isinstance(map, ReadableSlots) and ids is not None:
        assert [map.id_at(keys[0]), map.id_at(keys[1])] == list(ids[:2])
        assert sorted(map_repr(map)) == sorted(map_repr(keys[:2]))
        assert (keys[0] in map, keys[2] in map, len(map)) == (True, False, 2)
        assert isinstance(raised(lambda: map.id_at(keys[2])), KeyError)
    map[keys[0]] = things[1]
    del map[keys[0]]
    del map[keys[1]]
    assert isinstance(raised(lambda: map.__delitem__(keys[1])), missing)


def check_storage(
    storage: LocalStorage[Any, Any], owner: Plain, other: Plain, values: Sequence[Any]
) -> None:
    """Values at ``owner``, none at ``other``."""
    check_any(storage)
    assert owner not in storage
    assert isinstance(raised(lambda: storage[owner]), KeyError)
    assert storage.get(owner) is None
    assert isinstance(raised(lambda: storage.__delitem__(owner)), KeyError)
    storage[owner] = values[0]
    assert storage[owner] == values[0]
    assert other not in storage
    assert "EEXIST" in str(raised(lambda: storage.put(owner, values[1], UpdateFlag.NOEXIST)))
    storage.put(owner, values[1], UpdateFlag.EXIST)
    assert storage.get(owner) == values[1]
    assert isinstance(raised(lambda: storage.__setitem__(owner, object())), EncodeError)
    del storage[owner]
    assert owner not in storage
