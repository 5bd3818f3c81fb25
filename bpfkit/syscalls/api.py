"""`Syscalls`: every way into the kernel that this library has, and the seam for tests.

`linux.LinuxSyscalls` is the real one. All methods raise SyscallError, which says what was tried on
which object; what a caller expects to happen now and then (no such element, no more ids) is a
value. Whoever gets an `OwnedFd` has to close it.
"""

from __future__ import annotations

from typing import Any, Protocol

from ..errors import SyscallError
from ..uapi.socket import SocketOption
from .fd import OwnedFd
from .requests import (
    Batch,
    BtfInfo,
    EncapRoute,
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
    TcFilter,
    TcPlace,
    TestRun,
    TestRunResult,
    VerifierLog,
    XdpState,
)


class SupportsFileno(Protocol):
    """Anything with a descriptor."""

    def fileno(self) -> int:
        """The number."""


class MappedMemory(Protocol):
    """Memory shared with the kernel."""

    @property
    def view(self) -> memoryview:
        """The bytes; read-only unless mapped writable. Release what you derive before closing."""

    @property
    def address(self) -> int:
        """Where it begins in this process."""

    def close(self) -> None:
        """Unmap. Calling it twice is harmless."""


class Element(Protocol):
    """A key and a value in memory that is used again for one call after the other.

    For one thread at a time. A result below zero is minus the errno.
    """

    @property
    def key(self) -> Any:  # noqa: ANN401 - any writable buffer
        """The key's bytes."""

    @property
    def value(self) -> Any:  # noqa: ANN401 - any writable buffer
        """The value's bytes: written by `lookup`, read by `update`."""

    def lookup(self, fd: int, flags: int = 0) -> int:
        """BPF_MAP_LOOKUP_ELEM."""

    def update(self, fd: int, flags: int = 0) -> int:
        """BPF_MAP_UPDATE_ELEM."""


class MapCalls(Protocol):
    """Maps. ``subject`` names the map in errors."""

    def map_element(self, key_size: int, value_size: int) -> Element:
        """Make memory for a key and a value; for who calls often."""

    def map_create(self, request: MapCreate) -> OwnedFd:
        """BPF_MAP_CREATE."""

    def map_lookup(
        self, fd: int, key: bytes, size: int, flags: int = 0, *, subject: str = ""
    ) -> bytes | None:
        """BPF_MAP_LOOKUP_ELEM: ``size`` bytes of value, None when there is no such element."""

    def map_lookup_and_delete(
        self, fd: int, key: bytes, size: int, flags: int = 0, *, subject: str = ""
    ) -> bytes | None:
        """BPF_MAP_LOOKUP_AND_DELETE_ELEM: the value, None when there is no such element."""

    def map_update(
        self, fd: int, key: bytes, value: bytes, flags: int = 0, *, subject: str = ""
    ) -> None:
        """BPF_MAP_UPDATE_ELEM. ``flags`` is an UpdateFlag."""

    def map_delete(self, fd: int, key: bytes, *, subject: str = "") -> bool:
        """BPF_MAP_DELETE_ELEM: False when there is no such element."""

    def map_next_key(
        self, fd: int, key: bytes | None, size: int, *, subject: str = ""
    ) -> bytes | None:
        """BPF_MAP_GET_NEXT_KEY: the key of ``size`` bytes after ``key``, the first one after None.

        None after the last. A key that is gone starts again from the first.
        """

    def map_in_place(self, owner: OwnedFd) -> InPlaceCalls:
        """The calls for the map of ``owner``, which say EBADF once that is closed.

        For hot loops over ctypes objects; the caller sees to their sizes.
        """

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
        """BPF_MAP_LOOKUP_BATCH, or BPF_MAP_LOOKUP_AND_DELETE_BATCH: up to ``count`` elements."""

    def map_update_batch(
        self, fd: int, keys: bytes, values: bytes, count: int, flags: int = 0, *, subject: str = ""
    ) -> None:
        """BPF_MAP_UPDATE_BATCH."""

    def map_delete_batch(self, fd: int, keys: bytes, count: int, *, subject: str = "") -> int:
        """BPF_MAP_DELETE_BATCH: how many were deleted before one was missing."""

    def map_contains(self, fd: int, value: bytes, *, subject: str = "") -> bool:
        """BPF_MAP_LOOKUP_ELEM of a bloom filter, which reads the value instead of writing it."""

    def map_freeze(self, fd: int, *, subject: str = "") -> None:
        """BPF_MAP_FREEZE: no more updates from user space."""


