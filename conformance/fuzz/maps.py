"""Maps beside their models: each operation is done on both, and what comes of it compared.

A `Twin` has operations by name; each takes a `Pick`, which chooses among options: Hypothesis in the
unit tests and the fuzzer, a seeded random number generator in the guests. A difference is an
AssertionError that names the operation.
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from bpfkit.errors import SyscallError
from bpfkit.maps.array import ArrayMap, IndexedMap
from bpfkit.maps.bloom import BloomFilter
from bpfkit.maps.hash import HashMap, LruHashMap, ResizableHashMap
from bpfkit.maps.keyed import KeyedMap
from bpfkit.maps.lpm import LpmTrie
from bpfkit.maps.of_maps import ArrayOfMaps, HashOfMaps, MapOfMaps
from bpfkit.maps.percpu import LruPerCpuHashMap, PerCpuArrayMap, PerCpuHashMap
from bpfkit.maps.queue import Queue, Stack
from bpfkit.maps.typed import TypedMap
from bpfkit.system import System
from bpfkit.uapi.bpf import UpdateFlag

Pick = Callable[[Sequence[Any]], Any]
FULL = frozenset({errno.E2BIG, errno.ENOSPC})
"""What a map without room says: ENOSPC is a trie's."""
_MISSING = object()
Plain = Any
"""A key or value of any type."""


class Twin(Protocol):
    """A map and its model."""

    @property
    def operations(self) -> dict[str, Callable[[Pick], None]]:
        """What can be done to both."""


def run(twin: Twin, seed: int, steps: int) -> None:
    """Do random operations. Raises AssertionError when the map does not do as its model."""
    choices = random.Random(seed)
    operations = twin.operations
    for step in range(steps):
        name = choices.choice(list(operations))
        try:
            operations[name](choices.choice)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}, step {step}, {name}: {error}") from error


