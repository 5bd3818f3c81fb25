"""Per-CPU maps: each key has a list of values, one for every CPU that could ever be present.

BPF_MAP_TYPE_PERCPU_HASH and BPF_MAP_TYPE_PERCPU_ARRAY (v4.6), BPF_MAP_TYPE_LRU_PERCPU_HASH (v4.10).
All values of a key are read and written at once, each for itself: a program that runs meanwhile
changes its own CPU's. One CPU's value alone came with Linux 7.0 (BPF_F_CPU).
"""

from __future__ import annotations

import errno
from typing import Any, ClassVar, Generic

from ..errors import NotSupportedError, SyscallError
from ..uapi.bpf import MapType, UpdateFlag
from .array import IndexedMap
from .hash import HashMap
from .keyed import K, KeyedMap, V
from .wire import AnyWire, PerCpu

_CPU_SHIFT = 32


class PerCpuValues(KeyedMap[K, list[V]], Generic[K, V]):
    """What maps with a value for each CPU share."""

    _cpus: PerCpu[Any]

    def _value_wire(self, value: AnyWire) -> AnyWire:
        stride = -(-self.raw.value_size // 8) * 8
        self._cpus = PerCpu(value, self.raw.buffer_size // stride)
        return self._cpus

    @property
    def cpus(self) -> int:
        """How many values a key has."""
        return self._cpus.cpus

    def get_cpu(self, key: K, cpu: int) -> V:
        """The value of one CPU. Raises KeyError when the key is missing.

        Before Linux 7.0 all CPUs' values are read for it.
        """
        if not 0 <= cpu < self.cpus:
            raise IndexError(f"{self.raw.subject} has no CPU {cpu} of {self.cpus}")
        data = self._encode_key(key)
        try:
            found = self._lookup(
                self._fileno(), data, self._cpus.stride, self._flags(cpu), subject=self._subject
            )
        except SyscallError as error:
            if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
                raise
            return self[key][cpu]
        if found is None:
            raise KeyError(key)
        value: V = self._cpus.decode_one(found)
        return value

    def put_cpu(self, key: K, cpu: int, value: V, flags: int = UpdateFlag.ANY) -> None:
        """Set the value of one CPU; of a new key the other CPUs' values are zero.

        Raises NotSupportedError before Linux 7.0: reading and writing all CPUs' values instead
        would undo what programs write meanwhile.
        """
        if not 0 <= cpu < self.cpus:
            raise IndexError(f"{self.raw.subject} has no CPU {cpu} of {self.cpus}")
        try:
            self._update(
                self._fileno(), self._encode_key(key), self._cpus.encode_one(value),
                flags | self._flags(cpu), subject=self._subject,
            )  # fmt: skip
        except SyscallError as error:
            if error.errno != errno.EINVAL:
                raise
            raise NotSupportedError("setting one CPU's value (BPF_F_CPU)", "7.0") from error

    def put_all(self, key: K, value: V, flags: int = UpdateFlag.ANY) -> None:
        """Set the same value for all CPUs."""
        one = self._cpus.encode_one(value)
        self._update(
            self._fileno(), self._encode_key(key), one * self.cpus, flags, subject=self._subject
        )

    @staticmethod
    def _flags(cpu: int) -> int:
        return UpdateFlag.CPU | cpu << _CPU_SHIFT


class PerCpuHashMap(PerCpuValues[K, V], HashMap[K, list[V]]):
    """A hash with a value for each CPU."""

    default: ClassVar[MapType] = MapType.PERCPU_HASH


class LruPerCpuHashMap(PerCpuHashMap[K, V]):
    """A hash with a value for each CPU that drops what was not used for long."""

    default: ClassVar[MapType] = MapType.LRU_PERCPU_HASH


class PerCpuArrayMap(PerCpuValues[int, V], IndexedMap[list[V]]):
    """An array with a value for each CPU."""

    default: ClassVar[MapType] = MapType.PERCPU_ARRAY
