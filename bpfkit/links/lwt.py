"""Light-weight tunnels: programs on the packets of a route, made together with the route.

LWT_IN runs for packets that arrive by the route's destination, LWT_OUT for those that are sent, and
LWT_XMIT when they leave, where they may be changed; they came with Linux kernel commit 3a0af8fd61f9
("bpf: BPF for lightweight tunnel infrastructure") (in v4.10). LWT_SEG6LOCAL runs at the end of an
IPv6 segment; it came with Linux kernel commit 004d4b274e2a ("ipv6: sr: Add seg6local action
End.BPF") (in v4.18). A route stays when its process ends: the link deletes its own.
"""

from __future__ import annotations

import errno
import ipaddress
import secrets
import socket
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..errors import AttachError, SyscallError
from ..syscalls.requests import EncapRoute
from ..uapi.bpf import ProgType
from ..uapi.netlink import RT_TABLE_MAIN, LwtBpf
from .attaching import attaching
from .base import Attachable, Link, Method
from .device import find_device
from .namespace import Namespace
from .refusal import check_type, explain_refusal

if TYPE_CHECKING:
    from ..system import System

_WHERE = {
    ProgType.LWT_IN: LwtBpf.IN,
    ProgType.LWT_OUT: LwtBpf.OUT,
    ProgType.LWT_XMIT: LwtBpf.XMIT,
}
# The metric of an IPv6 route that names none, IP6_RT_PRIO_USER.
_METRIC_6 = 1024
_NAME_BYTES = 100
_HINTS = {
    errno.EEXIST: "there is a route to this destination: delete it, or name another metric",
    errno.EOPNOTSUPP: "this kernel is built without CONFIG_LWTUNNEL_BPF (CONFIG_IPV6_SEG6_BPF for "
    "LWT_SEG6LOCAL)",
    errno.ENETUNREACH: "the gateway cannot be reached through this device",
    errno.ENETDOWN: "the device is down: ip link set dev DEVICE up",
    errno.EINVAL: "the program's type must fit, and the destination the address family",
}


def attach_lwt(
    system: System,
    programs: Attachable | Sequence[Attachable],
    destination: str,
    device: str,
    *,
    via: str = "",
    table: int = RT_TABLE_MAIN,
    metric: int = 0,
    headroom: int = 0,
) -> Link:
    """Make a route to ``destination`` through ``device`` whose packets ``programs`` see.

    Their types say where; one of each at most. ``headroom`` is how many bytes LWT_XMIT may add in
    front. Raises AttachError.
    """
    several = list(programs) if isinstance(programs, Sequence) else [programs]
    where = f"route to {destination} through {device}"
    for program in several:
        check_type(program, where, *_WHERE)
    hooks = tuple((int(_WHERE[program.type]), program.fileno()) for program in several)
    names = ", ".join(program.name for program in several)
    route = _route(system, several[0], where, destination, device, via, table, metric)
    route = replace(route, programs=hooks, headroom=headroom, name=_unique(names))
    return _attach(
        system, route, "lwt", names, where, f"program_type/{several[0].type.name.lower()}"
    )


def attach_seg6local(
    system: System,
    program: Attachable,
    segment: str,
    device: str,
    *,
    table: int = RT_TABLE_MAIN,
    metric: int = 0,
) -> Link:
    """Make an IPv6 ``segment`` end here, and let ``program`` act on the packets (End.BPF).

    Raises AttachError.
    """
    where = f"segment {segment} through {device}"
    check_type(program, where, ProgType.LWT_SEG6LOCAL)
    route = _route(system, program, where, segment, device, "", table, metric)
    route = replace(route, seg6local_fd=program.fileno(), name=_unique(program.name))
    feature = "program_type/lwt_seg6local"
    return _attach(system, route, "seg6local", program.name, where, feature)


@dataclass
class _Delete:
    """Deletes a route of ours: the one that bears our name."""

    system: System
    namespace: Namespace
    route: EncapRoute
    armed: bool = True

    def __call__(self) -> None:
        syscalls = self.system.syscalls
        try:
            with self.namespace.entered():
                if self.armed and self.route.name in syscalls.route_names(self.route):
                    syscalls.route_delete(self.route)
        except SyscallError as error:
            if error.errno not in (errno.ENODEV, errno.ENOENT, errno.ESRCH):
                raise
        finally:
            self.namespace.close()


def _attach(
    system: System, route: EncapRoute, hook: str, program: str, where: str, feature: str
) -> Link:
    undo = _Delete(system, Namespace(system), route)
    link = Link(hook=hook, program=program, target=where, method=Method.NETLINK, undo=undo)
    try:
        with attaching(link, undo):
            system.syscalls.route_add(route)
    except SyscallError as error:
        why = explain_refusal(system, error, _HINTS, feature)
        raise AttachError(program, where, why.reason, why.hint) from error
    return link


def _route(
    system: System,
    program: Attachable,
    where: str,
    destination: str,
    device: str,
    via: str,
    table: int,
    metric: int,
) -> EncapRoute:
    try:
        network = ipaddress.ip_network(destination)
        gateway = ipaddress.ip_address(via).packed if via else b""
    except ValueError as error:
        raise AttachError(
            program.name, where, str(error), "write 10.1.0.0/16, 10.1.2.3 or fc00::/64"
        ) from error
    return EncapRoute(
        family=socket.AF_INET if network.version == 4 else socket.AF_INET6,
        destination=network.network_address.packed,
        prefix_len=network.prefixlen,
        ifindex=find_device(program, where, device),
        gateway=gateway,
        table=table,
        metric=metric or (_METRIC_6 if network.version == 6 else 0),
    )


def _unique(names: str) -> str:
    """A name that no other route has."""
    return f"{names[:_NAME_BYTES]} {secrets.token_hex(4)}"