class MappingTwin:
    """A mapping beside a dict."""

    def __init__(self, map: KeyedMap[Any, Any], keys: Sequence[Any], values: Sequence[Any]) -> None:
        """Use an empty map, or an array of zeroes; ``keys`` and ``values`` are picked from."""
        self.map = map
        self.keys = keys
        self.values = values
        self.fixed = isinstance(map, IndexedMap)
        self.model: dict[Any, Any] = dict.fromkeys(keys, map[0]) if self.fixed else {}
        self.zero = map[0] if self.fixed else None

    @property
    def operations(self) -> dict[str, Callable[[Pick], None]]:
        """All of them; what removes is none of an array's."""
        found: dict[str, Callable[[Pick], None]] = {
            "set": self.set, "put new": self.put_new, "put old": self.put_old, "get": self.get,
            "update": self.update, "compare": self.compare, "clear": self.clear,
        }  # fmt: skip
        if not self.fixed:
            found |= {
                "delete": self.delete, "pop": self.pop, "setdefault": self.setdefault,
                "delete many": self.delete_many, "drain": self.drain,
            }  # fmt: skip
        return found

    def found(self, key: Plain) -> Plain:
        """What the model says reading a key gives."""
        return self.model.get(key, _MISSING)

    def set(self, pick: Pick) -> None:
        """Assign."""
        key, value = pick(self.keys), pick(self.values)
        self._put(key, value, UpdateFlag.ANY)

    def put_new(self, pick: Pick) -> None:
        """Put what must not be there."""
        self._put(pick(self.keys), pick(self.values), UpdateFlag.NOEXIST)

    def put_old(self, pick: Pick) -> None:
        """Put what must be there."""
        self._put(pick(self.keys), pick(self.values), UpdateFlag.EXIST)

    def _put(self, key: Plain, value: Plain, flags: UpdateFlag) -> None:
        there = key in self.model
        expected: frozenset[int] = frozenset()
        if flags is UpdateFlag.NOEXIST and there:
            expected = frozenset({errno.EEXIST})
        elif flags is UpdateFlag.EXIST and not there:
            expected = frozenset({errno.ENOENT})
        elif not there and len(self.model) >= self.map.max_entries:
            expected = FULL
        got = refusal(lambda: self.map.put(key, value, flags))
        assert got in expected if expected else got is None, (key, value, flags, got, expected)
        if not expected:
            self.model[key] = value

    def get(self, pick: Pick) -> None:
        """Read in all ways."""
        key = pick(self.keys)
        wanted = self.found(key)
        assert self.map.get(key, _MISSING) == wanted, (key, wanted)
        assert (key in self.map) == (wanted is not _MISSING), key
        assert attempt(lambda: self.map[key]) == wanted, key

    def delete(self, pick: Pick) -> None:
        """Remove one."""
        key = pick(self.keys)
        there = self.model.pop(key, _MISSING) is not _MISSING
        assert (attempt(lambda: self.map.__delitem__(key)) is not _MISSING) == there, key

    def pop(self, pick: Pick) -> None:
        """Take one."""
        key = pick(self.keys)
        wanted = self.model.pop(key, _MISSING)
        assert self.map.pop(key, _MISSING) == wanted, key

    def setdefault(self, pick: Pick) -> None:
        """Read, or set what is missing."""
        key, value = pick(self.keys), pick(self.values)
        wanted = self.found(key)
        if wanted is _MISSING and len(self.model) >= self.map.max_entries:
            assert refusal(lambda: self.map.setdefault(key, value)) in FULL
            return
        got = self.map.setdefault(key, value)
        assert got == (value if wanted is _MISSING else wanted), key
        if wanted is _MISSING:
            self.model[key] = value

    def update(self, pick: Pick) -> None:
        """Set several at once: when there is no room for one, those before it stay."""
        some = {pick(self.keys): pick(self.values) for _ in range(pick(range(1, 6)))}
        full = False
        for key, value in some.items():
            full = key not in self.model and len(self.model) >= self.map.max_entries
            if full:
                break
            self.model[key] = value
        got = refusal(lambda: self.map.update(some))
        assert got in FULL if full else got is None, (some, got)

    def delete_many(self, pick: Pick) -> None:
        """Remove several at once."""
        some = [pick(self.keys) for _ in range(pick(range(1, 6)))]
        there = sum(self.model.pop(key, _MISSING) is not _MISSING for key in some)
        assert self.map.delete_many(some) == there, some

    def compare(self, pick: Pick) -> None:
        """Read everything in all ways."""
        del pick
        assert as_text(self.map.items()) == as_text(self.model.items())
        assert as_text(self.map.keys()) == as_text(self.model)
        assert as_text(self.map.values()) == as_text(self.model.values())
        assert len(self.map) == len(self.model)

    def drain(self, pick: Pick) -> None:
        """Take everything."""
        del pick
        assert as_text(self.map.drain()) == as_text(self.model.items())
        self.model.clear()

    def clear(self, pick: Pick) -> None:
        """Remove everything."""
        del pick
        self.map.clear()
        self.model = dict.fromkeys(self.keys, self.zero) if self.fixed else {}


class TrieTwin(MappingTwin):
    """A trie beside a dict of networks: reading finds the longest that holds the key.

    It has room for one key too many: of a full one, kernels before 6.13 do not even replace values.
    """

    def found(self, key: Plain) -> Plain:
        """The value of the longest prefix."""
        holding = [net for net in self.model if key.subnet_of(net)]
        if not holding:
            return _MISSING
        return self.model[max(holding, key=lambda net: net.prefixlen)]

    def setdefault(self, pick: Pick) -> None:
        """A key that a shorter prefix holds is there when it is read, and new when it is set."""
        self.get(pick)


