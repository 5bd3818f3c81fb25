"""A kernel in memory: maps that work, programs that load or are refused as told.

Descriptors are real ones (of files in memory), so that what is not closed shows as a leak and a
copy of one is known for what it is.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from bpfkit.errors import SyscallError
from bpfkit.syscalls.api import MappedMemory
from bpfkit.syscalls.call import ENOTSUPP
from bpfkit.syscalls.fd import OwnedFd
from bpfkit.syscalls.hints import hint_for_element
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
    ProgCode,
    ProgInfo,
    ProgLoad,
    TestRun,
    TestRunResult,
    VerifierLog,
    XdpState,
)
from bpfkit.uapi.bpf import BpfCmd, MapFlag
from tests.fakes.maps import NO_BATCHES, QUEUES, FakeMap, PlainMap, Refused

CData = Any  # of ctypes classes made at run time


class FdTable:
    """Maps by descriptor, copies of it included."""

    def __init__(self) -> None:
        self._by_file: dict[int, FakeMap] = {}

    def __setitem__(self, fd: int, fake: FakeMap) -> None:
        self._by_file[os.fstat(fd).st_ino] = fake

    def __getitem__(self, fd: int) -> FakeMap:
        return self._by_file[os.fstat(fd).st_ino]

    def __len__(self) -> int:
        """How many maps were ever made."""
        return len(self._by_file)

    def get(self, fd: int) -> FakeMap | None:
        try:
            return self._by_file.get(os.fstat(fd).st_ino)
        except OSError:
            return None


@contextmanager
def answering(call: str, subject: str) -> Iterator[None]:
    try:
        yield
    except Refused as refused:
        hint = hint_for_element(BpfCmd[call.removeprefix("BPF_")], refused.code)
        raise SyscallError(refused.code, call, subject, hint or "") from None


class FakeElement:
    """Implements ``Element``."""

    def __init__(self, calls: FakeSyscalls, key_size: int, value_size: int) -> None:
        self.calls = calls
        self.key, self.value = bytearray(key_size), bytearray(value_size)

    def lookup(self, fd: int, flags: int = 0) -> int:
        if fd < 0:
            return -errno.EBADF
        try:
            found = self.calls.map_lookup(fd, bytes(self.key), len(self.value), flags)
        except SyscallError as error:
            return -(error.errno or 0)
        if found is None:
            return -errno.ENOENT
        self.value[:] = found
        return 0

    def update(self, fd: int, flags: int = 0) -> int:
        if fd < 0:
            return -errno.EBADF
        try:
            self.calls.map_update(fd, bytes(self.key), bytes(self.value), flags)
        except SyscallError as error:
            return -(error.errno or 0)
        return 0


class FakeMemory:
    """A mapping of a fake map's memory."""

    def __init__(
        self, memory: bytearray, offset: int, size: int, writable: bool, address: int
    ) -> None:
        whole = memoryview(memory)[offset : offset + size]
        self.view = whole if writable else whole.toreadonly()
        self.address = address or 1 << 44

    def close(self) -> None:
        self.view.release()


