"""bcc's programs on perf events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...uapi.bpf import ProgType
from . import live
from .attached import Attached
from .text import Text

if TYPE_CHECKING:
    from ...syscalls.requests import PerfEvent

# What a perf_event_attr has and an event is made of; two unions have two names.
_NUMBERS = ("type", "config", "sample_type", "read_format")
_SWITCHES = (
    "freq", "inherit", "exclude_user", "exclude_kernel", "exclude_idle", "enable_on_exec",
)  # fmt: skip


class PerfEvents(Attached):
    """attach_perf_event and its kin."""

    def attach_perf_event(
        self,
        ev_type: int = -1,
        ev_config: int = -1,
        fn_name: Text = b"",
        sample_period: int = 0,
        sample_freq: int = 0,
        pid: int = -1,
        cpu: int = -1,
        group_fd: int = -1,
        inherit: bool = False,
    ) -> None:
        """Call ``fn_name`` each period, or so many times a second, of an event of every CPU."""
        if (sample_period > 0) == (sample_freq > 0):
            raise Exception(
                "Failed to attach BPF to perf event: exactly one of sample_period and sample_freq "
                "must be set"
            )
        output = (ev_type, ev_config) == (live.PerfType.SOFTWARE, live.PerfSw.BPF_OUTPUT)
        if output or ev_type in (live.PerfType.TRACEPOINT, live.PerfType.BREAKPOINT):
            raise Exception(
                f"Failed to attach BPF to perf event: type {ev_type} config {ev_config} is for "
                "other methods"
            )
        event = live.PerfEvent(
            type=ev_type,
            config=ev_config,
            sample_period=sample_period or sample_freq,
            freq=sample_freq > 0,
            inherit=inherit,
            disabled=group_fd < 0,
        )
        self._attach_event(event, fn_name, pid, cpu, group_fd)

    def attach_perf_event_raw(
        self, attr: object, fn_name: Text = b"", pid: int = -1, cpu: int = -1, group_fd: int = -1
    ) -> None:
        """The same for an event described by a ``perf_event_attr``.

        ``attr`` is any ctypes structure with the kernel's names of its members.
        """
        copied = {name: int(getattr(attr, name, 0)) for name in (*_NUMBERS, *_SWITCHES)}
        period = getattr(attr, "sample_freq" if copied["freq"] else "sample_period", 0)
        numbers = {name: copied[name] for name in _NUMBERS}
        switches = {name: bool(copied[name]) for name in _SWITCHES}
        event = live.PerfEvent(
            **numbers,  # type: ignore[arg-type]
            **switches,  # type: ignore[arg-type]
            config1=int(getattr(attr, "config1", getattr(attr, "bp_addr", 0))),
            config2=int(getattr(attr, "config2", getattr(attr, "bp_len", 0))),
            sample_period=int(period or getattr(attr, "sample_period", 0)),
            disabled=group_fd < 0,
        )
        self._attach_event(event, fn_name, pid, cpu, group_fd)

    def _attach_event(
        self, event: PerfEvent, fn_name: Text, pid: int, cpu: int, group_fd: int
    ) -> None:
        program = self._bpf.load_func(fn_name, ProgType.PERF_EVENT).program
        link = live.attach_counter(
            self._bpf.collection.system,
            program,
            event,
            f"perf event {live.event_name(event.type, event.config)}",
            pid=pid,
            cpu=cpu,
            group_fd=group_fd,
            every_cpu=True,
        )
        self._bpf.own(link)
        self.open_perf_events.setdefault((event.type, event.config), []).append(link)

    def detach_perf_event(self, ev_type: int = -1, ev_config: int = -1) -> None:
        """End what attach_perf_event began."""
        links = self.open_perf_events.pop((ev_type, ev_config), None)
        if links is None:
            raise Exception(f"Perf event type {ev_type} config {ev_config} not attached")
        self._close(links)