class QueueTwin:
    """A queue or stack beside a list."""

    def __init__(self, queue: Queue[Any], values: Sequence[Any]) -> None:
        """Use an empty one."""
        self.queue = queue
        self.values = values
        self.model: list[Any] = []
        self.at = -1 if isinstance(queue, Stack) else 0

    @property
    def operations(self) -> dict[str, Callable[[Pick], None]]:
        """All of them."""
        return {"push": self.push, "force": self.force, "pop": self.pop, "peek": self.peek}

    def push(self, pick: Pick) -> None:
        """Add, where there is room."""
        value = pick(self.values)
        room = len(self.model) < self.queue.max_entries
        assert self.queue.try_push(value) == room
        if room:
            self.model.append(value)

    def force(self, pick: Pick) -> None:
        """Add, and drop the oldest where there is no room."""
        value = pick(self.values)
        self.queue.push(value, drop_oldest=True)
        self.model = [*self.model, value][-self.queue.max_entries :]

    def pop(self, pick: Pick) -> None:
        """Take."""
        del pick
        wanted = self.model.pop(self.at) if self.model else _MISSING
        assert attempt(self.queue.pop) == wanted

    def peek(self, pick: Pick) -> None:
        """Look."""
        del pick
        assert attempt(self.queue.peek) == (self.model[self.at] if self.model else _MISSING)


class BloomTwin:
    """A filter beside a set: what was added is found."""

    def __init__(self, filter: BloomFilter[Any], values: Sequence[Any]) -> None:
        """Use an empty one."""
        self.filter = filter
        self.values = values
        self.model: set[Any] = set()

    @property
    def operations(self) -> dict[str, Callable[[Pick], None]]:
        """All of them."""
        return {"add": self.add, "ask": self.ask}

    def add(self, pick: Pick) -> None:
        """Add."""
        value = pick(self.values)
        self.filter.add(value)
        self.model.add(value)

    def ask(self, pick: Pick) -> None:
        """Ask for one that was added, and for any: an empty filter holds none."""
        value = pick(self.values)
        assert value in self.filter or value not in self.model, value
        assert self.model or value not in self.filter, value


class OfMapsTwin:
    """A map of maps beside a dict of their ids."""

    def __init__(self, map: MapOfMaps[Any], keys: Sequence[Any], inner: Sequence[TypedMap]) -> None:
        """Use an empty one; ``inner`` are maps to put in."""
        self.map = map
        self.keys = keys
        self.inner = inner
        self.ids = [one.id for one in inner]
        self.model: dict[Any, int] = {}

    @property
    def operations(self) -> dict[str, Callable[[Pick], None]]:
        """All of them."""
        return {"set": self.set, "delete": self.delete, "open": self.open, "compare": self.compare}

    def set(self, pick: Pick) -> None:
        """Put one in."""
        key, which = pick(self.keys), pick(range(len(self.inner)))
        full = key not in self.model and len(self.model) >= self.map.max_entries
        got = refusal(lambda: self.map.put(key, self.inner[which]))
        assert got in FULL if full else got is None, (key, got)
        if not full:
            self.model[key] = self.ids[which]

    def delete(self, pick: Pick) -> None:
        """Take one out."""
        key = pick(self.keys)
        there = self.model.pop(key, _MISSING) is not _MISSING
        assert (attempt(lambda: self.map.__delitem__(key)) is not _MISSING) == there, key

    def open(self, pick: Pick) -> None:
        """Open what is in it."""
        key = pick(self.keys)
        found = attempt(lambda: self.map[key])
        if found is _MISSING:
            assert key not in self.model, key
            return
        with found:
            assert found.id == self.model.get(key), key

    def compare(self, pick: Pick) -> None:
        """Read everything."""
        del pick
        assert as_text(self.map.items()) == as_text(self.model.items())
        assert as_text(self.map) == as_text(self.model)


def attempt(call: Callable[[], Any]) -> Plain:
    """What a call gives; a mark when it says that there is nothing."""
    try:
        return call()
    except (KeyError, IndexError):
        return _MISSING


def refusal(call: Callable[[], object]) -> int | None:
    """The errno of what a call is refused with, None when it is not."""
    try:
        call()
    except SyscallError as error:
        return error.errno
    return None


def as_text(values: Plain) -> list[str]:
    """Values in an order that does not depend on the map's."""
    return sorted(map(repr, values))


WORDS = (0, 1, 5, 2**63, 2**64 - 1)
NETS = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "10.1.2.3/32", "10.128.0.0/9",
        "192.168.0.0/16", "192.168.0.1/32",
    )
)  # fmt: skip


@contextlib.contextmanager
def twin_of(kind: str, system: System) -> Iterator[Twin]:
    """Make a map of a kind of `KINDS` and its model."""
    with contextlib.ExitStack() as stack:
        yield KINDS[kind](system, stack)


