"""Iterators: a program that the kernel calls for every object of a kind, and what it writes.

    with attach_iter(system, program) as link:
        print(link.read_text())
        for record in link.records(codec): …

They came with Linux kernel commit 15d83c4d7cef ("bpf: Allow loading of a bpf_iter program") (in
v5.8). The link keeps the program; each reading walks over the objects anew. Parameters narrow that:
a map (v5.9), a control group or a task (v6.1).
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, TypeVar

from ..errors import AttachError, DecodeError, SyscallError
from ..syscalls.api import SupportsFileno
from ..syscalls.fd import OwnedFd
from ..syscalls.requests import IterLink as Options
from ..uapi.bpf import AttachType
from .base import Attachable
from .bpf_link import BpfLink
from .tracing import target_of

if TYPE_CHECKING:
    from ..codec.codec import Codec
    from ..system import System

T = TypeVar("T")
_CHUNK_BYTES = 1 << 15  # the kernel's buffer for an iterator holds eight pages
# union bpf_iter_link_info, v6.1: map_fd; order, cgroup_fd, cgroup_id; tid, pid, pid_fd.
_MAP = struct.Struct("=I")
_CGROUP = struct.Struct("=IIQ")
_TASK = struct.Struct("=III")


class CgroupOrder(IntEnum):
    """enum bpf_cgroup_iter_order."""

    SELF_ONLY = 1  # BPF_CGROUP_ITER_SELF_ONLY, v6.1
    DESCENDANTS_PRE = 2  # BPF_CGROUP_ITER_DESCENDANTS_PRE, v6.1
    DESCENDANTS_POST = 3  # BPF_CGROUP_ITER_DESCENDANTS_POST, v6.1
    ANCESTORS_UP = 4  # BPF_CGROUP_ITER_ANCESTORS_UP, v6.1


@dataclass(frozen=True, slots=True)
class OverMap:
    """Walk over the elements of one map, or the sockets in it."""

    map: SupportsFileno

    def encode(self) -> bytes:
        """The parameter as the kernel takes it."""
        return _MAP.pack(self.map.fileno())

    def __str__(self) -> str:
        return "of a map"


@dataclass(frozen=True, slots=True)
class OverCgroups:
    """Walk over control groups from ``start`` on: a descriptor of its directory, or its id."""

    start: SupportsFileno | int
    order: CgroupOrder = CgroupOrder.DESCENDANTS_PRE

    def encode(self) -> bytes:
        """The parameter as the kernel takes it."""
        if isinstance(self.start, int):
            return _CGROUP.pack(self.order, 0, self.start)
        return _CGROUP.pack(self.order, self.start.fileno(), 0)

    def __str__(self) -> str:
        return f"of control groups, {self.order.name.lower()}"


@dataclass(frozen=True, slots=True)
class OverTask:
    """Walk over one thread (``tid``), or over a process's (``pid``, or a descriptor ``pidfd``)."""

    tid: int = 0
    pid: int = 0
    pidfd: SupportsFileno | None = None

    def encode(self) -> bytes:
        """The parameter as the kernel takes it."""
        return _TASK.pack(self.tid, self.pid, self.pidfd.fileno() if self.pidfd else 0)

    def __str__(self) -> str:
        if self.tid:
            return f"of thread {self.tid}"
        return f"of process {self.pid}" if self.pid else "of a process"


Over = OverMap | OverCgroups | OverTask


class IterLink(BpfLink):
    """An iterator that can be read, as often as wanted."""

    def open(self) -> IterFile:
        """Begin a walk; the caller closes it. Raises SyscallError."""
        return IterFile(self._system.syscalls.iter_create(self.fileno()), self.target)

    def read(self) -> bytes:
        """All that the program writes in one walk. Raises SyscallError."""
        with self.open() as file:
            return b"".join(file.chunks())

    def read_text(self) -> str:
        """The same as text; what is not UTF-8 is replaced."""
        return self.read().decode("utf-8", "replace")

    def records(self, codec: Codec[T]) -> Iterator[T]:
        """Walk and decode what the program writes with bpf_seq_write(), one after the other.

        Raises DecodeError when something is left over at the end, and SyscallError.
        """
        with self.open() as file:
            yield from file.records(codec)


class IterFile:
    """One walk: a file that can be read once. Use it as a context manager."""

    def __init__(self, fd: OwnedFd, target: str) -> None:
        """Take over ``fd``."""
        self._fd = fd
        self._target = target

    def fileno(self) -> int:
        """The descriptor; reading it calls the program."""
        return self._fd.fileno()

    def chunks(self) -> Iterator[bytes]:
        """What the program writes, in pieces as the kernel gives them. Raises SyscallError."""
        while chunk := self._read():
            yield chunk

    def records(self, codec: Codec[T]) -> Iterator[T]:
        """Decode what the program writes, record by record; see `IterLink.records`."""
        rest = b""
        for chunk in self.chunks():
            data = rest + chunk
            count = len(data) // codec.size
            yield from codec.decode_many(data, count)
            rest = data[count * codec.size :]
        if rest:
            raise DecodeError(
                f"{self._target} wrote {len(rest)} bytes behind its last record of {codec.size}"
            )

    def _read(self) -> bytes:
        while True:
            try:
                return os.read(self.fileno(), _CHUNK_BYTES)
            except OSError as error:
                # The kernel pauses a long walk over objects of which nothing is written.
                if error.errno == errno.EAGAIN:
                    continue
                hint = _READ_HINTS.get(error.errno or 0, "")
                raise SyscallError(error.errno or 0, "read", self._target, hint) from error

    def close(self) -> None:
        """End the walk. Calling it twice is harmless."""
        self._fd.close()

    def __enter__(self) -> IterFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def attach_iter(system: System, program: Attachable, over: Over | None = None) -> IterLink:
    """Make an iterator of ``program``, which walks when the link is read.

    ``over`` narrows it; targets that walk over a map need one. Raises AttachError.
    """
    target = target_of(program)
    if over is not None:
        target = f"{target} {over}"
    options = Options(over.encode()) if over is not None else None
    try:
        fd = system.syscalls.link_create(
            program.fileno(), 0, AttachType.TRACE_ITER, options=options
        )
    except SyscallError as error:
        hint = _hint(error.errno or 0, over)
        raise AttachError(program.name, target, str(error), hint) from error
    return IterLink(system, fd, hook="iter", program=program.name, target=target)


def _hint(code: int, over: Over | None) -> str:
    if code == errno.EBADF and over is None:
        return "this target walks over a map: pass OverMap(map)"
    if code == errno.EINVAL and isinstance(over, OverCgroups | OverTask):
        return (
            "parameters for tasks and control groups came with Linux 6.1, and go with targets of"
            " their kind only"
        )
    return _ATTACH_HINTS.get(code, "")


_ATTACH_HINTS = {
    errno.EPERM: "run as root, or with CAP_BPF and CAP_PERFMON",
    errno.EINVAL: "only programs that were loaded for an iterator attach this way, and the"
    " parameter must be of the target's kind (bpf_map_elem wants a hash or array)",
    errno.EACCES: "the program reads or writes more than keys and values of this map have",
    errno.ESRCH: "there is no such process or thread",
    errno.ENOENT: "there is no such control group",
    errno.EBADF: "the descriptor is not what the target walks over",
}
_READ_HINTS = {
    errno.E2BIG: "the program writes more for one object than the kernel's buffer of eight pages",
    errno.EACCES: "the iterator was opened without the right to read",
}
