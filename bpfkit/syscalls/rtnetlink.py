"""Requests to rtnetlink: XDP programs, filters and the qdisc they hang on, routes with a program.

Each request is a table of attributes, named as the kernel names them.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator, Mapping

from ..uapi.netlink import (
    CLSACT_HANDLE,
    ENCAP_PROG,
    ENCAP_PROG_NAME,
    IFINFOMSG,
    IFLA_XDP,
    LWTUNNEL_ENCAP_BPF,
    LWTUNNEL_ENCAP_SEG6_LOCAL,
    NLM_F_CREATE,
    NLM_F_DUMP,
    NLM_F_ECHO,
    NLM_F_EXCL,
    NLM_F_REPLACE,
    RT_SCOPE_LINK,
    RT_SCOPE_UNIVERSE,
    RTMSG,
    RTN_UNICAST,
    RTPROT_STATIC,
    SEG6_LOCAL_ACTION_END_BPF,
    TC_H_CLSACT,
    TCA_BPF_FLAG_ACT_DIRECT,
    TCMSG,
    IflaXdp,
    LwtBpf,
    Rta,
    Rtm,
    Seg6Local,
    Tca,
    TcaBpf,
)
from .netlink import Payload, emit_attributes, read_attributes, request
from .requests import EncapRoute, TcFilter, TcPlace, XdpState

_NATIVE = sys.byteorder
_WITH_PROGRAM: dict[int, tuple[int, ...]] = {
    LWTUNNEL_ENCAP_BPF: (LwtBpf.IN, LwtBpf.OUT, LwtBpf.XMIT),
    LWTUNNEL_ENCAP_SEG6_LOCAL: (Seg6Local.BPF,),
}


class NetlinkCommands:
    """rtnetlink. Each request has a socket of its own, in the thread's network namespace."""

    def xdp_set(
        self, ifindex: int, prog_fd: int, flags: int = 0, expected_fd: int | None = None
    ) -> None:
        """Put a program on a device, or take it off."""
        inner: list[tuple[int, Payload]] = [(IflaXdp.FD, prog_fd)]
        if flags:
            inner.append((IflaXdp.FLAGS, flags))
        if expected_fd is not None:
            inner.append((IflaXdp.EXPECTED_FD, expected_fd))
        body = IFINFOMSG.pack(0, 0, ifindex, 0, 0) + emit_attributes([(IFLA_XDP, inner)])
        request(Rtm.SETLINK, body, f"XDP on device {ifindex}")

    def xdp_get(self, ifindex: int) -> XdpState:
        """What runs on a device."""
        body = IFINFOMSG.pack(0, 0, ifindex, 0, 0)
        answers = request(Rtm.GETLINK, body, f"device {ifindex}")
        return read_xdp(answers[0][1][IFINFOMSG.size :])

    # ------------------------------------------------------------ filters

    def clsact_create(self, ifindex: int) -> None:
        """RTM_NEWQDISC: the qdisc that filters hang on."""
        body = TCMSG.pack(0, ifindex, CLSACT_HANDLE, TC_H_CLSACT, 0)
        body += emit_attributes([(Tca.KIND, "clsact")])
        flags = NLM_F_CREATE | NLM_F_EXCL
        request(Rtm.NEWQDISC, body, f"qdisc clsact of device {ifindex}", flags)

    def clsact_delete(self, ifindex: int) -> None:
        """RTM_DELQDISC."""
        body = TCMSG.pack(0, ifindex, CLSACT_HANDLE, TC_H_CLSACT, 0)
        body += emit_attributes([(Tca.KIND, "clsact")])
        request(Rtm.DELQDISC, body, f"qdisc clsact of device {ifindex}")

    def ingress_qdisc(self, ifindex: int) -> str:
        """RTM_GETQDISC: the kind of qdisc at the ingress: "clsact", "ingress" or none."""
        body = TCMSG.pack(0, ifindex, 0, 0, 0)
        for _, payload in request(Rtm.GETQDISC, body, f"qdiscs of {ifindex}", NLM_F_DUMP):
            _, index, _, parent, _ = TCMSG.unpack_from(payload)
            # Kernels without strict checks give the qdiscs of all devices.
            if index == ifindex and parent == TC_H_CLSACT:
                found = dict(read_attributes(payload[TCMSG.size :]))
                return found.get(Tca.KIND, b"").rstrip(b"\0").decode()
        return ""

    def filter_set(
        self, place: TcPlace, prog_fd: int, name: str, *, replace: bool = False
    ) -> TcPlace:
        """RTM_NEWTFILTER."""
        options: list[tuple[int, Payload]] = [
            (TcaBpf.FD, prog_fd),
            (TcaBpf.NAME, name),
            (TcaBpf.FLAGS, TCA_BPF_FLAG_ACT_DIRECT),
        ]
        table: list[tuple[int, Payload]] = [(Tca.KIND, "bpf"), (Tca.OPTIONS, options)]
        body = _tcmsg(place) + emit_attributes(table)
        flags = NLM_F_CREATE | NLM_F_ECHO | (NLM_F_REPLACE if replace else NLM_F_EXCL)
        answers = request(Rtm.NEWTFILTER, body, f"filter {place}", flags)
        found = [read_filter(payload) for kind, payload in answers if kind == Rtm.NEWTFILTER]
        return found[0].place if found else place

    def filters(self, ifindex: int, hook: int) -> list[TcFilter]:
        """RTM_GETTFILTER: every filter at one side of clsact."""
        body = _tcmsg(TcPlace(ifindex, hook, protocol=0))
        answers = request(Rtm.GETTFILTER, body, f"filters of {ifindex}", NLM_F_DUMP)
        # What has no handle is the head of a list of filters, which the kernel tells about, too.
        found = [read_filter(p) for kind, p in answers if kind == Rtm.NEWTFILTER]
        return [each for each in found if each.place.handle]

    def filter_delete(self, place: TcPlace) -> None:
        """RTM_DELTFILTER."""
        body = _tcmsg(place) + emit_attributes([(Tca.KIND, "bpf")])
        request(Rtm.DELTFILTER, body, f"filter {place}")

    # ------------------------------------------------------------ routes

    def route_add(self, route: EncapRoute) -> None:
        """RTM_NEWROUTE."""
        flags = NLM_F_CREATE | NLM_F_EXCL
        request(Rtm.NEWROUTE, _rtmsg(route, with_programs=True), f"route {route}", flags)

    def route_names(self, route: EncapRoute) -> list[str]:
        """RTM_GETROUTE: names of the programs on all routes to the same destination and device."""
        head = RTMSG.pack(route.family, 0, 0, 0, _table8(route.table), 0, 0, 0, 0)
        table: list[tuple[int, Payload]] = [(Rta.OIF, route.ifindex), (Rta.TABLE, route.table)]
        body = head + emit_attributes(table)
        names: list[str] = []
        for _, payload in request(Rtm.GETROUTE, body, f"routes like {route}", NLM_F_DUMP):
            found = dict(read_attributes(payload[RTMSG.size :]))
            destination = route.destination if route.prefix_len else b""
            if (
                RTMSG.unpack_from(payload)[1] == route.prefix_len
                and found.get(Rta.DST, b"") == destination
            ):
                names += _encap_names(found)
        return names

    def route_delete(self, route: EncapRoute) -> None:
        """RTM_DELROUTE."""
        request(Rtm.DELROUTE, _rtmsg(route, with_programs=False), f"route {route}")


