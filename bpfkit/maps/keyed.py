"""What maps with keys share: a mapping of plain Python values over a map that others change.

`items`, `keys` and `values` read in batches where kernel and map type have them and hold only one
batch in memory. While the map changes they end all the same, after at most twice as many elements
as it has room for; what changes meanwhile may be left out or come with either value.

One element of a hash is replaced atomically: a reader sees the old value or the new one. A batch is
no unit: each of its elements is changed for itself, and those before one that is refused stay
changed. `setdefault` and `pop` of a map that has no such call are two calls.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any, Generic, NoReturn, TypeVar, overload

from ..errors import SyscallError
from ..syscalls.api import Element
from ..syscalls.call import ENOTSUPP
from ..syscalls.hints import hint_for_element
from ..uapi.bpf import BpfCmd, UpdateFlag
from .batch import NO_BATCHES, batch_size, batches
from .typed import TypedMap
from .wire import MISFITS, AnyWire, Bytes, from_memory, in_place

K = TypeVar("K")
V = TypeVar("V")
D = TypeVar("D")
_ENOENT = -errno.ENOENT
NO_OPERATION = (errno.EINVAL, errno.EOPNOTSUPP, ENOTSUPP)


class KeyedMap(TypedMap, Generic[K, V]):
    """A mapping; missing keys raise KeyError, all else that fails is a SyscallError."""

    def _set_wires(self, key: AnyWire | None, value: AnyWire | None) -> None:
        self._key: AnyWire = key or Bytes(self.raw.key_size)
        self._value: AnyWire = self._value_wire(value or Bytes(self.raw.value_size))
        self._encode_key: Callable[[Any], bytes] = self._key.encode
        self._encode_value: Callable[[Any], bytes] = self._value.encode
        self._decode_value: Callable[[bytes], Any] = self._value.decode
        # Single elements are converted in place, in memory that is used again; each thread takes
        # another one. The list's own operations are atomic.
        self._write_key: Callable[[Any, int, Any], object] = in_place(self._key)
        self._write_value: Callable[[Any, int, Any], object] = in_place(self._value)
        self._read_value: Callable[[Any], Any] = from_memory(self._value)
        self._spare: list[Element] = []
        self._owned_fd = self.raw._fd
        calls = self._system.syscalls
        self._lookup, self._update = calls.map_lookup, calls.map_update
        self._subject = self.raw.subject
        self._fileno = self.raw.fileno

    def _value_wire(self, value: AnyWire) -> AnyWire:
        """What converts the whole value, given what converts the declared type."""
        return value

    # ------------------------------------------------------------ one element

    def __getitem__(self, key: K) -> V:
        spare = self._spare
        try:
            element = spare.pop()
        except IndexError:
            element = self._new_element()
        try:
            self._write_key(element.key, 0, key)
        except MISFITS:
            self._encode_key(key)  # raises what says more
            raise
        result = element.lookup(self._owned_fd._fd)
        if result >= 0:
            value: V = self._read_value(element.value)
            spare.append(element)
            return value
        spare.append(element)
        if result != _ENOENT:
            self._refuse(BpfCmd.MAP_LOOKUP_ELEM, result)
        raise KeyError(key)

    def __setitem__(self, key: K, value: V) -> None:
        spare = self._spare
        try:
            element = spare.pop()
        except IndexError:
            element = self._new_element()
        try:
            self._write_key(element.key, 0, key)
            self._write_value(element.value, 0, value)
        except MISFITS:
            self._encode_key(key)  # one of them raises what says more
            self._encode_value(value)
            raise
        result = element.update(self._owned_fd._fd)
        spare.append(element)
        if result < 0:
            self._refuse(BpfCmd.MAP_UPDATE_ELEM, result)

    def _new_element(self) -> Element:
        return self._system.syscalls.map_element(self.raw.key_size, self.raw.buffer_size)

    def _refuse(self, command: BpfCmd, result: int) -> NoReturn:
        self._owned_fd.fileno()  # raises when it is closed
        hint = hint_for_element(command, -result)
        raise SyscallError(-result, str(command), self._subject, hint or "")

    def __delitem__(self, key: K) -> None:
        if not self.raw.delete(self._encode_key(key)):
            raise KeyError(key)

    def __contains__(self, key: K) -> bool:
        return self.raw.lookup(self._encode_key(key)) is not None

    @overload
    def get(self, key: K, default: None = None, *, flags: int = 0) -> V | None: ...
    @overload
    def get(self, key: K, default: V | D, *, flags: int = 0) -> V | D: ...
    def get(self, key: K, default: V | D | None = None, *, flags: int = 0) -> V | D | None:
        """The value of a key, ``default`` when it is missing.

        ``flags``: UpdateFlag.LOCK reads under the value's spin lock.
        """
        found = self.raw.lookup(self._encode_key(key), flags)
        if found is None:
            return default
        value: V = self._decode_value(found)
        return value

    def put(self, key: K, value: V, flags: int = UpdateFlag.ANY) -> None:
        """Set a value as ``flags`` say: NOEXIST, EXIST, LOCK.

        Raises SyscallError: EEXIST or ENOENT as the flags ask, E2BIG when the map is full.
        """
        self.raw.update(self._encode_key(key), self._encode_value(value), flags)

    def setdefault(self, key: K, default: V) -> V:
        """The value of a key; it is set to ``default`` before when it is missing.

        Whoever sets a missing key first wins; a key that vanishes meanwhile gives ``default``.
        """
        found = self.get(key)
        if found is not None:
            return found
        try:
            self.put(key, default, UpdateFlag.NOEXIST)
        except SyscallError as error:
            if error.errno != errno.EEXIST:
                raise
            return self.get(key, default)
        return default

    def lookup_and_delete(self, key: K) -> V:
        """The value of a key, which is gone after that, in one step.

        Raises KeyError when it is missing, and SyscallError where the map has no such call: hashes
        have it since Linux 5.14.
        """
        found = self.raw.lookup_and_delete(self._encode_key(key))
        if found is None:
            raise KeyError(key)
        value: V = self._decode_value(found)
        return value

    @overload
    def pop(self, key: K) -> V: ...
    @overload
    def pop(self, key: K, default: V | D, /) -> V | D: ...
    def pop(self, key: K, *default: V | D) -> V | D:
        """Take a value out: in one step where the map can, else by two calls.

        Of several who do it at the same time by two calls, one gets the value.
        """
        try:
            return self.lookup_and_delete(key)
        except KeyError:
            if default:
                return default[0]
            raise
        except SyscallError as error:
            if error.errno not in NO_OPERATION:
                raise
        found = self.get(key)
        if found is not None and self.raw.delete(self._encode_key(key)):
            return found
        if default:
            return default[0]
        raise KeyError(key)

    # ------------------------------------------------------------ all elements

    def __len__(self) -> int:
        """Count the elements. The kernel does not tell: all are read, so it costs as `items`."""
        return sum(batch.count for batch in batches(self.raw))

    def __iter__(self) -> Iterator[K]:
        return self.keys()

    def items(self, *, flags: int = 0) -> Iterator[tuple[K, V]]:
        """Give keys and values. ``flags``: UpdateFlag.LOCK reads each under its spin lock."""
        return chain.from_iterable(self._pairs(delete=False, flags=flags))

    def keys(self) -> Iterator[K]:
        """Give the keys."""
        decode = self._key.decode_many
        return chain.from_iterable(decode(batch.keys) for batch in batches(self.raw))

    def values(self) -> Iterator[V]:
        """Give the values."""
        decode = self._value.decode_many
        return chain.from_iterable(decode(batch.values) for batch in batches(self.raw))

    def drain(self) -> Iterator[tuple[K, V]]:
        """Give keys and values, and delete what was given."""
        return chain.from_iterable(self._pairs(delete=True, flags=0))

    def _pairs(self, *, delete: bool, flags: int) -> Iterator[Iterable[tuple[K, V]]]:
        keys, values = self._key.decode_many, self._value.decode_many
        for batch in batches(self.raw, delete=delete, flags=flags):
            yield zip(keys(batch.keys), values(batch.values), strict=True)

    def update(
        self, items: Mapping[K, V] | Iterable[tuple[K, V]], flags: int = UpdateFlag.ANY
    ) -> None:
        """Set many values, in batches where kernel and map type have them.

        Of what cannot be converted, nothing of its batch reaches the kernel. Raises SyscallError
        when the kernel refuses one: those before it stay.
        """
        step = batch_size(self.raw)
        if isinstance(items, Mapping):
            if len(items) <= step:
                if items:
                    self._put_many(list(items.keys()), list(items.values()), flags)
                return
            keys, values = iter(items.keys()), iter(items.values())
            while part := list(islice(keys, step)):
                self._put_many(part, list(islice(values, step)), flags)
            return
        pairs = iter(items)
        while some := list(islice(pairs, step)):
            given, content = zip(*some, strict=True)
            self._put_many(given, content, flags)

    def _put_many(self, keys: Sequence[K], values: Sequence[V], flags: int) -> None:
        key_bytes, value_bytes = self._key.encode_many(keys), self._value.encode_many(values)
        raw = self.raw
        try:
            raw.update_batch(key_bytes, value_bytes, len(keys), flags)
        except SyscallError as error:
            if error.errno not in NO_BATCHES:
                raise
        else:
            return
        k, v = raw.key_size, raw.buffer_size
        for i in range(len(keys)):
            raw.update(key_bytes[i * k : (i + 1) * k], value_bytes[i * v : (i + 1) * v], flags)

    def delete_many(self, keys: Iterable[K]) -> int:
        """Remove keys; how many were there."""
        return self.raw.delete_many([self._encode_key(key) for key in keys])

    def clear(self) -> None:
        """Remove every key. What programs add meanwhile may stay."""
        for _ in batches(self.raw, delete=True):
            pass
