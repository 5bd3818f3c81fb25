"""Descriptors that programs are attached to: socket options, packet sockets, namespaces."""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
import sys
from pathlib import Path

from ..errors import SyscallError
from ..uapi.netlink import ETH_P_ALL
from ..uapi.socket import SocketOption
from .fd import OwnedFd

_CLONE_NEWNET = 0x40000000
# struct sockaddr_ll: sll_family, sll_protocol, sll_ifindex, sll_hatype, _pkttype, _halen, _addr
_SOCKADDR_LL = struct.Struct("=HHiHBB8s")


class DescriptorCommands:
    """Sockets and namespaces, through the C library."""

    def __init__(self) -> None:
        self._socket_calls = ctypes.CDLL(None, use_errno=True)

    def duplicate(self, fd: int, what: str) -> OwnedFd:
        """dup(2), closed on exec."""
        try:
            return OwnedFd(os.dup(fd), what)
        except OSError as error:
            raise SyscallError(error.errno or 0, "dup", f"descriptor {fd} ({what})") from error

    def enter_namespace(self, fd: int) -> None:
        """setns(2) with CLONE_NEWNET."""
        if self._socket_calls.setns(fd, _CLONE_NEWNET) < 0:
            hint = "run as root or grant CAP_SYS_ADMIN"
            raise SyscallError(ctypes.get_errno(), "setns", "network namespace", hint)

    def packet_open(self) -> OwnedFd:
        """socket(2): a packet socket that is not bound, and so receives nothing yet."""
        kind = socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        try:
            fd = socket.socket(socket.AF_PACKET, kind, 0).detach()
        except OSError as error:
            hint = "run as root or grant CAP_NET_RAW" if error.errno == errno.EPERM else ""
            raise SyscallError(error.errno or 0, "socket", "AF_PACKET", hint) from error
        return OwnedFd(fd, "packet socket")

    def packet_bind(self, fd: int, ifindex: int) -> None:
        """bind(2): receive every packet of a device from now on, of all devices with 0."""
        protocol = socket.htons(ETH_P_ALL)
        address = _SOCKADDR_LL.pack(socket.AF_PACKET, protocol, ifindex, 0, 0, 0, b"")
        if self._socket_calls.bind(fd, address, len(address)) < 0:
            raise SyscallError(ctypes.get_errno(), "bind", f"packet socket on device {ifindex}")

    def socket_set(self, fd: int, option: SocketOption, value: int) -> None:
        """setsockopt(2) of an option that is a number: a program's descriptor, or 0."""
        data = value.to_bytes(4, sys.byteorder, signed=True)
        if self._socket_calls.setsockopt(fd, socket.SOL_SOCKET, int(option), data, len(data)) < 0:
            code = ctypes.get_errno()
            raise SyscallError(code, f"setsockopt {option}", _subject(fd))


def _subject(fd: int) -> str:
    try:
        return str(Path(f"/proc/self/fd/{fd}").readlink())
    except OSError:
        return f"descriptor {fd}"
