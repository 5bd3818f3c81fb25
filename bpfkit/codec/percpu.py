"""Values of per-CPU maps: one for each possible CPU, each padded to a multiple of 8 bytes.

Source: bpf_percpu_hash_copy() and round_up(value_size, 8), kernel/bpf/hashtab.c.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeVar

from ..errors import DecodeError, EncodeError
from .bulk import as_view
from .codec import Buffer, Codec

T = TypeVar("T")
_ALIGN = 8


class PerCpuCodec(Generic[T]):
    """Reads and writes ``cpus`` values of one type at once, as lists in the order of the CPUs."""

    __slots__ = ("codec", "cpus", "size", "stride")

    def __init__(self, codec: Codec[T], cpus: int) -> None:
        """Take the codec of one value, and the number of possible CPUs."""
        self.codec = codec
        self.cpus = cpus
        self.stride = -(-codec.size // _ALIGN) * _ALIGN
        self.size = cpus * self.stride

    def decode(self, data: Buffer, offset: int = 0) -> list[T]:
        """Read the values of all CPUs. Raises DecodeError when short."""
        if offset < 0:
            raise DecodeError(f"no value begins at byte {offset}")
        return self.codec.decode_many(as_view(data)[offset:], self.cpus, self.stride)

    def encode(self, values: Iterable[T]) -> bytes:
        """Return exactly ``size`` bytes. Raises EncodeError unless there is one for each CPU."""
        given = list(values)
        if len(given) != self.cpus:
            accepts = f"{self.cpus} values, one for each possible CPU"
            raise EncodeError(given, accepts, hint=f"it has {len(given)}")
        return self.codec.encode_many(given, self.stride)

    def encode_all(self, value: T) -> bytes:
        """Return exactly ``size`` bytes with the same value for every CPU."""
        return self.codec.encode(value).ljust(self.stride, b"\0") * self.cpus

    def decode_many(self, data: Buffer, count: int) -> list[list[T]]:
        """Read ``count`` times the values of all CPUs, one after the other."""
        flat = self.codec.decode_many(data, count * self.cpus, self.stride)
        return [flat[i : i + self.cpus] for i in range(0, len(flat), self.cpus)]
