"""A loaded program with the ways to attach it: `HookedProgram`, as a `Collection` hands it out.

Each ``attach_…`` method is the function of that name in this package, and makes a `Link`: a context
manager that detaches. What its user does not close, the collection does. A hook is imported when it
is used.
"""

from __future__ import annotations

from collections.abc import Sequence

from .base import Link
from .hooked_tracing import TracingHooked


class HookedProgram(TracingHooked):
    """A program that can be attached. Every method raises AttachError that says why not.

    The hooks of the network and of cgroups are in ``hooked_network.py``, those that BTF types
    describe in ``hooked_tracing.py``.
    """

    def attach(self) -> Link:
        """Attach where the program's section says: ``SEC("kprobe/vfs_read")``."""

        from .by_section import attach_by_section

        return self._owned(attach_by_section(self, self._owner.section_of(self.name)))

    def attach_kprobe(
        self,
        function: str,
        *,
        offset: int = 0,
        retprobe: bool = False,
        maxactive: int = 0,
        cookie: int = 0,
    ) -> Link:
        """Be called when the kernel enters ``function``, or returns from it."""

        from .kprobe import attach_kprobe

        return self._owned(
            attach_kprobe(
                self._system,
                self,
                function,
                offset=offset,
                retprobe=retprobe,
                maxactive=maxactive,
                cookie=cookie,
            )
        )

    def attach_kprobe_multi(
        self,
        functions: Sequence[str | int] = (),
        *,
        pattern: str = "",
        retprobe: bool = False,
        session: bool = False,
        cookies: Sequence[int] = (),
    ) -> Link:
        """Be called for any of many functions of the kernel: names, addresses, or a pattern."""

        from .kprobe_multi import attach_kprobe_multi

        return self._owned(
            attach_kprobe_multi(
                self._system,
                self,
                functions,
                pattern=pattern,
                retprobe=retprobe,
                session=session,
                cookies=cookies,
            )
        )

    def attach_ksyscall(self, name: str, *, retprobe: bool = False, cookie: int = 0) -> Link:
        """Be called when a process makes system call ``name``, or when it returns."""

        from .ksyscall import attach_ksyscall

        return self._owned(
            attach_ksyscall(self._system, self, name, retprobe=retprobe, cookie=cookie)
        )

    def attach_uprobe(
        self,
        binary: str,
        symbol: str = "",
        *,
        address: int | None = None,
        offset: int = 0,
        pid: int = -1,
        retprobe: bool = False,
        semaphore: int = 0,
        cookie: int = 0,
    ) -> Link:
        """Be called when a process passes a place in ``binary``, or returns from there."""

        from .uprobe import attach_uprobe

        return self._owned(
            attach_uprobe(
                self._system,
                self,
                binary,
                symbol,
                address=address,
                offset=offset,
                pid=pid,
                retprobe=retprobe,
                semaphore=semaphore,
                cookie=cookie,
            )
        )

    def attach_uprobe_multi(
        self,
        binary: str,
        symbols: Sequence[str | int] = (),
        *,
        pattern: str = "",
        pid: int = -1,
        retprobe: bool = False,
        session: bool = False,
        cookies: Sequence[int] = (),
    ) -> Link:
        """Be called for any of many functions of ``binary``: names, addresses, or a pattern."""

        from .uprobe_multi import attach_uprobe_multi

        return self._owned(
            attach_uprobe_multi(
                self._system,
                self,
                binary,
                symbols,
                pattern=pattern,
                pid=pid,
                retprobe=retprobe,
                session=session,
                cookies=cookies,
            )
        )

    def attach_usdt(
        self, binary: str, provider: str, name: str, *, pid: int = -1, cookie: int = 0
    ) -> Link:
        """Be called when a process passes the probe ``provider:name`` of ``binary``."""

        from .usdt import attach_usdt

        return self._owned(
            attach_usdt(
                self._system,
                self,
                binary,
                provider,
                name,
                pid=pid,
                specs=self._owner.usdt_specs(),
                cookie=cookie,
            )
        )

    def attach_tracepoint(self, category: str, event: str, *, cookie: int = 0) -> Link:
        """Be called when the kernel passes a tracepoint."""

        from .tracepoint import attach_tracepoint

        return self._owned(attach_tracepoint(self._system, self, category, event, cookie=cookie))

    def attach_tracepoints(self, pattern: str, *, cookie: int = 0) -> list[Link]:
        """Be called at every tracepoint whose ``category:event`` begins as ``pattern`` says."""

        from .tracepoint import attach_tracepoints

        links = attach_tracepoints(self._system, self, pattern, cookie=cookie)
        return [self._owned(link) for link in links]

    def attach_raw_tracepoint(self, name: str, *, cookie: int = 0) -> Link:
        """Be called when the kernel passes a tracepoint, with its own arguments."""

        from .raw_tracepoint import attach_raw_tracepoint

        return self._owned(attach_raw_tracepoint(self._system, self, name, cookie=cookie))

    def attach_perf_event(
        self,
        type: int,
        config: int,
        *,
        period: int = 0,
        frequency: int = 0,
        pid: int = -1,
        cpu: int = -1,
        group_fd: int = -1,
        inherit: bool = False,
        exclude_user: bool = False,
        exclude_kernel: bool = False,
        cookie: int = 0,
    ) -> Link:
        """Be called each ``period`` of a counter, or ``frequency`` times a second."""

        from .perf_event import attach_perf_event

        return self._owned(
            attach_perf_event(
                self._system,
                self,
                type,
                config,
                period=period,
                frequency=frequency,
                pid=pid,
                cpu=cpu,
                group_fd=group_fd,
                inherit=inherit,
                exclude_user=exclude_user,
                exclude_kernel=exclude_kernel,
                cookie=cookie,
            )
        )
