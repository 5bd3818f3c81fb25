"""The ways to attach a program to the network and to cgroups, for `hooked.HookedProgram`."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..obj.sections import read_section
from ..syscalls.api import SupportsFileno
from ..uapi.bpf import AttachType
from ..uapi.netlink import RT_TABLE_MAIN
from .base import Attachable, Link
from .owned import OwnedProgram

if TYPE_CHECKING:
    from .cgroup import Cgroup
    from .netfilter import NetfilterHook
    from .order import After, Before
    from .tc import Direction, TcLink


class NetworkHooked(OwnedProgram):
    """Attaches to devices, namespaces, sockets, routes and cgroups."""

    def attach_xdp(
        self, device: str, *, flags: int = 0, expected: Attachable | None = None
    ) -> Link:
        """See every packet that a device receives, in place of what runs there (netlink)."""
        from .xdp import attach_xdp

        return self._owned(attach_xdp(self._system, self, device, flags=flags, expected=expected))

    def attach_xdp_link(self, device: str, *, flags: int = 0) -> Link:
        """See every packet that a device receives, through a bpf_link that none can replace."""
        from .xdp import attach_xdp_link

        return self._owned(attach_xdp_link(self._system, self, device, flags=flags))

    def attach_tc(
        self,
        device: str,
        direction: Direction = "ingress",
        *,
        priority: int = 0,
        handle: int = 0,
        replace_filter: bool = False,
    ) -> TcLink:
        """See every packet that enters or leaves a device, as a filter of clsact."""
        from .tc import attach_tc

        return self._owned(
            attach_tc(
                self._system,
                self,
                device,
                direction,
                priority=priority,
                handle=handle,
                replace_filter=replace_filter,
            )
        )

    def attach_tcx(
        self,
        device: str,
        direction: Direction = "ingress",
        *,
        before: Before = None,
        after: After = None,
    ) -> Link:
        """See every packet that enters or leaves a device, in a list of programs."""
        from .tcx import attach_tcx

        return self._owned(
            attach_tcx(self._system, self, device, direction, before=before, after=after)
        )

    def attach_netkit(
        self,
        device: str,
        *,
        peer: bool = False,
        before: Before = None,
        after: After = None,
    ) -> Link:
        """See every packet that a netkit device, or its peer, sends."""
        from .tcx import attach_netkit

        return self._owned(
            attach_netkit(self._system, self, device, peer=peer, before=before, after=after)
        )

    def attach_netfilter(
        self,
        hook: NetfilterHook,
        *,
        family: int = socket.AF_INET,
        priority: int = 0,
        defragment: bool = False,
    ) -> Link:
        """See the packets of this network namespace at one of netfilter's hooks."""
        from .netfilter import attach_netfilter

        return self._owned(
            attach_netfilter(
                self._system,
                self,
                hook,
                family=family,
                priority=priority,
                defragment=defragment,
            )
        )

    def attach_cgroup(
        self,
        cgroup: Cgroup,
        attach_type: AttachType | None = None,
        *,
        flags: int | None = None,
        before: Before = None,
        after: After = None,
    ) -> Link:
        """Be asked about what the processes of a cgroup do; the section may say about what."""
        from .cgroup import attach_cgroup

        kind = attach_type if attach_type is not None else self._of_section()
        return self._owned(
            attach_cgroup(self._system, self, cgroup, kind, flags=flags, before=before, after=after)
        )

    def attach_netns(
        self, namespace: str | os.PathLike[str] | SupportsFileno | None = None
    ) -> Link:
        """Choose sockets or take packets apart in a network namespace, this thread's by default."""
        from .netns import OWN, attach_netns

        where = OWN if namespace is None else namespace
        return self._owned(attach_netns(self._system, self, where))

    def attach_socket_filter(self, socket: SupportsFileno) -> Link:
        """Say how much of each packet a socket shall receive."""
        from .socket import attach_socket_filter

        return self._owned(attach_socket_filter(self._system, self, socket))

    def attach_reuseport(self, socket: SupportsFileno) -> Link:
        """Say which socket of a SO_REUSEPORT group gets a packet."""
        from .socket import attach_reuseport

        return self._owned(attach_reuseport(self._system, self, socket))

    def attach_raw_socket(self, device: str = "") -> Link:
        """Open a packet socket, the link's descriptor, that receives what is let through."""
        from .socket import attach_raw_socket

        return self._owned(attach_raw_socket(self._system, self, device))

    def attach_sockmap(self, map: SupportsFileno, attach_type: AttachType | None = None) -> Link:
        """Say what becomes of what the sockets in a map send or receive."""
        from .sockmap import attach_sockmap

        kind = attach_type if attach_type is not None else self._of_section()
        if kind is None:
            raise ValueError("the section does not name the attach type: say SK_MSG_VERDICT or so")
        return self._owned(attach_sockmap(self._system, self, map, kind))

    def attach_lwt(
        self,
        destination: str,
        device: str,
        *,
        beside: Sequence[Attachable] = (),
        via: str = "",
        table: int = RT_TABLE_MAIN,
        metric: int = 0,
        headroom: int = 0,
    ) -> Link:
        """See the packets of a new route, alone or ``beside`` programs of other types."""
        from .lwt import attach_lwt

        return self._owned(
            attach_lwt(
                self._system,
                [self, *beside],
                destination,
                device,
                via=via,
                table=table,
                metric=metric,
                headroom=headroom,
            )
        )

    def attach_seg6local(
        self, segment: str, device: str, *, table: int = RT_TABLE_MAIN, metric: int = 0
    ) -> Link:
        """Act at the end of an IPv6 segment."""
        from .lwt import attach_seg6local

        return self._owned(
            attach_seg6local(self._system, self, segment, device, table=table, metric=metric)
        )

    def attach_lirc(self, device: str = "/dev/lirc0") -> Link:
        """See every pulse and space that an infrared device receives."""
        from .lirc import attach_lirc

        return self._owned(attach_lirc(self._system, self, device))

    def _of_section(self) -> AttachType | None:
        """The attach type that the program's section names."""
        row, _ = read_section(self._owner.section_of(self.name))
        return row.attach_type if row is not None else None
