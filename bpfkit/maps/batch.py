"""Many elements at a time: in batches, one by one where the kernel or the map type has none.

Batches came with Linux kernel commit cb4d03ab499d ("bpf: Add generic support for lookup batch op")
(in v5.6) for hashes and arrays, and later for others. A batch of a hash holds whole buckets.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from typing import Protocol

from ..errors import SyscallError
from ..syscalls.call import ENOTSUPP
from ..syscalls.requests import Batch

NO_BATCHES = frozenset({errno.EINVAL, errno.EOPNOTSUPP, ENOTSUPP, errno.EPERM})
"""What the kernel says where it or the map's type has no batches."""
_ELEMENTS = 4096
_BYTES = 1 << 22


class Batched(Protocol):
    """A map, as far as it is needed here."""

    key_size: int
    max_entries: int
    buffer_size: int

    def keys(self) -> Iterator[bytes]:
        """Its keys."""

    def lookup(self, key: bytes) -> bytes | None:
        """One value."""

    def lookup_and_delete(self, key: bytes) -> bytes | None:
        """One value, which is gone after that."""

    def update(self, key: bytes, value: bytes, flags: int = 0) -> None:
        """Set one value."""

    def delete(self, key: bytes) -> bool:
        """Remove one key."""

    def lookup_batch(self, cursor: bytes | None, count: int, *, delete: bool = False) -> Batch:
        """Some elements."""

    def update_batch(self, keys: bytes, values: bytes, count: int, flags: int = 0) -> None:
        """Set some values."""

    def delete_batch(self, keys: bytes, count: int) -> int:
        """Remove some keys."""


def iterate(map: Batched, *, delete: bool = False) -> Iterator[tuple[bytes, bytes]]:
    """Give every key and value; with ``delete`` they are gone when given."""
    for batch in batches(map, delete=delete):
        yield from _split(map, batch)


def batches(map: Batched, *, delete: bool = False) -> Iterator[Batch]:
    """Give the whole map as rows of keys and values, of one element each where it has no batches.

    With ``delete`` elements are gone when given.
    """
    count = batch_size(map)
    try:
        batch = _next(map, None, count, delete)
    except SyscallError as error:
        if error.errno not in NO_BATCHES:
            raise
        yield from (Batch(1, key, value, None) for key, value in _one_by_one(map, delete))
        return
    yield batch
    while batch.cursor is not None:
        batch = _next(map, batch.cursor, count, delete)
        yield batch


def update_all(map: Batched, items: Sequence[tuple[bytes, bytes]], flags: int) -> None:
    """Set values."""
    step = batch_size(map)
    for at in range(0, len(items), step):
        part = items[at : at + step]
        keys, values = b"".join(k for k, _ in part), b"".join(v for _, v in part)
        try:
            map.update_batch(keys, values, len(part), flags)
        except SyscallError as error:
            if error.errno not in NO_BATCHES:
                raise
            for key, value in part:
                map.update(key, value, flags)


def delete_all(map: Batched, keys: Sequence[bytes]) -> int:
    """Remove keys; how many were there."""
    done = at = 0
    step = batch_size(map)
    while at < len(keys):
        part = keys[at : at + step]
        try:
            removed = map.delete_batch(b"".join(part), len(part))
        except SyscallError as error:
            if error.errno not in NO_BATCHES:
                raise
            return done + sum(map.delete(key) for key in keys[at:])
        done += removed
        # The kernel stops at a key that is not there.
        at += removed if removed == len(part) else removed + 1
    return done


def _next(map: Batched, cursor: bytes | None, count: int, delete: bool) -> Batch:
    while True:
        try:
            return map.lookup_batch(cursor, count, delete=delete)
        except SyscallError as error:
            # One bucket of the hash holds more than was asked for.
            if error.errno != errno.ENOSPC or count >= map.max_entries:
                raise
            count = min(count * 2, map.max_entries)


def _split(map: Batched, batch: Batch) -> Iterator[tuple[bytes, bytes]]:
    key, value = map.key_size, map.buffer_size
    for i in range(batch.count):
        yield batch.keys[i * key : (i + 1) * key], batch.values[i * value : (i + 1) * value]


def _one_by_one(map: Batched, delete: bool) -> Iterator[tuple[bytes, bytes]]:
    for key in list(map.keys()) if delete else map.keys():
        found = map.lookup(key)
        if found is not None and (not delete or map.delete(key)):
            yield key, found


def batch_size(map: Batched) -> int:
    """How many elements to move at a time."""
    fits = _BYTES // max(1, map.key_size + map.buffer_size)
    return max(1, min(map.max_entries, _ELEMENTS, fits))
