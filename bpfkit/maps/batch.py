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
_ELEMENTS = 1 << 14
_BYTES = 1 << 22


class Batched(Protocol):
    """A map, as far as it is needed here."""

    key_size: int
    max_entries: int
    buffer_size: int

    def keys(self) -> Iterator[bytes]:
        """Its keys."""

    def lookup(self, key: bytes, flags: int = 0) -> bytes | None:
        """One value."""

    def lookup_and_delete(self, key: bytes) -> bytes | None:
        """One value, which is gone after that."""

    def update(self, key: bytes, value: bytes, flags: int = 0) -> None:
        """Set one value."""

    def delete(self, key: bytes) -> bool:
        """Remove one key."""

    def lookup_batch(
        self, cursor: bytes | None, count: int, *, delete: bool = False, flags: int = 0
    ) -> Batch:
        """Some elements."""

    def update_batch(self, keys: bytes, values: bytes, count: int, flags: int = 0) -> None:
        """Set some values."""

    def delete_batch(self, keys: bytes, count: int) -> int:
        """Remove some keys."""


def iterate(map: Batched, *, delete: bool = False) -> Iterator[tuple[bytes, bytes]]:
    """Give every key and value; with ``delete`` they are gone when given."""
    for batch in batches(map, delete=delete):
        yield from _split(map, batch)


def batches(map: Batched, *, delete: bool = False, flags: int = 0) -> Iterator[Batch]:
    """Give every key and value, many at a time; where there are no batches, made one by one.

    A walk ends: after twice as many elements as the map has room for, whatever programs add
    meanwhile. Hashes are walked bucket by bucket, so that an element comes once.
    """
    count = batch_size(map)
    try:
        batch = map.lookup_batch(None, count, delete=delete, flags=flags)
    except SyscallError as error:
        if error.errno not in NO_BATCHES and error.errno != errno.ENOSPC:
            raise
        if error.errno in NO_BATCHES:
            yield from _one_by_one(map, count, delete, flags)
            return
        batch, count = _larger(map, None, count, delete, flags)
    left = 2 * map.max_entries + count
    while True:
        yield batch
        left -= batch.count
        if batch.cursor is None or left <= 0:
            return
        batch, count = _larger(map, batch.cursor, count, delete, flags)


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


def _larger(
    map: Batched, cursor: bytes | None, count: int, delete: bool, flags: int
) -> tuple[Batch, int]:
    """The next batch, and the count that was large enough for it."""
    while True:
        try:
            return map.lookup_batch(cursor, count, delete=delete, flags=flags), count
        except SyscallError as error:
            # One bucket of the hash holds more than was asked for.
            if error.errno != errno.ENOSPC or count >= map.max_entries:
                raise
            count = min(count * 2, map.max_entries)


def _split(map: Batched, batch: Batch) -> Iterator[tuple[bytes, bytes]]:
    key, value = map.key_size, map.buffer_size
    for i in range(batch.count):
        yield batch.keys[i * key : (i + 1) * key], batch.values[i * value : (i + 1) * value]


def _one_by_one(map: Batched, count: int, delete: bool, flags: int) -> Iterator[Batch]:
    keys: list[bytes] = []
    values: list[bytes] = []
    for key in list(map.keys()) if delete else map.keys():
        found = map.lookup(key, flags)
        if found is not None and (not delete or map.delete(key)):
            keys.append(key)
            values.append(found)
            if len(keys) == count:
                yield Batch(count, b"".join(keys), b"".join(values), key)
                keys, values = [], []
    if keys:
        yield Batch(len(keys), b"".join(keys), b"".join(values), None)


def batch_size(map: Batched) -> int:
    """How many elements to move at a time."""
    fits = _BYTES // max(1, map.key_size + map.buffer_size)
    return max(1, min(map.max_entries, _ELEMENTS, fits))
