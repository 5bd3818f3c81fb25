"""Two requests to rtnetlink: which XDP program a device runs, and running another."""

from __future__ import annotations

import contextlib
import errno
import socket
import sys
from collections.abc import Iterator

from ..errors import FormatError, SyscallError
from ..uapi.netlink import (
    IFINFOMSG,
    IFLA_XDP,
    NETLINK_EXT_ACK,
    NETLINK_ROUTE,
    NLA_F_NESTED,
    NLA_TYPE_MASK,
    NLATTR,
    NLM_F_ACK,
    NLM_F_ACK_TLVS,
    NLM_F_CAPPED,
    NLM_F_REQUEST,
    NLMSG_ERROR,
    NLMSGERR_ATTR_MSG,
    NLMSGHDR,
    RTM_GETLINK,
    RTM_SETLINK,
    SOL_NETLINK,
    IflaXdp,
)
from .requests import XdpState

_ANSWER_BYTES = 1 << 18
_NATIVE = sys.byteorder


def attribute(kind: int, payload: bytes) -> bytes:
    """Emit one attribute, padded to four bytes."""
    length = NLATTR.size + len(payload)
    return NLATTR.pack(length, kind) + payload + bytes(-length % 4)


def read_attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Give (type, payload) of the attributes in a row; FormatError when one is cut off."""
    at = 0
    while at + NLATTR.size <= len(data):
        length, kind = NLATTR.unpack_from(data, at)
        if length < NLATTR.size or at + length > len(data):
            raise FormatError(f"a netlink attribute of {length} bytes does not fit", at)
        yield kind & NLA_TYPE_MASK, data[at + NLATTR.size : at + length]
        at += (length + 3) & ~3


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


class NetlinkCommands:
    """rtnetlink. Each request has a socket of its own."""

    def xdp_set(
        self, ifindex: int, prog_fd: int, flags: int = 0, expected_fd: int | None = None
    ) -> None:
        """Put a program on a device, or take it off."""
        inner = attribute(IflaXdp.FD, prog_fd.to_bytes(4, _NATIVE, signed=True))
        if flags:
            inner += attribute(IflaXdp.FLAGS, flags.to_bytes(4, _NATIVE))
        if expected_fd is not None:
            expected = expected_fd.to_bytes(4, _NATIVE, signed=True)
            inner += attribute(IflaXdp.EXPECTED_FD, expected)
        body = IFINFOMSG.pack(0, 0, ifindex, 0, 0) + attribute(NLA_F_NESTED | IFLA_XDP, inner)
        _request(RTM_SETLINK, body, f"XDP on device {ifindex}")

    def xdp_get(self, ifindex: int) -> XdpState:
        """What runs on a device."""
        body = IFINFOMSG.pack(0, 0, ifindex, 0, 0)
        return read_xdp(_request(RTM_GETLINK, body, f"device {ifindex}")[IFINFOMSG.size :])


def _request(kind: int, body: bytes, subject: str) -> bytes:
    """Send one request and return the body of its answer, empty for an acknowledgement."""
    call = "RTM_SETLINK" if kind == RTM_SETLINK else "RTM_GETLINK"
    flags = NLM_F_REQUEST | (NLM_F_ACK if kind == RTM_SETLINK else 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_ROUTE) as link:
        link.bind((0, 0))
        # The kernel's own words on an error; older kernels do not have them.
        with contextlib.suppress(OSError):
            link.setsockopt(SOL_NETLINK, NETLINK_EXT_ACK, 1)
        try:
            link.send(NLMSGHDR.pack(NLMSGHDR.size + len(body), kind, flags, 1, 0) + body)
            answer = link.recv(_ANSWER_BYTES)
        except OSError as error:
            raise SyscallError(error.errno or 0, call, subject) from error
    length, answered, answer_flags, _, _ = NLMSGHDR.unpack_from(answer)
    payload = answer[NLMSGHDR.size : length]
    if answered != NLMSG_ERROR:
        return payload
    code = -int.from_bytes(payload[:4], _NATIVE, signed=True)
    if code:
        raise SyscallError(code, call, subject, _words(payload, answer_flags) or _hint(code))
    return b""


def _words(payload: bytes, flags: int) -> str:
    """The text in an extended acknowledgement, empty when there is none."""
    if not flags & NLM_F_ACK_TLVS:
        return ""
    sent = 0 if flags & NLM_F_CAPPED else NLMSGHDR.unpack_from(payload, 4)[0] - NLMSGHDR.size
    for kind, value in read_attributes(payload[4 + NLMSGHDR.size + sent :]):
        if kind == NLMSGERR_ATTR_MSG:
            return value.rstrip(b"\0").decode("utf-8", "replace")
    return ""


def _hint(code: int) -> str:
    if code == errno.EPERM:
        return "run as root or grant CAP_NET_ADMIN"
    if code == errno.EBUSY:
        return "another program runs there: detach it first"
    if code == errno.EOPNOTSUPP:
        return "the driver has no XDP: use generic mode (XDP_FLAGS_SKB_MODE)"
    return ""
