"""A live map: raw keys and values as bytes, whatever its type.

Codecs and bcc's tables stand above. Reads and writes of one element are atomic for values of up to
8 bytes and for updates that replace an element of a hash; an array's larger values may be torn by a
program that writes them at the same time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import NoReturn, Self

from ..obj.spec import MapSpec
from ..syscalls.api import Syscalls
from ..syscalls.fd import OwnedFd
from ..syscalls.requests import Batch, InPlaceCalls, MapInfo
from ..system import System
from ..uapi.bpf import MapType, UpdateFlag
from .batch import delete_all, iterate, update_all

PER_CPU = frozenset(
    {
        MapType.PERCPU_HASH,
        MapType.PERCPU_ARRAY,
        MapType.LRU_PERCPU_HASH,
        MapType.PERCPU_CGROUP_STORAGE,
    }
)

# Maps that are as large as what they hang on say 0 for the number of their elements.
_UNTOLD = 1 << 20


class Map:
    """A map of the kernel. Sizes in bytes; ``value_size`` is that of one CPU's value."""

    def __init__(self, fd: OwnedFd, spec: MapSpec, system: System) -> None:
        """Take over ``fd``, which ``spec`` describes."""
        self._fd = fd
        self._syscalls: Syscalls = system.syscalls
        self.name = spec.name
        self.subject = f"map '{spec.name}'"
        """What errors call it."""
        self.type = spec.type
        self.key_size = spec.key_size
        self.value_size = spec.value_size
        self.max_entries = spec.max_entries
        self.flags = spec.flags
        self.buffer_size = spec.value_size
        """Bytes of a value as the kernel gives it: of all CPUs in per-CPU maps."""
        if spec.type in PER_CPU:
            # Each CPU's value starts at a multiple of 8 bytes.
            self.buffer_size = -(-spec.value_size // 8) * 8 * system.facts.possible_cpus

    def fileno(self) -> int:
        """The descriptor."""
        return self._fd.fileno()

    def lookup(self, key: bytes, flags: int = UpdateFlag.ANY) -> bytes | None:
        """The value of a key, None when it is missing. Per-CPU maps give all CPUs' values."""
        return self._syscalls.map_lookup(
            self.fileno(), key, self.buffer_size, flags, subject=self.subject
        )

    def update(self, key: bytes, value: bytes, flags: int = UpdateFlag.ANY) -> None:
        """Set a value. Raises SyscallError: E2BIG when full, EEXIST or ENOENT as flags ask."""
        self._syscalls.map_update(self.fileno(), key, value, flags, subject=self.subject)

    def delete(self, key: bytes) -> bool:
        """Remove a key; False when it was not there."""
        return self._syscalls.map_delete(self.fileno(), key, subject=self.subject)

    def keys(self) -> Iterator[bytes]:
        """Iterate over the keys, each once, also while the map changes.

        The kernel starts again from the first key when the current one is gone; keys seen before
        are left out then, and the walk ends after twice as many steps as the map has room.
        """
        seen: set[bytes] = set()
        key: bytes | None = None
        for _ in range(2 * (self.max_entries or _UNTOLD) + 2):
            key = self._syscalls.map_next_key(
                self.fileno(), key, self.key_size, subject=self.subject
            )
            if key is None:
                return
            if key not in seen:
                seen.add(key)
                yield key

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Iterate over keys and values, in batches where kernel and map type have them.

        What changes meanwhile may be left out or come with either value; nothing comes twice.
        """
        return iterate(self)

    def lookup_and_delete(self, key: bytes) -> bytes | None:
        """The value of a key, which is gone after that; None when it is missing."""
        return self._syscalls.map_lookup_and_delete(
            self.fileno(), key, self.buffer_size, subject=self.subject
        )

    def lookup_batch(
        self, cursor: bytes | None, count: int, *, delete: bool = False, flags: int = 0
    ) -> Batch:
        """Up to ``count`` elements after ``cursor``, the first ones after None.

        Raises SyscallError: ENOSPC when ``count`` is too small for one bucket of a hash, EINVAL or
        ENOTSUPP where there are no batches.
        """
        return self._syscalls.map_lookup_batch(
            self.fileno(),
            cursor,
            self.key_size,
            self.buffer_size,
            count,
            delete=delete,
            flags=flags,
            subject=self.subject,
        )

    def drain(self) -> Iterator[tuple[bytes, bytes]]:
        """Iterate over keys and values and delete what was given."""
        return iterate(self, delete=True)

    def update_many(
        self, items: Sequence[tuple[bytes, bytes]], flags: int = UpdateFlag.ANY
    ) -> None:
        """Set many values, in one call where kernel and map type have batches."""
        update_all(self, items, flags)

    def delete_many(self, keys: Sequence[bytes]) -> int:
        """Remove keys; how many were there."""
        return delete_all(self, keys)

    def update_batch(self, keys: bytes, values: bytes, count: int, flags: int = 0) -> None:
        """Set ``count`` values in one call; keys and values in a row."""
        self._syscalls.map_update_batch(
            self.fileno(), keys, values, count, flags, subject=self.subject
        )

    def delete_batch(self, keys: bytes, count: int) -> int:
        """Remove ``count`` keys in one call; how many were removed before one was missing."""
        return self._syscalls.map_delete_batch(self.fileno(), keys, count, subject=self.subject)

    def info(self) -> MapInfo:
        """What the kernel says about the map."""
        return self._syscalls.map_info(self.fileno())

    def in_place(self) -> InPlaceCalls:
        """The calls on single elements for hot loops, with ctypes objects of the right sizes."""
        return self._syscalls.map_in_place(self._fd)

    def pin(self, path: str) -> None:
        """Keep the map alive under a name in a BPF file system."""
        self._syscalls.obj_pin(self.fileno(), path)

    def freeze(self) -> None:
        """Allow no more changes from user space."""
        self._syscalls.map_freeze(self.fileno(), subject=self.subject)

    def close(self) -> None:
        """Close the descriptor. Calling it twice is harmless."""
        self._fd.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"{self.subject} lives in the kernel and cannot be pickled; pin it and open the pin"
        )

    def __repr__(self) -> str:
        return f"<Map '{self.name}': {self.type}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