def read_xdp(attributes: bytes) -> XdpState:
    """Return what the attributes of a link say about XDP."""
    for kind, payload in read_attributes(attributes):
        if kind == IFLA_XDP:
            values = {k: int.from_bytes(v, _NATIVE) for k, v in read_attributes(payload)}
            return XdpState(
                values.get(IflaXdp.ATTACHED, 0),
                values.get(IflaXdp.PROG_ID, 0),
                values.get(IflaXdp.DRV_PROG_ID, 0),
                values.get(IflaXdp.SKB_PROG_ID, 0),
                values.get(IflaXdp.HW_PROG_ID, 0),
            )
    return XdpState(0)


def read_filter(payload: bytes) -> TcFilter:
    """Return what a message says about a filter."""
    _, ifindex, handle, parent, info = TCMSG.unpack_from(payload)
    place = TcPlace(ifindex, parent & 0xFFFF, info >> 16, handle, socket.ntohs(info & 0xFFFF))
    found = dict(read_attributes(payload[TCMSG.size :]))
    options = dict(read_attributes(found.get(Tca.OPTIONS, b"")))
    return TcFilter(
        place,
        found.get(Tca.KIND, b"").rstrip(b"\0").decode(),
        int.from_bytes(options.get(TcaBpf.ID, b""), _NATIVE),
        options.get(TcaBpf.NAME, b"").rstrip(b"\0").decode("utf-8", "replace"),
    )


