"""A kernel in memory: maps that work, programs that load or are refused as told.

Descriptors are real ones (of /dev/null), so that what is not closed shows as a leak.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bpfkit.errors import SyscallError
from bpfkit.syscalls.api import MappedMemory
from bpfkit.syscalls.call import ENOTSUPP
from bpfkit.syscalls.fd import OwnedFd
from bpfkit.syscalls.requests import (
    Batch,
    BtfInfo,
    InPlaceCalls,
    LinkInfo,
    LinkOptions,
    MapCreate,
    MapInfo,
    ObjectKind,
    PerfEvent,
    ProgInfo,
    ProgLoad,
    TestRun,
    TestRunResult,
    VerifierLog,
    XdpState,
)
from bpfkit.uapi.bpf import MapType, UpdateFlag

CData = Any  # of ctypes classes made at run time
ARRAYS = frozenset({MapType.ARRAY, MapType.PERCPU_ARRAY})


@dataclass
class FakeMap:
    request: MapCreate
    values: dict[bytes, bytes] = field(default_factory=dict)
    frozen: bool = False


class FakeMemory:
    """Memory of nobody else."""

    def __init__(self, size: int, address: int) -> None:
        self.view = memoryview(bytearray(size))
        self.address = address or 1 << 44

    def close(self) -> None:
        """Nothing to give back."""


class FakeSyscalls:
    """Implements ``Syscalls``.

    ``refuse_map``, ``refuse_program`` and ``refuse_btf`` give the errno for a request, 0 to let it
    pass. ``verifier_log`` is what a refused program's log says.
    """

    def __init__(self) -> None:
        self.maps: dict[int, FakeMap] = {}
        self.programs: list[ProgLoad] = []
        self.btf: list[bytes] = []
        self.pins: dict[str, FakeMap] = {}
        self.memlock_raised = 0
        self.memlock_can_be_raised = False
        self.has_batches = True
        self.verifier_log = ""
        self.log_sizes: list[int] = []
        self.refuse_map: Callable[[MapCreate], int] = lambda request: 0
        self.refuse_program: Callable[[ProgLoad], int] = lambda request: 0
        self.refuse_btf: Callable[[bytes], int] = lambda data: 0

    def _open(self, what: str) -> OwnedFd:
        return OwnedFd(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC), what)

    # ------------------------------------------------------------ maps

    def map_create(self, request: MapCreate) -> OwnedFd:
        code = self.refuse_map(request)
        if code:
            raise SyscallError(code, "BPF_MAP_CREATE", f"map '{request.name}'")
        fd = self._open(f"map '{request.name}'")
        fake = FakeMap(request)
        if request.type in ARRAYS:
            for index in range(request.max_entries):
                fake.values[index.to_bytes(4, "little")] = bytes(request.value_size)
        self.maps[fd.fileno()] = fake
        return fd

    def map_lookup(
        self, fd: int, key: bytes, size: int, flags: int = 0, *, subject: str = ""
    ) -> bytes | None:
        found = self.maps[fd].values.get(key)
        return None if found is None else found.ljust(size, b"\0")

    def map_lookup_and_delete(
        self, fd: int, key: bytes, size: int, flags: int = 0, *, subject: str = ""
    ) -> bytes | None:
        return self.maps[fd].values.pop(key, None)

    def map_update(
        self, fd: int, key: bytes, value: bytes, flags: int = 0, *, subject: str = ""
    ) -> None:
        fake = self.maps[fd]
        if fake.frozen:
            raise SyscallError(errno.EPERM, "BPF_MAP_UPDATE_ELEM", subject)
        if flags == UpdateFlag.NOEXIST and key in fake.values:
            raise SyscallError(errno.EEXIST, "BPF_MAP_UPDATE_ELEM", subject)
        if flags == UpdateFlag.EXIST and key not in fake.values:
            raise SyscallError(errno.ENOENT, "BPF_MAP_UPDATE_ELEM", subject)
        if key not in fake.values and len(fake.values) >= fake.request.max_entries:
            raise SyscallError(errno.E2BIG, "BPF_MAP_UPDATE_ELEM", subject)
        fake.values[key] = value

    def map_delete(self, fd: int, key: bytes, *, subject: str = "") -> bool:
        return self.maps[fd].values.pop(key, None) is not None

    def map_next_key(
        self, fd: int, key: bytes | None, size: int, *, subject: str = ""
    ) -> bytes | None:
        keys = list(self.maps[fd].values)
        at = keys.index(key) + 1 if key in keys else 0
        return keys[at] if at < len(keys) else None

    def map_lookup_batch(
        self,
        fd: int,
        cursor: bytes | None,
        key_size: int,
        value_size: int,
        count: int,
        *,
        delete: bool = False,
        subject: str = "",
    ) -> Batch:
        if not self.has_batches:
            raise SyscallError(ENOTSUPP, "BPF_MAP_LOOKUP_BATCH", subject)
        values = self.maps[fd].values
        at = int.from_bytes(cursor or b"", "little")
        keys = list(values)[at : at + count]
        batch = [values[key] for key in keys]
        more = at + count < len(values)
        if delete:
            for key in keys:
                del values[key]
        following = (0 if delete else at + count).to_bytes(8, "little")
        return Batch(len(keys), b"".join(keys), b"".join(batch), following if more else None)

    def map_update_batch(
        self, fd: int, keys: bytes, values: bytes, count: int, flags: int = 0, *, subject: str = ""
    ) -> None:
        if not self.has_batches:
            raise SyscallError(ENOTSUPP, "BPF_MAP_UPDATE_BATCH", subject)
        key, value = len(keys) // count, len(values) // count
        for i in range(count):
            self.map_update(
                fd, keys[i * key : (i + 1) * key], values[i * value : (i + 1) * value], flags
            )

    def map_delete_batch(self, fd: int, keys: bytes, count: int, *, subject: str = "") -> int:
        if not self.has_batches:
            raise SyscallError(ENOTSUPP, "BPF_MAP_DELETE_BATCH", subject)
        size = len(keys) // count
        for i in range(count):
            if not self.map_delete(fd, keys[i * size : (i + 1) * size]):
                return i
        return count

    def map_freeze(self, fd: int, *, subject: str = "") -> None:
        self.maps[fd].frozen = True

    def map_in_place(self, owner: OwnedFd) -> InPlaceCalls:
        fileno = owner.fileno

        def read(key: CData, value: CData) -> int:
            found = self.map_lookup(fileno(), bytes(key), ctypes.sizeof(value))
            if found is None:
                return errno.ENOENT
            ctypes.memmove(ctypes.addressof(value), found, ctypes.sizeof(value))
            return 0

        def update(key: CData, value: CData) -> int:
            try:
                self.map_update(fileno(), bytes(key), bytes(value))
            except SyscallError as error:
                return error.errno or 0
            return 0

        def delete(key: CData) -> int:
            return 0 if self.map_delete(fileno(), bytes(key)) else errno.ENOENT

        def next_key(key: CData, found: CData) -> int:
            raw = None if key is None else bytes(key)
            following = self.map_next_key(fileno(), raw, ctypes.sizeof(found))
            if following is None:
                return errno.ENOENT
            ctypes.memmove(ctypes.addressof(found), following, len(following))
            return 0

        def peek(value: CData) -> int:
            pushed = self.maps[fileno()].values
            return 0 if bytes(value) in pushed.values() else errno.ENOENT

        return InPlaceCalls(read, update, delete, next_key, peek)

    # ------------------------------------------------------------ programs

    def prog_load(self, request: ProgLoad) -> OwnedFd:
        code = self.refuse_program(request)
        if code:
            raise SyscallError(code, "BPF_PROG_LOAD", f"program '{request.name}'")
        self.programs.append(request)
        return self._open(f"program '{request.name}'")

    def prog_log(
        self, request: ProgLoad, size: int, level: int = 1
    ) -> tuple[OwnedFd | SyscallError, VerifierLog]:
        self.log_sizes.append(size)
        log = VerifierLog(self.verifier_log[:size], len(self.verifier_log) > size)
        try:
            return self.prog_load(request), log
        except SyscallError as error:
            return error, log

    def btf_load(self, data: bytes) -> OwnedFd:
        code = self.refuse_btf(data)
        if code:
            raise SyscallError(code, "BPF_BTF_LOAD", "BTF", "Invalid type")
        self.btf.append(data)
        return self._open("BTF")

    def prog_test_run(self, fd: int, request: TestRun, *, subject: str = "") -> TestRunResult:
        return TestRunResult(0, 1, request.data, request.context)

    def prog_bind_map(self, prog_fd: int, map_fd: int) -> None:
        raise NotImplementedError

    def prog_attach(
        self, target_fd: int, prog_fd: int, attach_type: int, flags: int = 0, replace_fd: int = 0
    ) -> None:
        raise NotImplementedError

    def prog_detach(self, target_fd: int, prog_fd: int, attach_type: int) -> None:
        raise NotImplementedError

    def prog_query(self, target_fd: int, attach_type: int, flags: int = 0) -> tuple[int, ...]:
        raise NotImplementedError

    def enable_stats(self, kind: int) -> OwnedFd:
        raise NotImplementedError

    # ------------------------------------------------------------ links

    def link_create(
        self,
        prog_fd: int,
        target: int,
        attach_type: int,
        *,
        flags: int = 0,
        options: LinkOptions | None = None,
    ) -> OwnedFd:
        raise SyscallError(errno.EINVAL, "BPF_LINK_CREATE", f"program {prog_fd}")

    def link_update(self, link_fd: int, prog_fd: int, flags: int = 0, old_fd: int = 0) -> None:
        raise NotImplementedError

    def link_detach(self, link_fd: int) -> None:
        raise NotImplementedError

    def iter_create(self, link_fd: int) -> OwnedFd:
        raise NotImplementedError

    def raw_tracepoint_open(self, name: str | None, prog_fd: int, cookie: int = 0) -> OwnedFd:
        raise NotImplementedError

    # ------------------------------------------------------------ objects

    def obj_pin(self, fd: int, path: str) -> None:
        if path in self.pins:
            raise SyscallError(errno.EEXIST, "BPF_OBJ_PIN", path)
        self.pins[path] = self.maps[fd]

    def obj_get(self, path: str, flags: int = 0) -> OwnedFd:
        if path not in self.pins:
            raise SyscallError(errno.ENOENT, "BPF_OBJ_GET", path)
        fd = self._open(path)
        self.maps[fd.fileno()] = self.pins[path]
        return fd

    def next_id(self, kind: ObjectKind, after: int) -> int | None:
        return None

    def open_id(self, kind: ObjectKind, id: int) -> OwnedFd:
        raise SyscallError(errno.ENOENT, "BPF_*_GET_FD_BY_ID", f"{kind} {id}")

    def prog_info(self, fd: int) -> ProgInfo:
        raise NotImplementedError

    def map_info(self, fd: int) -> MapInfo:
        request = self.maps[fd].request
        return MapInfo(
            1,
            request.type,
            request.key_size,
            request.value_size,
            request.max_entries,
            request.flags,
            request.name,
            0,
            0,
            0,
            0,
        )

    def btf_info(self, fd: int) -> BtfInfo:
        raise NotImplementedError

    def btf_name(self, fd: int) -> str:
        raise NotImplementedError

    def link_info(self, fd: int) -> LinkInfo:
        raise NotImplementedError

    # ------------------------------------------------------------ the rest

    def perf_event_open(
        self,
        event: PerfEvent,
        pid: int = -1,
        cpu: int = -1,
        group_fd: int = -1,
        *,
        subject: str = "",
    ) -> OwnedFd:
        raise NotImplementedError

    def perf_event_set_bpf(self, event_fd: int, prog_fd: int) -> None:
        raise NotImplementedError

    def perf_event_enable(self, event_fd: int) -> None:
        raise NotImplementedError

    def perf_event_disable(self, event_fd: int) -> None:
        raise NotImplementedError

    def mmap(
        self,
        fd: int,
        size: int,
        what: str,
        *,
        offset: int = 0,
        writable: bool = False,
        address: int = 0,
    ) -> MappedMemory:
        return FakeMemory(size, address)

    def raise_memlock_limit(self) -> bool:
        self.memlock_raised += 1
        return self.memlock_can_be_raised

    def xdp_set(
        self, ifindex: int, prog_fd: int, flags: int = 0, expected_fd: int | None = None
    ) -> None:
        raise NotImplementedError

    def xdp_get(self, ifindex: int) -> XdpState:
        return XdpState(0)