class ProgramCalls(Protocol):
    """Programs and BTF."""

    def prog_load(self, request: ProgLoad) -> OwnedFd:
        """BPF_PROG_LOAD without a log."""

    def prog_log(
        self, request: ProgLoad, size: int, level: int = 1
    ) -> tuple[OwnedFd | SyscallError, VerifierLog]:
        """BPF_PROG_LOAD with a log of up to ``size`` bytes: what came of it, and the log."""

    def btf_load(self, data: bytes) -> OwnedFd:
        """BPF_BTF_LOAD. Of a refusal the last lines of the log are in the error's hint."""

    def prog_test_run(self, fd: int, request: TestRun, *, subject: str = "") -> TestRunResult:
        """BPF_PROG_TEST_RUN."""

    def prog_bind_map(self, prog_fd: int, map_fd: int) -> None:
        """BPF_PROG_BIND_MAP: the map lives as long as the program."""

    def prog_attach(
        self, target_fd: int, prog_fd: int, attach_type: int, flags: int = 0, replace_fd: int = 0
    ) -> None:
        """BPF_PROG_ATTACH."""

    def prog_detach(self, target_fd: int, prog_fd: int, attach_type: int) -> None:
        """BPF_PROG_DETACH; ``prog_fd`` 0 where the hook holds only one."""

    def prog_query(self, target_fd: int, attach_type: int, flags: int = 0) -> tuple[int, ...]:
        """BPF_PROG_QUERY: ids of the programs attached."""

    def enable_stats(self, kind: int) -> OwnedFd:
        """BPF_ENABLE_STATS: run time is counted as long as the descriptor is open."""

    def token_create(self, bpffs_fd: int) -> OwnedFd:
        """BPF_TOKEN_CREATE from a descriptor of the root of a BPF file system."""


class LinkCalls(Protocol):
    """Links."""

    def link_create(
        self,
        prog_fd: int,
        target: int,
        attach_type: int,
        *,
        flags: int = 0,
        options: LinkOptions | None = None,
    ) -> OwnedFd:
        """BPF_LINK_CREATE. ``target`` is a descriptor, or the index of a network device."""

    def link_update(self, link_fd: int, prog_fd: int, flags: int = 0, old_fd: int = 0) -> None:
        """BPF_LINK_UPDATE: put another program behind the link."""

    def link_detach(self, link_fd: int) -> None:
        """BPF_LINK_DETACH."""

    def iter_create(self, link_fd: int) -> OwnedFd:
        """BPF_ITER_CREATE: a file that runs the iterator when read."""

    def raw_tracepoint_open(self, name: str | None, prog_fd: int, cookie: int = 0) -> OwnedFd:
        """BPF_RAW_TRACEPOINT_OPEN; no name for fentry, fexit, LSM and typed raw tracepoints."""


class ObjectCalls(Protocol):
    """Ids, descriptors, pins and information."""

    def obj_pin(self, fd: int, path: str) -> None:
        """BPF_OBJ_PIN: ``path`` must be new and on a BPF file system."""

    def obj_get(self, path: str, flags: int = 0) -> OwnedFd:
        """BPF_OBJ_GET. Raises SyscallError, ENOENT when nothing is pinned there."""

    def next_id(self, kind: ObjectKind, after: int) -> int | None:
        """BPF_*_GET_NEXT_ID: the next id above ``after``, None after the last."""

    def open_id(self, kind: ObjectKind, id: int, flags: int = 0) -> OwnedFd:
        """BPF_*_GET_FD_BY_ID. ``flags`` is a MapFlag: RDONLY or WRONLY of a map."""

    def prog_info(self, fd: int) -> ProgInfo:
        """BPF_OBJ_GET_INFO_BY_FD of a program."""

    def prog_code(self, fd: int) -> ProgCode:
        """BPF_OBJ_GET_INFO_BY_FD of a program, for its code."""

    def map_info(self, fd: int) -> MapInfo:
        """BPF_OBJ_GET_INFO_BY_FD of a map."""

    def btf_info(self, fd: int) -> BtfInfo:
        """BPF_OBJ_GET_INFO_BY_FD of BTF."""

    def btf_name(self, fd: int) -> str:
        """The name of BTF without reading it all: "vmlinux", a module's, or empty."""

    def link_info(self, fd: int) -> LinkInfo:
        """BPF_OBJ_GET_INFO_BY_FD of a link."""


