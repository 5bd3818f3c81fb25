"""A live map: raw keys and values as bytes, whatever its type.

Codecs and bcc's tables stand above. Reads and writes of one element are atomic for values of up to
8 bytes and for updates that replace an element of a hash; an array's larger values may be torn by a
program that writes them at the same time.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Self

from ..obj.spec import MapSpec
from ..syscalls.api import Syscalls
from ..syscalls.fd import OwnedFd
from ..system import System
from ..uapi.bpf import MapType, UpdateFlag

PER_CPU = frozenset(
    {
        MapType.PERCPU_HASH,
        MapType.PERCPU_ARRAY,
        MapType.LRU_PERCPU_HASH,
        MapType.PERCPU_CGROUP_STORAGE,
    }
)


class Map:
    """A map of the kernel. Sizes in bytes; ``value_size`` is that of one CPU's value."""

    def __init__(self, fd: OwnedFd, spec: MapSpec, system: System) -> None:
        """Take over ``fd``, which ``spec`` describes."""
        self._fd = fd
        self._syscalls: Syscalls = system.syscalls
        self.name = spec.name
        self.type = spec.type
        self.key_size = spec.key_size
        self.value_size = spec.value_size
        self.max_entries = spec.max_entries
        self._buffer_size = spec.value_size
        if spec.type in PER_CPU:
            # Each CPU's value starts at a multiple of 8 bytes.
            self._buffer_size = -(-spec.value_size // 8) * 8 * system.facts.possible_cpus

    def fileno(self) -> int:
        """The descriptor."""
        return self._fd.fileno()

    def lookup(self, key: bytes) -> bytes | None:
        """The value of a key, None when it is missing. Per-CPU maps give all CPUs' values."""
        return self._syscalls.map_lookup(
            self.fileno(), key, self._buffer_size, subject=self._subject
        )

    def update(self, key: bytes, value: bytes, flags: int = UpdateFlag.ANY) -> None:
        """Set a value. Raises SyscallError: E2BIG when full, EEXIST or ENOENT as flags ask."""
        self._syscalls.map_update(self.fileno(), key, value, flags, subject=self._subject)

    def delete(self, key: bytes) -> bool:
        """Remove a key; False when it was not there."""
        return self._syscalls.map_delete(self.fileno(), key, subject=self._subject)

    def keys(self) -> Iterator[bytes]:
        """Iterate over the keys, each once, also while the map changes.

        The kernel starts again from the first key when the current one is gone; keys seen before
        are left out then, and the walk ends after twice as many steps as the map has room.
        """
        seen: set[bytes] = set()
        key: bytes | None = None
        for _ in range(2 * self.max_entries + 2):
            key = self._syscalls.map_next_key(
                self.fileno(), key, self.key_size, subject=self._subject
            )
            if key is None:
                return
            if key not in seen:
                seen.add(key)
                yield key

    def freeze(self) -> None:
        """Allow no more changes from user space."""
        self._syscalls.map_freeze(self.fileno(), subject=self._subject)

    def close(self) -> None:
        """Close the descriptor. Calling it twice is harmless."""
        self._fd.close()

    @property
    def _subject(self) -> str:
        return f"map '{self.name}'"

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
