"""The two rtnetlink messages that XDP needs: set a device's program, and ask which ones it has.

Pure functions between values and bytes. Native byte order, attributes padded to 4 bytes.
Source: include/uapi/linux/rtnetlink.h and if_link.h; IFLA_XDP came in v4.8, the ids in v4.13.
"""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Iterator
from typing import NamedTuple

from ..errors import FormatError

RTM_GETLINK = 18
RTM_SETLINK = 19
NLM_F_REQUEST = 0x1
NLM_F_ACK = 0x4
IFLA_XDP = 43
NLA_F_NESTED = 1 << 15
NLA_TYPE_MASK = 0x3FFF

IFLA_XDP_FD = 1
IFLA_XDP_ATTACHED = 2
IFLA_XDP_FLAGS = 3
IFLA_XDP_PROG_ID = 4
IFLA_XDP_DRV_PROG_ID = 5
IFLA_XDP_SKB_PROG_ID = 6
IFLA_XDP_HW_PROG_ID = 7

_NLMSGHDR = struct.Struct("=IHHII")
_IFINFOMSG = struct.Struct("=BBHiII")
_NLATTR = struct.Struct("=HH")


class XdpPrograms(NamedTuple):
    """Ids of the programs on a device by mode, 0 for none."""

    driver: int = 0
    generic: int = 0
    hardware: int = 0


def set_xdp_request(index: int, fd: int, flags: int) -> bytes:
    """Ask to set program ``fd`` on device ``index``, or to remove what is there when it is -1."""
    nested = _attribute(IFLA_XDP_FD, struct.pack("=i", fd))
    if flags:
        nested += _attribute(IFLA_XDP_FLAGS, struct.pack("=I", flags))
    return _message(RTM_SETLINK, index, _attribute(IFLA_XDP | NLA_F_NESTED, nested))


def get_link_request(index: int) -> bytes:
    """Ask for everything about device ``index``."""
    return _message(RTM_GETLINK, index, b"")


def read_xdp_programs(payload: bytes) -> XdpPrograms:
    """Find the XDP programs in an answer to `get_link_request`, its netlink header left out.

    Raises FormatError when the answer is cut.
    """
    if len(payload) < _IFINFOMSG.size:
        raise FormatError("an rtnetlink answer is shorter than a struct ifinfomsg", len(payload))
    for kind, value in _attributes(payload, _IFINFOMSG.size):
        if kind == IFLA_XDP:
            found = dict(_attributes(value, 0))
            return _programs({k: int.from_bytes(v, sys.byteorder) for k, v in found.items()})
    return XdpPrograms()


def _programs(found: dict[int, int]) -> XdpPrograms:
    only = found.get(IFLA_XDP_PROG_ID, 0)
    match found.get(IFLA_XDP_ATTACHED, 0):
        case 1:  # XDP_ATTACHED_DRV
            return XdpPrograms(driver=only)
        case 2:  # XDP_ATTACHED_SKB
            return XdpPrograms(generic=only)
        case 3:  # XDP_ATTACHED_HW
            return XdpPrograms(hardware=only)
        case 4:  # XDP_ATTACHED_MULTI: each mode has an attribute of its own
            return XdpPrograms(
                found.get(IFLA_XDP_DRV_PROG_ID, 0),
                found.get(IFLA_XDP_SKB_PROG_ID, 0),
                found.get(IFLA_XDP_HW_PROG_ID, 0),
            )
    return XdpPrograms()


def _message(kind: int, index: int, attributes: bytes) -> bytes:
    body = _IFINFOMSG.pack(socket.AF_UNSPEC, 0, 0, index, 0, 0) + attributes
    flags = NLM_F_REQUEST | NLM_F_ACK
    return _NLMSGHDR.pack(_NLMSGHDR.size + len(body), kind, flags, 1, 0) + body


def _attribute(kind: int, value: bytes) -> bytes:
    raw = _NLATTR.pack(_NLATTR.size + len(value), kind) + value
    return raw + bytes(-len(raw) % 4)


def _attributes(data: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    while at + _NLATTR.size <= len(data):
        length, kind = _NLATTR.unpack_from(data, at)
        if length < _NLATTR.size or at + length > len(data):
            raise FormatError("a netlink attribute does not fit its message", at)
        yield kind & NLA_TYPE_MASK, data[at + _NLATTR.size : at + length]
        at += (length + 3) & ~3
