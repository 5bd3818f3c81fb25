"""The attach and detach methods of bcc's BPF class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Self

from ...errors import AttachError
from ...uapi.bpf import AttachType, ProgType
from . import live
from .attached import check_quota
from .groups import Group, Member
from .kernel import matching_functions, tracepoints
from .perf_events import PerfEvents
from .text import Text, to_bytes, to_text
from .tracing_hooks import TracingHooks
from .user_hooks import UserHooks

if TYPE_CHECKING:
    from ...links.base import Link
    from ...links.kernel_functions import KernelFunction


class Hooks(UserHooks, PerfEvents, TracingHooks):
    """The methods that attach and detach programs."""

    # ------------------------------------------------------------ kprobes

    def attach_kprobe(
        self, event: Text = b"", event_off: int = 0, fn_name: Text = b"", event_re: Text = b""
    ) -> Self | None:
        """Call ``fn_name`` at the entry of a kernel function, or of every one a pattern matches."""
        if event_re:
            self._attach_matching(event_re, fn_name, retprobe=False, maxactive=0)
            return None
        self._kprobe(to_text(event), to_text(fn_name), offset=event_off)
        return self

    def attach_kretprobe(
        self, event: Text = b"", fn_name: Text = b"", event_re: Text = b"", maxactive: int = 0
    ) -> Self | None:
        """Call ``fn_name`` when a kernel function returns."""
        if event_re:
            self._attach_matching(event_re, fn_name, retprobe=True, maxactive=maxactive)
            return None
        self._kprobe(to_text(event), to_text(fn_name), retprobe=True, maxactive=maxactive)
        return self

    def detach_kprobe(self, event: Text, fn_name: Text | None = None) -> None:
        """End what attach_kprobe began; every program of the event when none is named."""
        self._detach_kprobe(f"p_{to_text(event)}", event, fn_name)

    def detach_kretprobe(self, event: Text, fn_name: Text | None = None) -> None:
        """End what attach_kretprobe began."""
        self._detach_kprobe(f"r_{to_text(event)}", event, fn_name)

    def num_open_kprobes(self) -> int:
        """How many entry and return probes this object ever attached."""
        return len(self.kprobe_links)

    def _kprobe(
        self,
        event: str,
        fn_name: str,
        *,
        offset: int = 0,
        retprobe: bool = False,
        maxactive: int = 0,
    ) -> None:
        function = self._bpf.load_func(fn_name, ProgType.KPROBE)
        check_quota(self._probes() + 1)
        link = live.attach_kprobe(
            self._bpf.collection.system,
            function.program,
            event,
            offset=offset,
            retprobe=retprobe,
            maxactive=maxactive,
        )
        self._bpf.own(link)
        key = f"{'r' if retprobe else 'p'}_{event}"
        self.kprobe_links.setdefault(key, {}).setdefault(fn_name, []).append(link)

    def _attach_matching(
        self, event_re: Text, fn_name: Text, *, retprobe: bool, maxactive: int
    ) -> None:
        found = matching_functions(self._bpf.collection.system, to_bytes(event_re))
        check_quota(self._probes() + len({f.name for f in found}))
        # What shares its name with another function cannot be named by it.
        names = Counter(f.name for f in found)
        single = {f.name: f for f in found if names[f.name] == 1}
        grouped = not maxactive and len(single) > 1
        grouped = grouped and self._attach_kernel_group(single, fn_name, retprobe)
        failed: AttachError | None = None
        attached = len(single) if grouped else 0
        for name in sorted(names):
            if grouped and name in single:
                continue
            try:
                self._kprobe(name, to_text(fn_name), retprobe=retprobe, maxactive=maxactive)
                attached += 1
            except AttachError as error:
                failed = error
        if not attached:
            raise failed or AttachError(
                to_text(fn_name),
                f"kernel functions matching {to_text(event_re)!r}",
                "no function that can be probed matches",
                "the whole name must match; list candidates with BPF.get_kprobe_functions()",
            )

    def _attach_kernel_group(
        self, functions: Mapping[str, KernelFunction], fn_name: Text, retprobe: bool
    ) -> bool:
        """Attach to all at once; False where the kernel, or the program, cannot."""
        program = self._group_program(fn_name, AttachType.TRACE_KPROBE_MULTI)
        if program is None:
            return False
        hook = "kretprobe.multi" if retprobe else "kprobe.multi"

        def attach(some: list[KernelFunction]) -> Link:
            return live.attach_functions(
                self._bpf.collection.system,
                program,
                some,
                hook=hook,
                target=f"{hook} of {len(some)} functions",
                retprobe=retprobe,
            )

        try:
            group = Group(self._bpf.collection, functions, attach)
        except AttachError:
            return False
        for name in functions:
            key = f"{'r' if retprobe else 'p'}_{name}"
            by_program = self.kprobe_links.setdefault(key, {})
            by_program.setdefault(to_text(fn_name), []).append(Member(group, name))
        return True

    def _detach_kprobe(self, key: str, event: Text, fn_name: Text | None) -> None:
        if fn_name is None:
            links = [link for some in self.kprobe_links[key].values() for link in some]
            self.kprobe_links[key].clear()
            self._close(links)
            return
        attached = self.kprobe_links.get(key, {}).pop(to_text(fn_name), None)
        if attached is None:
            raise Exception(f"Kprobe {to_text(event)} is not attached")
        self._close(attached)

    # ------------------------------------------------------------ tracepoints

    def attach_tracepoint(
        self, tp: Text = b"", tp_re: Text = b"", fn_name: Text = b""
    ) -> Self | None:
        """Call ``fn_name`` at a tracepoint, ``category:event``, or at all a pattern matches."""
        if tp_re:
            for match in tracepoints(self._bpf.collection.system, to_bytes(tp_re)):
                self.attach_tracepoint(tp=match, fn_name=fn_name)
            return None
        category, colon, event = to_text(tp).partition(":")
        if not colon or ":" in event:
            raise ValueError(f"a tracepoint is named category:event, not '{to_text(tp)}'")
        function = self._bpf.load_func(fn_name, ProgType.TRACEPOINT)
        link = live.attach_tracepoint(
            self._bpf.collection.system, function.program, category, event
        )
        self._bpf.own(link)
        self.tracepoint_links.setdefault(to_text(tp), []).append(link)
        return self

    def detach_tracepoint(self, tp: Text) -> None:
        """End what attach_tracepoint began, for every program of the tracepoint."""
        links = self.tracepoint_links.pop(to_text(tp), None)
        if links is None:
            raise Exception(f"Tracepoint {to_text(tp)} is not attached")
        self._close(links)

    def num_open_tracepoints(self) -> int:
        """How many tracepoints are attached now."""
        return len(self.tracepoint_links)

    def attach_raw_tracepoint(self, tp: Text = b"", fn_name: Text = b"") -> Self:
        """Call ``fn_name`` at a raw tracepoint."""
        name = to_text(tp)
        if name in self.raw_tracepoint_links:
            raise Exception(f"Raw tracepoint {name} has been attached")
        function = self._bpf.load_func(fn_name, ProgType.RAW_TRACEPOINT)
        link = live.attach_raw_tracepoint(self._bpf.collection.system, function.program, name)
        self._bpf.own(link)
        self.raw_tracepoint_links[name] = link
        return self

    def detach_raw_tracepoint(self, tp: Text) -> None:
        """End what attach_raw_tracepoint began."""
        link = self.raw_tracepoint_links.pop(to_text(tp), None)
        if link is None:
            raise Exception(f"Raw tracepoint {to_text(tp)} is not attached")
        self._close([link])
