"""rtnetlink as numbers: XDP programs on devices, filters and their qdiscs, routes with a program.

Source: include/uapi/linux/netlink.h, rtnetlink.h, if_link.h, pkt_sched.h, pkt_cls.h, lwtunnel.h,
seg6_local.h.
"""

from __future__ import annotations

import struct
from enum import IntEnum, IntFlag

NETLINK_ROUTE = 0
NLMSG_ERROR = 2
NLMSG_DONE = 3
NLM_F_REQUEST = 1
NLM_F_ACK = 4
NLM_F_ECHO = 8
NLM_F_REPLACE = 0x100
NLM_F_EXCL = 0x200
NLM_F_DUMP = 0x300
NLM_F_CREATE = 0x400
NLA_F_NESTED = 1 << 15
NLA_TYPE_MASK = 0x3FFF
SOL_NETLINK = 270
NETLINK_CAP_ACK = 10  # v4.2
NETLINK_EXT_ACK = 11  # v4.12
NETLINK_GET_STRICT_CHK = 12  # v4.20
NLM_F_CAPPED = 0x100
NLM_F_ACK_TLVS = 0x200
NLMSGERR_ATTR_MSG = 1


class Rtm(IntEnum):
    """Requests and what answers them."""

    NEWLINK = 16
    GETLINK = 18
    SETLINK = 19
    NEWROUTE = 24
    DELROUTE = 25
    GETROUTE = 26
    NEWQDISC = 36
    DELQDISC = 37
    GETQDISC = 38
    NEWTFILTER = 44
    DELTFILTER = 45
    GETTFILTER = 46

    def __str__(self) -> str:
        return f"RTM_{self.name}"


IFLA_IFNAME = 3
IFLA_XDP = 43  # v4.8

NLMSGHDR = struct.Struct("=IHHII")  # nlmsg_len, nlmsg_type, nlmsg_flags, nlmsg_seq, nlmsg_pid
NLATTR = struct.Struct("=HH")  # nla_len, nla_type
IFINFOMSG = struct.Struct("=BxHiII")  # ifi_family, ifi_type, ifi_index, ifi_flags, ifi_change
TCMSG = struct.Struct("=BxxxiIII")  # tcm_family, tcm_ifindex, tcm_handle, tcm_parent, tcm_info
# rtm_family, _dst_len, _src_len, _tos, _table, _protocol, _scope, _type, _flags
RTMSG = struct.Struct("=8BI")

TC_H_CLSACT = 0xFFFFFFF1  # parent of the qdisc "clsact", v4.5, and of "ingress"
CLSACT_HANDLE = 0xFFFF0000  # TC_H_MAKE(TC_H_CLSACT, 0)
TC_H_MIN_INGRESS = 0xFFF2
TC_H_MIN_EGRESS = 0xFFF3
ETH_P_ALL = 3

RT_TABLE_MAIN = 254
RTPROT_STATIC = 4
RT_SCOPE_UNIVERSE = 0
RT_SCOPE_LINK = 253
RTN_UNICAST = 1
LWTUNNEL_ENCAP_BPF = 6  # v4.10
LWTUNNEL_ENCAP_SEG6_LOCAL = 7  # v4.14
SEG6_LOCAL_ACTION_END_BPF = 15  # v4.18


class Tca(IntEnum):
    """Attributes of qdiscs and filters."""

    KIND = 1  # TCA_KIND
    OPTIONS = 2  # TCA_OPTIONS

    def __str__(self) -> str:
        return f"TCA_{self.name}"


class TcaBpf(IntEnum):
    """Attributes inside TCA_OPTIONS of a filter of kind "bpf"."""

    FD = 6  # TCA_BPF_FD, v4.1
    NAME = 7  # TCA_BPF_NAME, v4.1
    FLAGS = 8  # TCA_BPF_FLAGS, v4.4
    FLAGS_GEN = 9  # TCA_BPF_FLAGS_GEN, v4.8
    TAG = 10  # TCA_BPF_TAG, v4.10
    ID = 11  # TCA_BPF_ID, v4.16

    def __str__(self) -> str:
        return f"TCA_BPF_{self.name}"


TCA_BPF_FLAG_ACT_DIRECT = 1


class Rta(IntEnum):
    """Attributes of routes."""

    DST = 1  # RTA_DST
    OIF = 4  # RTA_OIF
    GATEWAY = 5  # RTA_GATEWAY
    PRIORITY = 6  # RTA_PRIORITY
    TABLE = 15  # RTA_TABLE
    ENCAP_TYPE = 21  # RTA_ENCAP_TYPE, v4.3
    ENCAP = 22  # RTA_ENCAP, v4.3

    def __str__(self) -> str:
        return f"RTA_{self.name}"


class LwtBpf(IntEnum):
    """Attributes inside RTA_ENCAP of LWTUNNEL_ENCAP_BPF."""

    IN = 1  # LWT_BPF_IN, v4.10
    OUT = 2  # LWT_BPF_OUT, v4.10
    XMIT = 3  # LWT_BPF_XMIT, v4.10
    XMIT_HEADROOM = 4  # LWT_BPF_XMIT_HEADROOM, v4.10

    def __str__(self) -> str:
        return f"LWT_BPF_{self.name}"


class Seg6Local(IntEnum):
    """Attributes inside RTA_ENCAP of LWTUNNEL_ENCAP_SEG6_LOCAL."""

    ACTION = 1  # SEG6_LOCAL_ACTION, v4.14
    BPF = 8  # SEG6_LOCAL_BPF, v4.18

    def __str__(self) -> str:
        return f"SEG6_LOCAL_{self.name}"


# Inside LWT_BPF_IN and its like, and inside SEG6_LOCAL_BPF: a program's descriptor and a name.
ENCAP_PROG = 1
ENCAP_PROG_NAME = 2


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
