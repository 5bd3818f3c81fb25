"""A kernel for links: system calls that keep a diary and fail on request, made-up facts."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

from bpfkit.errors import SyscallError
from bpfkit.features.probe import Support
from bpfkit.syscalls.fd import OwnedFd
from bpfkit.syscalls.requests import EncapRoute, PerfEvent, TcFilter, TcPlace, XdpState
from bpfkit.uapi.bpf import ProgType

if TYPE_CHECKING:
    from bpfkit.system import System


@dataclass
class FakeProgram:
    """A loaded program, descriptor 100."""

    name: str = "prog"
    type: ProgType = ProgType.KPROBE

    def fileno(self) -> int:
        return 100


@dataclass(frozen=True)
class FakeInfo:
    id: int


@dataclass
class FakeSyscalls:
    """Answers with open descriptors of /dev/null. ``errors``: errno by call, used up in order."""

    errors: dict[str, list[int]] = field(default_factory=dict)
    calls: list[tuple[object, ...]] = field(default_factory=list)
    events: list[PerfEvent] = field(default_factory=list)
    options: list[object] = field(default_factory=list)
    """What links were made with."""
    xdp: XdpState = field(default_factory=lambda: XdpState(0))
    program_id: int = 1000
    attached: tuple[int, ...] = ()
    qdisc: str = ""
    tc_filters: list[TcFilter] = field(default_factory=list)
    routes: list[str] = field(default_factory=list)

    def _do(self, call: str, *details: object) -> None:
        self.calls.append((call, *details))
        codes = self.errors.get(call)
        if codes and (code := codes.pop(0)):
            raise SyscallError(code, call, "the fake")

    def names(self) -> list[object]:
        return [call[0] for call in self.calls]

    def _fd(self, what: str) -> OwnedFd:
        return OwnedFd(os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC), what)

    def perf_event_open(
        self, event: PerfEvent, pid: int = -1, cpu: int = -1, group: int = -1, *, subject: str = ""
    ) -> OwnedFd:
        self._do("perf_event_open", pid, cpu)
        self.events.append(event)
        return self._fd("event")

    def perf_event_set_bpf(self, event_fd: int, prog_fd: int) -> None:
        self._do("set_bpf", prog_fd)

    def perf_event_enable(self, event_fd: int) -> None:
        self._do("enable")

    def link_create(
        self, prog_fd: int, target: int, attach_type: int, *, flags: int = 0, options: object = None
    ) -> OwnedFd:
        self._do("link_create", prog_fd, attach_type, flags)
        self.options.append(options)
        return self._fd("link")

    def raw_tracepoint_open(self, name: str | None, prog_fd: int, cookie: int = 0) -> OwnedFd:
        self._do("raw_tracepoint_open", name, prog_fd)
        return self._fd("raw tracepoint")

    def prog_info(self, fd: int) -> FakeInfo:
        return FakeInfo(self.program_id)

    def link_info(self, fd: int) -> FakeInfo:
        return FakeInfo(7)

    def link_update(self, link_fd: int, prog_fd: int, flags: int = 0, old_fd: int = 0) -> None:
        self._do("link_update", prog_fd)

    def duplicate(self, fd: int, what: str) -> OwnedFd:
        return self._fd(what)

    def enter_namespace(self, fd: int) -> None:
        raise AssertionError("the tests stay in their network namespace")

    # ------------------------------------------------------------ BPF_PROG_ATTACH

    def prog_attach(
        self, target_fd: int, prog_fd: int, attach_type: int, flags: int = 0, replace_fd: int = 0
    ) -> None:
        self._do("prog_attach", attach_type, flags)
        self.attached = (self.program_id,)

    def prog_detach(self, target_fd: int, prog_fd: int, attach_type: int) -> None:
        self._do("prog_detach", attach_type)
        self.attached = ()

    def prog_query(self, target_fd: int, attach_type: int, flags: int = 0) -> tuple[int, ...]:
        return self.attached

    # ------------------------------------------------------------ netlink

    def xdp_get(self, ifindex: int) -> XdpState:
        self._do("xdp_get")
        return self.xdp

    def xdp_set(
        self, ifindex: int, prog_fd: int, flags: int = 0, expected_fd: int | None = None
    ) -> None:
        self._do("xdp_set", prog_fd, flags)
        mode = 1 if not flags & 2 else 2
        self.xdp = XdpState(mode, self.program_id) if prog_fd >= 0 else XdpState(0)

    def ingress_qdisc(self, ifindex: int) -> str:
        return self.qdisc

    def clsact_create(self, ifindex: int) -> None:
        self._do("clsact_create")
        self.qdisc = "clsact"

    def clsact_delete(self, ifindex: int) -> None:
        self._do("clsact_delete")
        self.qdisc = ""

    def filter_set(
        self, place: TcPlace, prog_fd: int, name: str, *, replace: bool = False
    ) -> TcPlace:
        self._do("filter_set", replace)
        chosen = dataclasses.replace(
            place, priority=place.priority or 49152, handle=place.handle or 1
        )
        self.tc_filters = [each for each in self.tc_filters if each.place != chosen]
        self.tc_filters.append(TcFilter(chosen, "bpf", self.program_id, name))
        return chosen

    def filters(self, ifindex: int, hook: int) -> list[TcFilter]:
        return [each for each in self.tc_filters if each.place.hook == hook]

    def filter_delete(self, place: TcPlace) -> None:
        self._do("filter_delete")
        self.tc_filters = [each for each in self.tc_filters if each.place != place]

    def route_add(self, route: EncapRoute) -> None:
        self._do("route_add", route)
        self.routes.append(route.name)

    def route_names(self, route: EncapRoute) -> list[str]:
        return self.routes

    def route_delete(self, route: EncapRoute) -> None:
        self._do("route_delete", route)
        self.routes.remove(route.name)

    # ------------------------------------------------------------ sockets

    def packet_open(self) -> OwnedFd:
        self._do("packet_open")
        return self._fd("packet socket")

    def packet_bind(self, fd: int, ifindex: int) -> None:
        self._do("packet_bind", ifindex)

    def socket_set(self, fd: int, option: int, value: int) -> None:
        self._do("socket_set", option, value)


@dataclass(frozen=True)
class FakeSymbol:
    name: str
    kind: str = "t"
    address: int = 1
    module: str = ""


@dataclass
class FakeKallsyms:
    names: Sequence[str]

    def symbols(self) -> list[FakeSymbol]:
        return [FakeSymbol(name) for name in self.names]


@dataclass
class FakeTracefs:
    """tracefs below a real directory; ``ids`` has the events."""

    path: Path
    ids: dict[tuple[str, str], int] = field(default_factory=dict)

    def event_id(self, category: str, event: str) -> int | None:
        if category == "kprobes":
            text = (self.path / "kprobe_events").read_text()
            return 77 if f"/{event} " in text and f"-:kprobes/{event}" not in text else None
        return self.ids.get((category, event))

    def events(self) -> list[tuple[str, str]]:
        return sorted(self.ids)

    def read_bytes(self, name: str) -> bytes:
        if name != "available_filter_functions":
            return b""
        return b"\n".join(line.encode() for line in self.available_filter_functions())

    def available_filter_functions(self) -> list[str]:
        return ["do_sys_open", "vfs_read [some_module]"]


@dataclass
class FakeFacts:
    root: Path
    tracefs: FakeTracefs
    arch: str = "x86_64"
    kprobes: str | None = "y"
    online_cpu_list: tuple[int, ...] = (2, 3)
    kallsyms: FakeKallsyms = field(
        default_factory=lambda: FakeKallsyms(["do_sys_open", "vfs_read", "hidden_one"])
    )

    configured: bool = True

    def config_text(self) -> str | None:
        return "some text" if self.configured else None

    def has_symbol(self, name: str) -> bool:
        return name in self.kallsyms.names

    def config(self, option: str) -> str | None:
        return self.kprobes

    def traceable_functions(self, name: str) -> list[bytes]:
        return self.tracefs.read_bytes(name).splitlines()

    def module_names(self) -> frozenset[str] | None:
        return frozenset({"ext4"})

    def lockdown(self) -> str:
        return ""

    def kprobe_blacklist(self) -> frozenset[str]:
        return frozenset()


LATE = ("link/kprobe_multi", "link/uprobe_multi", "helper/bpf_get_attach_cookie")


@dataclass
class FakeFeatures:
    """A kernel that has everything but what is ``lacking``: at first, what came late."""

    lacking: set[str] = field(default_factory=lambda: {*LATE})

    def get(self, name: str) -> Support:
        return Support.NO if name in self.lacking else Support.YES

    def has(self, name: str) -> bool:
        return name not in self.lacking


@dataclass
class FakeKernel:
    """The three parts, and the System they make."""

    syscalls: FakeSyscalls
    facts: FakeFacts
    features: FakeFeatures = field(default_factory=lambda: FakeFeatures())
    made: set[tuple[object, ...]] = field(default_factory=set)

    @property
    def system(self) -> System:
        return cast("System", self)


def kernel(root: Path, *, pmu: bool = True) -> FakeKernel:
    """A kernel whose files are below ``root``, with a kprobe PMU or without."""
    if pmu:
        for number, name in ((8, "kprobe"), (9, "uprobe")):
            folder = root / f"sys/bus/event_source/devices/{name}"
            (folder / "format").mkdir(parents=True)
            (folder / "type").write_text(f"{number}\n")
            (folder / "format/retprobe").write_text("config:0\n")
        (folder / "format/ref_ctr_offset").write_text("config:32-63\n")
    tracefs = FakeTracefs(root, {("sched", "sched_switch"): 41, ("syscalls", "sys_enter_read"): 42})
    (root / "kprobe_events").write_text("p:kprobes/other other_function\n")
    return FakeKernel(FakeSyscalls(), FakeFacts(root, tracefs))
