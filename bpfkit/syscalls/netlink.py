"""Netlink messages: how they look, and how one request is answered. Which there are, is told in
``rtnetlink.py``.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import sys
from collections.abc import Iterator, Sequence

from ..errors import FormatError, SyscallError
from ..uapi.netlink import (
    NETLINK_EXT_ACK,
    NETLINK_GET_STRICT_CHK,
    NETLINK_ROUTE,
    NLA_F_NESTED,
    NLA_TYPE_MASK,
    NLATTR,
    NLM_F_ACK,
    NLM_F_ACK_TLVS,
    NLM_F_CAPPED,
    NLM_F_DUMP,
    NLM_F_REQUEST,
    NLMSG_DONE,
    NLMSG_ERROR,
    NLMSGERR_ATTR_MSG,
    NLMSGHDR,
    SOL_NETLINK,
    Rtm,
)

_ANSWER_BYTES = 1 << 18
_NATIVE = sys.byteorder

Payload = bytes | int | str | Sequence[tuple[int, "Payload"]]
"""What an attribute holds: bytes as they are, a 32-bit number, a text, or attributes."""


def attribute(kind: int, payload: bytes) -> bytes:
    """Emit one attribute, padded to four bytes."""
    length = NLATTR.size + len(payload)
    return NLATTR.pack(length, kind) + payload + bytes(-length % 4)


def emit_attributes(table: Sequence[tuple[int, Payload]]) -> bytes:
    """Emit the attributes of a table, nested where it nests; negative numbers are signed."""
    return b"".join(_emit(kind, payload) for kind, payload in table)


def _emit(kind: int, payload: Payload) -> bytes:
    match payload:
        case bytes():
            return attribute(kind, payload)
        case int():
            return attribute(kind, (payload & 0xFFFFFFFF).to_bytes(4, _NATIVE))
        case str():
            return attribute(kind, payload.encode() + b"\0")
    return attribute(NLA_F_NESTED | kind, emit_attributes(payload))


def read_attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Give (type, payload) of the attributes in a row; FormatError when one is cut off."""
    at = 0
    while at + NLATTR.size <= len(data):
        length, kind = NLATTR.unpack_from(data, at)
        if length < NLATTR.size or at + length > len(data):
            raise FormatError(f"a netlink attribute of {length} bytes does not fit", at)
        yield kind & NLA_TYPE_MASK, data[at + NLATTR.size : at + length]
        at += (length + 3) & ~3


def read_messages(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Give (type, flags, payload) of the messages in a row; FormatError when one is cut off."""
    at = 0
    while at + NLMSGHDR.size <= len(data):
        length, kind, flags, _, _ = NLMSGHDR.unpack_from(data, at)
        if length < NLMSGHDR.size or at + length > len(data):
            raise FormatError(f"a netlink message of {length} bytes does not fit", at)
        yield kind, flags, data[at + NLMSGHDR.size : at + length]
        at += (length + 3) & ~3


def request(kind: Rtm, body: bytes, subject: str, flags: int = 0) -> list[tuple[int, bytes]]:
    """Send one request to rtnetlink: (type, payload) of every message that answers it.

    Raises SyscallError with the kernel's own words in its hint where it has some.
    """
    flags |= NLM_F_REQUEST | (0 if flags & NLM_F_DUMP == NLM_F_DUMP else NLM_F_ACK)
    answers: list[tuple[int, bytes]] = []
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_ROUTE) as link:
        link.bind((0, 0))
        # The kernel's own words on an error, and dumps of what was asked for alone; older kernels
        # have neither.
        for option in (NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK):
            with contextlib.suppress(OSError):
                link.setsockopt(SOL_NETLINK, option, 1)
        try:
            link.send(NLMSGHDR.pack(NLMSGHDR.size + len(body), kind, flags, 1, 0) + body)
            while True:
                for answered, how, payload in read_messages(link.recv(_ANSWER_BYTES)):
                    if answered == NLMSG_ERROR:
                        _check(payload, how, kind, subject)
                    if answered in (NLMSG_ERROR, NLMSG_DONE):
                        return answers
                    answers.append((answered, payload))
        except OSError as error:
            if isinstance(error, SyscallError):
                raise
            raise SyscallError(error.errno or 0, str(kind), subject) from error


def _check(payload: bytes, flags: int, kind: Rtm, subject: str) -> None:
    """Raise what an acknowledgement says, unless it says that all is well."""
    code = -int.from_bytes(payload[:4], _NATIVE, signed=True)
    if code:
        raise SyscallError(code, str(kind), subject, _words(payload, flags) or _hint(code))


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
    return "run as root or grant CAP_NET_ADMIN" if code == errno.EPERM else ""
