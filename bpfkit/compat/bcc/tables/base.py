"""What all tables share: a mapping of ctypes keys to ctypes leaves over a live map.

``Key`` and ``Leaf`` are made from the C declaration through BTF (``codec/views.py``), laid out as
bcc lays them out. Values returned are copies. A missing key is a bare KeyError; anything else that
fails says so in bcc's words and is a SyscallError too. The whole table is read and written in
batches where the kernel has them for its type; what the program changes meanwhile may be left out
or come with either value, and never makes the walk endless.
"""

from __future__ import annotations

import ctypes
import errno
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, NoReturn

from ....errors import SyscallError
from ....maps.base import Map
from ....maps.batch import batch_size, batches
from ....syscalls.hints import hint_for_call, hint_for_element
from ....uapi.bpf import BpfCmd
from . import formatting
from .bulk import CLASSES, CData, CollectionPaused, delete_row, pack, unpack, update_row
from .described import Described
from .errors import RefusedLookupError, TableError, table_error
from .printing import Histograms, Pairs

if TYPE_CHECKING:
    from ....syscalls.requests import Batch
    from ..bpf import BPF


class TableBase(Described, Histograms, MutableMapping[CData, CData]):
    """A table of any kind."""

    def __init__(self, bpf: BPF, map: Map, key: type[CData], leaf: type[CData]) -> None:
        """Open ``map``. Raises TypeError when a class has not the size the map has."""
        self.bpf = bpf
        self.map = map
        self.Key = key
        self.Leaf = leaf
        self._calls = map.in_place()
        self._lookup, self._update = self._calls.lookup, self._calls.update
        # What needs no second look before it goes to the kernel.
        self._plain_key: object = key
        self._plain_leaf: object = leaf

    def __setattr__(self, name: str, value: CData) -> None:
        # The kernel writes into objects of these classes, also of those that a script puts here.
        if name == "Key":
            self._check("key", value, self.map.key_size)
        elif name == "Leaf":
            self._check("leaf", value, self._leaf_bytes)
        super().__setattr__(name, value)

    @property
    def _leaf_bytes(self) -> int:
        return self.map.value_size

    def _check(self, what: str, kind: type[CData], size: int) -> None:
        if ctypes.sizeof(kind) != size:
            raise TypeError(
                f"table '{self.map.name}': the {what}'s class {kind.__name__} has "
                f"{ctypes.sizeof(kind)} bytes, the map's {what} has {size}"
            )

    # ------------------------------------------------------------ what it is

    def get_fd(self) -> int:
        """The map's descriptor, in bcc's older spelling."""
        return self.map.fileno()

    def fileno(self) -> int:
        """The map's descriptor, as Python's own functions ask for it."""
        return self.map.fileno()

    # ------------------------------------------------------------ one element

    def __getitem__(self, key: CData) -> CData:
        if type(key) is not self._plain_key:
            key = self._key(key)
        leaf = self.Leaf()
        code = self._lookup(key, leaf)
        if code:
            self._missing(code, BpfCmd.MAP_LOOKUP_ELEM)
        return leaf

    def __setitem__(self, key: CData, leaf: CData) -> None:
        if type(key) is not self._plain_key:
            key = self._key(key)
        if type(leaf) is not self._plain_leaf:
            leaf = self._leaf(leaf)
        code = self._update(key, leaf)
        if code:
            self._not_updated("Could not update table", code)

    def __delitem__(self, key: CData) -> None:
        if type(key) is not self._plain_key:
            key = self._key(key)
        code = self._calls.delete(key)
        if code:
            self._missing(code, BpfCmd.MAP_DELETE_ELEM)

    def _key(self, key: CData) -> CData:
        """``key`` as an object of ctypes that has the size of a key."""
        return key if type(key) is self.Key else self._fitting(key, "Key", self.Key)

    def _leaf(self, leaf: CData) -> CData:
        """``leaf`` as an object of ctypes that has the size of a value."""
        return leaf if type(leaf) is self.Leaf else self._fitting(leaf, "Leaf", self.Leaf)

    def _fitting(self, value: CData, role: str, kind: type[CData]) -> CData:
        if not isinstance(value, CLASSES):
            raise TypeError(
                f"table '{self.map.name}' takes ctypes values, as table.{role}({value!r})"
            )
        if ctypes.sizeof(value) != ctypes.sizeof(kind):
            raise TypeError(
                f"table '{self.map.name}': {type(value).__name__} has {ctypes.sizeof(value)} "
                f"bytes, its C type has {ctypes.sizeof(kind)}"
            )
        return value

    def _missing(self, code: int, call: BpfCmd) -> NoReturn:
        if code == errno.ENOENT:
            raise KeyError
        self.map.fileno()  # ValueError when the table's object is closed
        raise RefusedLookupError(code, str(call), self.map.subject, _hint(call, code))

    def _not_updated(self, words: str, code: int) -> NoReturn:
        self.map.fileno()  # ValueError when the table's object is closed
        call = BpfCmd.MAP_UPDATE_ELEM
        raise TableError(words, code, str(call), self.map.subject, _hint(call, code))

    # ------------------------------------------------------------ all elements

    def __iter__(self) -> Iterator[CData]:
        # The kernel starts again from the first key when the current one is gone: each key is given
        # once, and the walk is bounded.
        seen: set[bytes] = set()
        row = ctypes.c_char * self.map.key_size
        cursor, found = None, row()
        for _ in range(2 * self.max_entries + 2):
            code = self._calls.next_key(cursor, found)
            if code:
                self._no_next_key(code)
                return
            key = found.raw
            cursor, found = found, cursor or row()
            if key not in seen:
                seen.add(key)
                yield self.Key.from_buffer_copy(key)

    def _no_next_key(self, code: int) -> None:
        if code != errno.ENOENT:
            call = BpfCmd.MAP_GET_NEXT_KEY
            raise SyscallError(code, str(call), self.map.subject, _hint(call, code))

    def iter(self) -> Iterator[CData]:
        """Iterate over the keys."""
        return iter(self)

    def keys(self) -> Iterator[CData]:  # type: ignore[override]  # bcc gives an iterator, not a view
        """Iterate over the keys."""
        return iter(self)

    def next(self, key: CData | None) -> CData:
        """The key after ``key``, the first one after None; StopIteration after the last."""
        found = self.Key()
        code = self._calls.next_key(None if key is None else self._key(key), found)
        if code:
            self._no_next_key(code)
            raise StopIteration
        return found

    def __len__(self) -> int:
        return sum(batch.count for batch in batches(self.map))

    def _chunks(self) -> Iterator[tuple[Iterable[CData], Iterable[CData]]]:
        """Keys and leaves of the whole table, some at a time."""
        for batch in batches(self.map):
            yield self._unpack_keys(batch.keys), self._unpack_leaves(batch.values)

    def _unpack_keys(self, row: bytes) -> Iterable[CData]:
        return unpack(self.Key, row)

    def _unpack_leaves(self, row: bytes) -> Iterable[CData]:
        return unpack(self.Leaf, row)

    def iteritems(self) -> Iterator[tuple[CData, CData]]:
        """Iterate over pairs; keys that vanish meanwhile are left out."""
        for keys, leaves in self._chunks():
            with CollectionPaused():
                pairs = list(zip(keys, leaves, strict=True))
            yield from pairs

    def itervalues(self) -> Iterator[CData]:
        """Iterate over the leaves."""
        for _, leaves in self._chunks():
            yield from leaves

    def items(self) -> list[tuple[CData, CData]]:  # type: ignore[override]  # bcc gives a list
        """All pairs as a list.

        Those read together share a buffer; writing to one never changes another.
        """
        pairs: list[tuple[CData, CData]] = []
        with CollectionPaused():
            for keys, leaves in self._chunks():
                pairs += zip(keys, leaves, strict=True)
        return pairs

    def values(self) -> list[CData]:  # type: ignore[override]  # bcc gives a list
        """All leaves as a list."""
        found: list[CData] = []
        with CollectionPaused():
            for _, leaves in self._chunks():
                found += leaves
        return found

    def _pairs(self) -> Pairs:
        return self.items()

    def clear(self) -> None:
        """Delete every key."""
        for _ in batches(self.map, delete=True):
            pass

    def zero(self) -> None:
        """Set every leaf to zeroes."""
        # All keys first: what is set again may turn up a second time in a walk.
        for keys, count in [(batch.keys, batch.count) for batch in batches(self.map)]:
            self._zero_row(keys, count)

    def _zero_row(self, keys: bytes, count: int) -> None:
        try:
            update_row(self.map, keys, bytes(count * self.map.buffer_size), count)
        except SyscallError as error:
            raise table_error("Could not update table", error) from error

    # ------------------------------------------------------------ batches

    def items_lookup_batch(self) -> Iterator[tuple[CData, CData]]:
        """Iterate over all pairs, read in batches."""
        try:
            for keys, leaves in self._chunks():
                with CollectionPaused():
                    pairs = list(zip(keys, leaves, strict=True))
                yield from pairs
        except SyscallError as error:
            raise table_error(f"{BpfCmd.MAP_LOOKUP_BATCH} has failed", error) from error

    def items_lookup_and_delete_batch(self) -> Iterator[tuple[CData, CData]]:
        """Take all elements out and iterate over what they were.

        Nothing happens before the first is asked for; then all are gone.
        """
        for batch in self._take_all():
            yield from zip(
                self._unpack_keys(batch.keys), self._unpack_leaves(batch.values), strict=True
            )

    def _take_all(self) -> list[Batch]:
        try:
            return list(batches(self.map, delete=True))
        except SyscallError as error:
            words = f"{BpfCmd.MAP_LOOKUP_AND_DELETE_BATCH} has failed"
            raise table_error(words, error) from error

    def items_update_batch(self, ct_keys: CData, ct_values: CData = None) -> None:
        """Set many elements in one call.

        Keys and values are ctypes arrays, lists or other iterables, of ctypes objects or of what
        their classes take: numbers for scalars, tuples for structures. A dictionary is both.

        Raises ValueError when there are more than fit or not as many keys as values, and Exception
        when the kernel refuses; what came before may be set then.
        """
        if ct_values is None and isinstance(ct_keys, Mapping):
            ct_keys, ct_values = list(ct_keys), list(ct_keys.values())
        keys, count = self._row(*self._pack_keys(ct_keys))
        values, other = self._row(*self._pack_leaves(ct_values))
        if count != other:
            raise ValueError(
                f"keys array length != values array length: table '{self.map.name}' got {count} "
                f"keys and {other} values"
            )
        if not count:
            return
        try:
            update_row(self.map, keys, values, count)
        except SyscallError as error:
            raise table_error(f"{BpfCmd.MAP_UPDATE_BATCH} has failed", error) from error

    def items_delete_batch(self, ct_keys: object = None) -> None:
        """Delete many keys in one call, all of them without an argument.

        Keys are as for `items_update_batch`. Raises Exception at the first that is missing.
        """
        if ct_keys is None:
            self._take_all()
            return
        keys, count = self._row(*self._pack_keys(ct_keys))
        if not count:
            return
        command = BpfCmd.MAP_DELETE_BATCH
        try:
            done = delete_row(self.map, keys, count)
        except SyscallError as error:
            raise table_error(f"{command} has failed", error) from error
        if done < count:
            hint = f"key {done} of {count} is missing; those before it are deleted"
            raise TableError(
                f"{command} has failed", errno.ENOENT, str(command), self.map.subject, hint
            )

    def _pack_keys(self, keys: object) -> tuple[bytes, int]:
        return pack(keys, self.Key, f"keys of table '{self.map.name}'")

    def _pack_leaves(self, leaves: object) -> tuple[bytes, int]:
        return pack(leaves, self.Leaf, f"values of table '{self.map.name}'")

    def _row(self, row: bytes, count: int) -> tuple[bytes, int]:
        if count > self.max_entries:
            raise ValueError(
                f"Array's length is wrong: table '{self.map.name}' has room for "
                f"{self.max_entries}, not {count}"
            )
        return row, count

    @property
    def _rows(self) -> int:
        """How many elements to move at a time."""
        return batch_size(self.map)

    # ------------------------------------------------------------ text

    def key_sprintf(self, key: CData) -> bytes:
        """A key as bcc writes it: ``{ 0x1 "name" }``."""
        return formatting.emit(self._key(key))

    def leaf_sprintf(self, leaf: CData) -> bytes:
        """A leaf as bcc writes it."""
        return formatting.emit(self._leaf(leaf))

    def key_scanf(self, key_str: bytes | str) -> CData:
        """The key that `key_sprintf` wrote. Raises ValueError for other text."""
        return formatting.parse(self.Key, key_str, "key")

    def leaf_scanf(self, leaf_str: bytes | str) -> CData:
        """The leaf that `leaf_sprintf` wrote. Raises ValueError for other text."""
        return formatting.parse(self.Leaf, leaf_str, "leaf")


def _hint(call: BpfCmd, code: int) -> str:
    own = hint_for_element(call, code)
    return hint_for_call(call, code) if own is None else own