class FakeSyscalls:
    """Implements ``Syscalls``.

    ``refuse_map``, ``refuse_program`` and ``refuse_btf`` give the errno for a request, 0 to let it
    pass. ``verifier_log`` is what a refused program's log says.
    """

    def __init__(self) -> None:
        self.maps = FdTable()
        self.programs: list[ProgLoad] = []
        self.btf: list[bytes] = []
        self.btf_fds: dict[int, int] = {}
        self.pins: dict[str, FakeMap] = {}
        self.made = 0
        self.by_id: dict[int, FakeMap] = {}
        self.has_take = True
        self.strict = True
        """Whether maps do as their types; else they keep what they are given."""
        self.memlock_raised = 0
        self.memlock_can_be_raised = False
        self.has_batches = True
        self.verifier_log = ""
        self.log_sizes: list[int] = []
        self.refuse_map: Callable[[MapCreate], int] = lambda request: 0
        self.refuse_program: Callable[[ProgLoad], int] = lambda request: 0
        self.refuse_btf: Callable[[bytes], int] = lambda data: 0

    def _open(self, what: str) -> OwnedFd:
        return OwnedFd(os.memfd_create(what), what)

    # ------------------------------------------------------------ maps

    def map_element(self, key_size: int, value_size: int) -> FakeElement:
        return FakeElement(self, key_size, value_size)

    def map_create(self, request: MapCreate) -> OwnedFd:
        code = self.refuse_map(request)
        if code:
            raise SyscallError(code, "BPF_MAP_CREATE", f"map '{request.name}'")
        fd = self._open(f"map '{request.name}'")
        self.made += 1
        kind = FakeMap if self.strict else PlainMap
        fake = kind(request, self.made, self._map_id)
        self.maps[fd.fileno()] = self.by_id[fake.id] = fake
        return fd

    def _map_id(self, fd: int) -> int | None:
        found = self.maps.get(fd)
        return None if found is None else found.id

    def map_lookup(
        self, fd: int, key: bytes, size: int, flags: int = 0, *, subject: str = ""
    ) -> bytes | None:
        with answering("BPF_MAP_LOOKUP_ELEM", subject):
            found = self.maps[fd].lookup(key, flags)
            return None if found is None else found.ljust(size, b"\0")

    def map_lookup_and_delete(
        self, fd: int, key: bytes, size: int, flags: int = 0, *, subject: str = ""
    ) -> bytes | None:
        with answering("BPF_MAP_LOOKUP_AND_DELETE_ELEM", subject):
            if not self.has_take and self.maps[fd].type not in QUEUES:
                raise Refused(ENOTSUPP)
            return self.maps[fd].take(key)

    def map_update(
        self, fd: int, key: bytes, value: bytes, flags: int = 0, *, subject: str = ""
    ) -> None:
        with answering("BPF_MAP_UPDATE_ELEM", subject):
            self.maps[fd].update(key, value, flags)

    def map_delete(self, fd: int, key: bytes, *, subject: str = "") -> bool:
        with answering("BPF_MAP_DELETE_ELEM", subject):
            return self.maps[fd].delete(key)

    def map_next_key(
        self, fd: int, key: bytes | None, size: int, *, subject: str = ""
    ) -> bytes | None:
        with answering("BPF_MAP_GET_NEXT_KEY", subject):
            return self.maps[fd].next_key(key)

    def map_contains(self, fd: int, value: bytes, *, subject: str = "") -> bool:
        return self.maps[fd].contains(value)

    def map_lookup_batch(
        self,
        fd: int,
        cursor: bytes | None,
        key_size: int,
        value_size: int,
        count: int,
        *,
        delete: bool = False,
        flags: int = 0,
        subject: str = "",
    ) -> Batch:
        fake = self.maps[fd]
        with answering("BPF_MAP_LOOKUP_BATCH", subject):
            if not self.has_batches or (self.strict and fake.type in NO_BATCHES):
                raise Refused(ENOTSUPP)
            fake._may(MapFlag.WRONLY)
        values = fake.values
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
        with answering("BPF_MAP_UPDATE_BATCH", subject):
            if not self.has_batches or (self.strict and self.maps[fd].type in NO_BATCHES):
                raise Refused(ENOTSUPP)
            key, value = len(keys) // count, len(values) // count
            for i in range(count):
                self.maps[fd].update(
                    keys[i * key : (i + 1) * key], values[i * value : (i + 1) * value], flags
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
            return 0 if self.map_contains(fileno(), bytes(value)) else errno.ENOENT

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
        fd = self._open("BTF")
        self.btf_fds[fd.fileno()] = len(self.btf)
        return fd

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

    def token_create(self, bpffs_fd: int) -> OwnedFd:
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

    def open_id(self, kind: ObjectKind, id: int, flags: int = 0) -> OwnedFd:
        if kind is ObjectKind.MAP and id in self.by_id:
            fd = self._open(f"map {id}")
            self.maps[fd.fileno()] = self.by_id[id]
            return fd
        if kind is ObjectKind.BTF and 0 < id <= len(self.btf):
            fd = self._open(f"BTF {id}")
            self.btf_fds[fd.fileno()] = id
            return fd
        raise SyscallError(errno.ENOENT, "BPF_*_GET_FD_BY_ID", f"{kind} {id}")

    def prog_info(self, fd: int) -> ProgInfo:
        raise NotImplementedError

    def prog_code(self, fd: int) -> ProgCode:
        raise NotImplementedError

    def map_info(self, fd: int) -> MapInfo:
        fake = self.maps[fd]
        request = fake.request
        return MapInfo(
            fake.id,
            request.type,
            request.key_size,
            request.value_size,
            request.max_entries,
            request.flags,
            request.name,
            self.btf_fds.get(request.btf_fd, 0),
            request.key_type_id,
            request.value_type_id,
            request.map_extra,
        )

    def btf_info(self, fd: int) -> BtfInfo:
        id = self.btf_fds[fd]
        return BtfInfo(id, "", False, self.btf[id - 1])

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
        fake = self.maps[fd]
        if len(fake.memory) < offset + size:
            fake.memory = fake.memory.ljust(offset + size + (1 << 20), b"\0")
        return FakeMemory(fake.memory, offset, size, writable, address)

    def raise_memlock_limit(self) -> bool:
        self.memlock_raised += 1
        return self.memlock_can_be_raised

    def xdp_set(
        self, ifindex: int, prog_fd: int, flags: int = 0, expected_fd: int | None = None
    ) -> None:
        raise NotImplementedError

    def xdp_get(self, ifindex: int) -> XdpState:
        return XdpState(0)
