"""rtnetlink as numbers: what it takes to put an XDP program on a device and to see it there.

Source: include/uapi/linux/netlink.h, rtnetlink.h, if_link.h.
"""

from __future__ import annotations

import struct
from enum import IntEnum, IntFlag

NETLINK_ROUTE = 0
NLMSG_ERROR = 2
NLMSG_DONE = 3
NLM_F_REQUEST = 1
NLM_F_ACK = 4
NLM_F_DUMP = 0x300
NLA_F_NESTED = 1 << 15
NLA_TYPE_MASK = 0x3FFF
SOL_NETLINK = 270
NETLINK_CAP_ACK = 10  # v4.2
NETLINK_EXT_ACK = 11  # v4.12
NLM_F_CAPPED = 0x100
NLM_F_ACK_TLVS = 0x200
NLMSGERR_ATTR_MSG = 1

RTM_NEWLINK = 16
RTM_GETLINK = 18
RTM_SETLINK = 19

IFLA_IFNAME = 3
IFLA_XDP = 43  # v4.8

NLMSGHDR = struct.Struct("=IHHII")  # nlmsg_len, nlmsg_type, nlmsg_flags, nlmsg_seq, nlmsg_pid
NLATTR = struct.Struct("=HH")  # nla_len, nla_type
IFINFOMSG = struct.Struct("=BxHiII")  # ifi_family, ifi_type, ifi_index, ifi_flags, ifi_change


class IflaXdp(IntEnum):
    """Attributes inside IFLA_XDP."""

    FD = 1  # IFLA_XDP_FD, v4.8
    ATTACHED = 2  # IFLA_XDP_ATTACHED, v4.8
    FLAGS = 3  # IFLA_XDP_FLAGS, v4.12
    PROG_ID = 4  # IFLA_XDP_PROG_ID, v4.13
    DRV_PROG_ID = 5  # IFLA_XDP_DRV_PROG_ID, v4.18
    SKB_PROG_ID = 6  # IFLA_XDP_SKB_PROG_ID, v4.18
    HW_PROG_ID = 7  # IFLA_XDP_HW_PROG_ID, v4.18
    EXPECTED_FD = 8  # IFLA_XDP_EXPECTED_FD, v5.7

    def __str__(self) -> str:
        return f"IFLA_XDP_{self.name}"


class XdpFlag(IntFlag):
    """XDP_FLAGS_*."""

    UPDATE_IF_NOEXIST = 1 << 0  # XDP_FLAGS_UPDATE_IF_NOEXIST, v4.8
    SKB_MODE = 1 << 1  # XDP_FLAGS_SKB_MODE, v4.12
    DRV_MODE = 1 << 2  # XDP_FLAGS_DRV_MODE, v4.12
    HW_MODE = 1 << 3  # XDP_FLAGS_HW_MODE, v4.13
    REPLACE = 1 << 4  # XDP_FLAGS_REPLACE, v5.7
