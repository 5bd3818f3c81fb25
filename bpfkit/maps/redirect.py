"""Targets of bpf_redirect_map() in XDP: devices, CPUs, AF_XDP sockets.

BPF_MAP_TYPE_DEVMAP (v4.14), BPF_MAP_TYPE_CPUMAP (v4.15), BPF_MAP_TYPE_XSKMAP (v4.18),
BPF_MAP_TYPE_DEVMAP_HASH (v5.4). A program to run on the other side goes into devices since Linux
5.8 and into CPUs since 5.9. Replacing an entry is atomic.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self, Unpack

from ..errors import NotSupportedError, SyscallError
from ..uapi.bpf import MapType
from .raw import index_key
from .slots import HasFd, SlotMap, fd_of
from .typed import Options, TypedMap

_ENTRY = struct.Struct("=II")  # struct bpf_devmap_val, struct bpf_cpumap_val
_PLAIN = struct.Struct("=I")
_NO_PROGRAM = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class DeviceEntry:
    """A device to send packets to. ``prog_id`` is 0 when no program runs on them there."""

    ifindex: int
    prog_id: int = 0


@dataclass(frozen=True, slots=True)
class CpuEntry:
    """A CPU to handle packets on, and how many may wait for it."""

    queue_size: int
    prog_id: int = 0


class _Targets(TypedMap):
    """Entries of a number and, in maps with values of 8 bytes, a program."""

    @classmethod
    def create(cls, *, max_entries: int, **options: Unpack[Options]) -> Self:
        """Create one whose entries may have programs where the kernel knows that."""
        try:
            return cls._make(4, _ENTRY.size, max_entries, options)
        except SyscallError as error:
            if error.errno != errno.EINVAL:
                raise
            return cls._make(4, _PLAIN.size, max_entries, options)

    def _put(self, key: int, number: int, program: HasFd | None, flags: int) -> None:
        content = _PLAIN.pack(number)
        if self.raw.value_size == _ENTRY.size:
            fd = _NO_PROGRAM if program is None else fd_of(program)
            content = _ENTRY.pack(number, fd)
        elif program is not None:
            raise NotSupportedError(f"a program in {self.raw.subject}", "5.9")
        self.raw.update(self._checked(key), content, flags)

    def _entry(self, key: int) -> tuple[int, int]:
        found = self.raw.lookup(self._checked(key))
        number, program = _ENTRY.unpack(found.ljust(_ENTRY.size, b"\0")) if found else (0, 0)
        if not number:
            raise KeyError(key)
        return number, program

    def _checked(self, key: int) -> bytes:
        if not 0 <= key < self.raw.max_entries:
            raise IndexError(f"{self.raw.subject} has no element {key} of {self.max_entries}")
        return index_key(key)

    def __contains__(self, key: int) -> bool:
        try:
            self._entry(key)
        except (KeyError, IndexError):
            return False
        return True

    def __delitem__(self, key: int) -> None:
        if key not in self or not self.raw.delete(self._checked(key)):
            raise KeyError(key)

    def keys(self) -> Iterator[int]:
        """Give the keys that have an entry."""
        return (key for key in range(self.max_entries) if key in self)

    def __iter__(self) -> Iterator[int]:
        return self.keys()

    def __len__(self) -> int:
        """Count the entries: the kernel is asked for each key."""
        return sum(1 for _ in self.keys())


class DevMap(_Targets):
    """Devices by index: ``devices[0] = "eth0"``, or an ifindex, or (device, XDP program)."""

    default: ClassVar[MapType] = MapType.DEVMAP

    def put(
        self, key: int, device: str | int, program: HasFd | None = None, flags: int = 0
    ) -> None:
        """Put a device under a key, with a program (type XDP, attach type BPF_XDP_DEVMAP).

        Raises OSError when there is no device of that name, SyscallError (EINVAL) when there is
        none of that index in this network namespace.
        """
        ifindex = socket.if_nametoindex(device) if isinstance(device, str) else device
        self._put(key, ifindex, program, flags)

    def __setitem__(self, key: int, device: str | int | tuple[str | int, HasFd]) -> None:
        if isinstance(device, tuple):
            self.put(key, *device)
        else:
            self.put(key, device)

    def __getitem__(self, key: int) -> DeviceEntry:
        return DeviceEntry(*self._entry(key))


class DevMapHash(DevMap):
    """Devices by any number of 32 bits, such as their own index."""

    default: ClassVar[MapType] = MapType.DEVMAP_HASH

    def _checked(self, key: int) -> bytes:
        return index_key(key)

    def keys(self) -> Iterator[int]:
        """Give the keys that have an entry."""
        for key in self.raw.keys():  # noqa: SIM118 - a map is no dict
            yield _PLAIN.unpack(key)[0]


class CpuMap(_Targets):
    """CPUs: ``cpus[3] = 192``, how many packets may wait, or (that, XDP program)."""

    default: ClassVar[MapType] = MapType.CPUMAP

    def put(self, cpu: int, queue_size: int, program: HasFd | None = None, flags: int = 0) -> None:
        """Let a CPU take packets, with a program (type XDP, attach type BPF_XDP_CPUMAP)."""
        self._put(cpu, queue_size, program, flags)

    def __setitem__(self, cpu: int, entry: int | tuple[int, HasFd]) -> None:
        if isinstance(entry, tuple):
            self.put(cpu, *entry)
        else:
            self.put(cpu, entry)

    def __getitem__(self, cpu: int) -> CpuEntry:
        return CpuEntry(*self._entry(cpu))


class XskMap(SlotMap[int]):
    """AF_XDP sockets by queue: ``sockets[0] = xsk``. What is in it cannot be read back.

    Deleting from an empty slot is no error: the kernel does not tell.
    """

    default: ClassVar[MapType] = MapType.XSKMAP
    tells_missing = False

    @classmethod
    def create(cls, *, max_entries: int, **options: Unpack[Options]) -> Self:
        """Create an empty one."""
        return cls._make(4, 4, max_entries, options)
