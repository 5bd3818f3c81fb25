"""Per-CPU maps: each key has one value for every CPU that could ever be present.

BPF_MAP_TYPE_PERCPU_HASH and BPF_MAP_TYPE_PERCPU_ARRAY (v4.6), BPF_MAP_TYPE_LRU_PERCPU_HASH (v4.10).
The kernel gives and takes all values of a key at once, each starting at a multiple of 8 bytes.
"""

from __future__ import annotations

from collections.abc import Sequence

from .base import Map


class PerCpuMap(Map):
    """A map with a value for each CPU. Raw values are those of all CPUs; see `split` and `join`."""

    @property
    def stride(self) -> int:
        """Bytes from one CPU's value to the next one's."""
        return -(-self.value_size // 8) * 8

    @property
    def cpus(self) -> int:
        """How many values a key has."""
        return self.buffer_size // self.stride

    def split(self, value: bytes) -> list[bytes]:
        """Return the value of each CPU."""
        return [value[at : at + self.value_size] for at in range(0, len(value), self.stride)]

    def join(self, values: Sequence[bytes]) -> bytes:
        """Return the values of all CPUs as the kernel takes them.

        Raises ValueError when there are too few or too many, or one has the wrong size.
        """
        if len(values) != self.cpus or any(len(v) != self.value_size for v in values):
            raise ValueError(
                f"{self.subject} takes {self.cpus} values of {self.value_size} bytes each"
            )
        return b"".join(v.ljust(self.stride, b"\0") for v in values)

    def lookup_cpus(self, key: bytes) -> list[bytes] | None:
        """The value of each CPU, None when the key is missing."""
        found = self.lookup(key)
        return None if found is None else self.split(found)

    def update_cpus(self, key: bytes, values: Sequence[bytes], flags: int = 0) -> None:
        """Set the value of each CPU."""
        self.update(key, self.join(values), flags)