class PerfCalls(Protocol):
    """perf_event_open(2) and its ioctls."""

    def perf_event_open(
        self,
        event: PerfEvent,
        pid: int = -1,
        cpu: int = -1,
        group_fd: int = -1,
        *,
        subject: str = "",
    ) -> OwnedFd:
        """Open an event; it is closed on exec. ``subject`` names it in errors."""

    def perf_event_set_bpf(self, event_fd: int, prog_fd: int) -> None:
        """PERF_EVENT_IOC_SET_BPF."""

    def perf_event_enable(self, event_fd: int) -> None:
        """PERF_EVENT_IOC_ENABLE."""

    def perf_event_disable(self, event_fd: int) -> None:
        """PERF_EVENT_IOC_DISABLE."""


class MemoryCalls(Protocol):
    """Memory."""

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
        """Map ``size`` bytes of a file, shared. ``what`` names it in errors.

        ``address`` is where it shall be; SyscallError, EEXIST when something else is there.
        """

    def raise_memlock_limit(self) -> bool:
        """Lift RLIMIT_MEMLOCK, which counts maps before Linux 5.11; False when not permitted."""


class NetlinkCalls(Protocol):
    """Requests to rtnetlink."""

    def xdp_set(
        self, ifindex: int, prog_fd: int, flags: int = 0, expected_fd: int | None = None
    ) -> None:
        """Put a program on a device, or take it off with ``prog_fd`` -1.

        With ``expected_fd`` only if that one runs there, which needs Linux 5.7.
        """

    def xdp_get(self, ifindex: int) -> XdpState:
        """What runs on a device."""

    def clsact_create(self, ifindex: int) -> None:
        """RTM_NEWQDISC: the qdisc that filters hang on; EEXIST when the device has one."""

    def clsact_delete(self, ifindex: int) -> None:
        """RTM_DELQDISC, with every filter on it."""

    def ingress_qdisc(self, ifindex: int) -> str:
        """RTM_GETQDISC: the kind of qdisc at the ingress: "clsact", "ingress" or none."""

    def filter_set(
        self, place: TcPlace, prog_fd: int, name: str, *, replace: bool = False
    ) -> TcPlace:
        """RTM_NEWTFILTER: a program in direct-action mode. The place, chosen where it was 0."""

    def filters(self, ifindex: int, hook: int) -> list[TcFilter]:
        """RTM_GETTFILTER: every filter at one side of clsact."""

    def filter_delete(self, place: TcPlace) -> None:
        """RTM_DELTFILTER."""

    def route_add(self, route: EncapRoute) -> None:
        """RTM_NEWROUTE; EEXIST when there is one to the same destination."""

    def route_names(self, route: EncapRoute) -> list[str]:
        """RTM_GETROUTE: names of the programs on all routes to the same destination and device."""

    def route_delete(self, route: EncapRoute) -> None:
        """RTM_DELROUTE."""


class DescriptorCalls(Protocol):
    """Descriptors that programs are attached to: sockets, namespaces, or any."""

    def duplicate(self, fd: int, what: str) -> OwnedFd:
        """A descriptor of our own of the same thing. ``what`` names it in errors."""

    def enter_namespace(self, fd: int) -> None:
        """setns(2): put this thread into a network namespace."""

    def packet_open(self) -> OwnedFd:
        """A packet socket that is not bound, and so receives nothing yet."""

    def packet_bind(self, fd: int, ifindex: int) -> None:
        """Receive every packet of a device from now on, of all devices with 0."""

    def socket_set(self, fd: int, option: SocketOption, value: int) -> None:
        """setsockopt(2) of an option that is a number: a program's descriptor, or 0."""


class Syscalls(
    MapCalls,
    ProgramCalls,
    LinkCalls,
    ObjectCalls,
    PerfCalls,
    MemoryCalls,
    NetlinkCalls,
    DescriptorCalls,
    Protocol,
):
    """All of them."""