def _tcmsg(place: TcPlace) -> bytes:
    parent = (TC_H_CLSACT & 0xFFFF0000) | place.hook
    info = place.priority << 16 | socket.htons(place.protocol)
    return TCMSG.pack(0, place.ifindex, place.handle, parent, info)


def _rtmsg(route: EncapRoute, *, with_programs: bool) -> bytes:
    scope = RT_SCOPE_UNIVERSE if route.gateway or route.family == socket.AF_INET6 else RT_SCOPE_LINK
    head = RTMSG.pack(
        route.family, route.prefix_len, 0, 0, _table8(route.table), RTPROT_STATIC, scope,
        RTN_UNICAST, 0,
    )  # fmt: skip
    table: list[tuple[int, Payload]] = [(Rta.OIF, route.ifindex), (Rta.TABLE, route.table)]
    if route.prefix_len:
        table.append((Rta.DST, route.destination))
    if route.gateway:
        table.append((Rta.GATEWAY, route.gateway))
    if route.metric:
        table.append((Rta.PRIORITY, route.metric))
    if with_programs:
        table += _encap(route)
    return head + emit_attributes(table)


def _encap(route: EncapRoute) -> list[tuple[int, Payload]]:
    """RTA_ENCAP and its type: programs of a route, or the one behind a segment."""
    if route.seg6local_fd:
        kind = LWTUNNEL_ENCAP_SEG6_LOCAL
        inner: list[tuple[int, Payload]] = [
            (Seg6Local.ACTION, SEG6_LOCAL_ACTION_END_BPF),
            (Seg6Local.BPF, _named(route.seg6local_fd, route.name)),
        ]
    else:
        kind = LWTUNNEL_ENCAP_BPF
        inner = [(where, _named(fd, route.name)) for where, fd in route.programs]
        if route.headroom:
            inner.append((LwtBpf.XMIT_HEADROOM, route.headroom))
    return [(Rta.ENCAP_TYPE, kind.to_bytes(2, _NATIVE)), (Rta.ENCAP, inner)]


def _named(prog_fd: int, name: str) -> list[tuple[int, Payload]]:
    return [(ENCAP_PROG, prog_fd), (ENCAP_PROG_NAME, name)]


def _encap_names(route: Mapping[int, bytes]) -> Iterator[str]:
    """The names of the programs on a route."""
    kind = int.from_bytes(route.get(Rta.ENCAP_TYPE, b""), _NATIVE)
    for where, program in read_attributes(route.get(Rta.ENCAP, b"")):
        if where in _WITH_PROGRAM.get(kind, ()):
            name = dict(read_attributes(program)).get(ENCAP_PROG_NAME, b"")
            yield name.rstrip(b"\0").decode("utf-8", "replace")


def _table8(table: int) -> int:
    return table if table < 256 else 0