def _hash(
    kind: type[HashMap[Any, Any]], room: int
) -> Callable[[System, contextlib.ExitStack], Twin]:
    def make(system: System, stack: contextlib.ExitStack) -> Twin:
        map = kind.create(name="t", key="u32", value="u64", max_entries=room, system=system)
        return MappingTwin(stack.enter_context(map), range(12), WORDS)

    return make


def _per_cpu_hash(
    kind: type[PerCpuHashMap[Any, Any]], room: int
) -> Callable[[System, contextlib.ExitStack], Twin]:
    def make(system: System, stack: contextlib.ExitStack) -> Twin:
        map = kind.create(name="t", key="u32", value="u32", max_entries=room, system=system)
        return MappingTwin(stack.enter_context(map), range(12), _lists(map.cpus))

    return make


def _lists(cpus: int) -> list[list[int]]:
    return [[word * cpu & 0xFFFFFFFF for cpu in range(cpus)] for word in (0, 1, 7, 2**31)]


def _array(system: System, stack: contextlib.ExitStack) -> Twin:
    map: ArrayMap[int] = ArrayMap.create(name="t", value="u64", max_entries=6, system=system)
    return MappingTwin(stack.enter_context(map), range(6), WORDS)


def _per_cpu_array(system: System, stack: contextlib.ExitStack) -> Twin:
    map: PerCpuArrayMap[int] = PerCpuArrayMap.create(
        name="t", value="u32", max_entries=6, system=system
    )
    return MappingTwin(stack.enter_context(map), range(6), _lists(map.cpus))


def _trie(system: System, stack: contextlib.ExitStack) -> Twin:
    map: LpmTrie[int] = LpmTrie.create(
        name="t", data="ipv4", value="u64", max_entries=len(NETS) + 1, system=system
    )
    return TrieTwin(stack.enter_context(map), NETS, WORDS)


def _queue(kind: type[Queue[Any]]) -> Callable[[System, contextlib.ExitStack], Twin]:
    def make(system: System, stack: contextlib.ExitStack) -> Twin:
        map = kind.create(name="t", value="u64", max_entries=4, system=system)
        return QueueTwin(stack.enter_context(map), WORDS)

    return make


def _bloom(system: System, stack: contextlib.ExitStack) -> Twin:
    map: BloomFilter[int] = BloomFilter.create(
        name="t", value="u64", max_entries=100, system=system
    )
    return BloomTwin(stack.enter_context(map), WORDS)


def _of_maps(hashed: bool) -> Callable[[System, contextlib.ExitStack], Twin]:
    def make(system: System, stack: contextlib.ExitStack) -> Twin:
        inner = [
            stack.enter_context(
                HashMap[int, int].create(
                    name=f"in{i}", key="u32", value="u32", max_entries=1, system=system
                )
            )
            for i in range(3)
        ]
        outer: MapOfMaps[int]
        if hashed:
            outer = HashOfMaps.create(
                name="t", key="u32", inner=inner[0], max_entries=4, system=system
            )
        else:
            outer = ArrayOfMaps.create(name="t", inner=inner[0], max_entries=4, system=system)
        return OfMapsTwin(stack.enter_context(outer), range(6 if hashed else 4), inner)

    return make


KINDS: dict[str, Callable[[System, contextlib.ExitStack], Twin]] = {
    "hash": _hash(HashMap, 8),
    "rhash": _hash(ResizableHashMap, 8),
    "lru_hash": _hash(LruHashMap, 4000),
    "percpu_hash": _per_cpu_hash(PerCpuHashMap, 8),
    "lru_percpu_hash": _per_cpu_hash(LruPerCpuHashMap, 4000),
    "array": _array,
    "percpu_array": _per_cpu_array,
    "lpm_trie": _trie,
    "queue": _queue(Queue),
    "stack": _queue(Stack),
    "bloom_filter": _bloom,
    "array_of_maps": _of_maps(False),
    "hash_of_maps": _of_maps(True),
}
"""By the name of the map type."""
