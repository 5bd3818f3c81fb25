"""Sockets: a program that filters what a socket receives, or chooses one of a reuseport group.

Filters came with Linux kernel commit 89aa075832b0 ("net: sock: allow eBPF programs to be attached
to sockets") (in v3.19). What is attached ends with its socket; the link takes it off earlier.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import AttachError, SyscallError
from ..syscalls.api import SupportsFileno
from ..syscalls.fd import OwnedFd
from ..uapi.bpf import ProgType
from ..uapi.socket import SocketOption
from .base import Attachable, Link, Method
from .device import find_device
from .refusal import check_type, explain_refusal

if TYPE_CHECKING:
    from ..system import System

_HINTS = {
    errno.EPERM: "the socket's filter is locked (SO_LOCK_FILTER), or CAP_NET_RAW is missing",
    errno.EINVAL: "the program does not fit: filters are SOCKET_FILTER, groups have SO_REUSEPORT",
    errno.EBADF: "the socket is closed",
    errno.ENOTSOCK: "it is not a socket",
    errno.ENOMEM: "the program is larger than net.core.optmem_max allows",
}
_REUSEPORT = (ProgType.SK_REUSEPORT, ProgType.SOCKET_FILTER)


def attach_socket_filter(system: System, program: Attachable, socket: SupportsFileno) -> Link:
    """Ask ``program`` how much of each packet ``socket`` shall receive; 0 drops it.

    Closing the link takes the filter off while the socket is open. Raises AttachError.
    """
    where = f"socket {socket.fileno()}"
    check_type(program, where, ProgType.SOCKET_FILTER)
    detach = SocketOption.DETACH_FILTER
    return _attach(system, program, socket, "socket", SocketOption.ATTACH_BPF, detach)


def attach_reuseport(system: System, program: Attachable, socket: SupportsFileno) -> Link:
    """Ask ``program`` which socket of ``socket``'s SO_REUSEPORT group gets a packet.

    A SOCKET_FILTER returns a number among them (since Linux 4.5), an SK_REUSEPORT selects from a
    map (4.19). Raises AttachError.
    """
    check_type(program, f"reuseport group of socket {socket.fileno()}", *_REUSEPORT)
    attach, detach = SocketOption.ATTACH_REUSEPORT_EBPF, SocketOption.DETACH_REUSEPORT_BPF
    return _attach(system, program, socket, "reuseport", attach, detach)


def attach_raw_socket(system: System, program: Attachable, device: str = "") -> Link:
    """Open a packet socket that receives what ``program`` lets through, of one device or of all.

    The link's descriptor is the socket, without blocking; closing the link closes it. Nothing comes
    unfiltered. Raises AttachError.
    """
    where = f"packet socket of {device or 'all devices'}"
    check_type(program, where, ProgType.SOCKET_FILTER)
    index = find_device(program, where, device) if device else 0
    try:
        fd = system.syscalls.packet_open()
        try:
            # Not bound yet, it receives nothing: the filter is there before the first packet.
            system.syscalls.socket_set(fd.fileno(), SocketOption.ATTACH_BPF, program.fileno())
            system.syscalls.packet_bind(fd.fileno(), index)
        except BaseException:
            fd.close()
            raise
    except SyscallError as error:
        why = explain_refusal(system, error, _HINTS)
        raise AttachError(program.name, where, why.reason, why.hint) from error
    return Link(
        hook="raw_socket",
        program=program.name,
        target=where,
        method=Method.SOCKET,
        fds=(_HandedOut(fd),),
    )


class _HandedOut:
    """A socket whose number somebody may use, and close, as if it were theirs."""

    def __init__(self, fd: OwnedFd) -> None:
        self._fd = fd
        self._is = os.fstat(fd.fileno())

    def fileno(self) -> int:
        return self._fd.fileno()

    def close(self) -> None:
        """Close it, unless the number is closed or another file's by now."""
        if self._fd.closed:
            return
        try:
            ours = os.path.samestat(os.fstat(self._fd.fileno()), self._is)
        except OSError:
            ours = False
        if ours:
            self._fd.close()
        else:
            self._fd.detach()


def _attach(
    system: System,
    program: Attachable,
    socket: SupportsFileno,
    hook: str,
    option: SocketOption,
    detach: SocketOption,
) -> Link:
    where = f"{'reuseport group of ' if hook == 'reuseport' else ''}socket {socket.fileno()}"
    try:
        system.syscalls.socket_set(socket.fileno(), option, program.fileno())
    except SyscallError as error:
        why = explain_refusal(system, error, _HINTS)
        raise AttachError(program.name, where, why.reason, why.hint) from error
    undo = _Detach(system, socket, detach)
    return Link(hook=hook, program=program.name, target=where, method=Method.SOCKET, undo=undo)


@dataclass(frozen=True)
class _Detach:
    """Takes a program off a socket. It holds no descriptor: closing the socket must close it."""

    system: System
    socket: SupportsFileno
    option: SocketOption

    def __call__(self) -> None:
        try:
            fd = self.socket.fileno()
        except ValueError:
            return
        if fd < 0:
            return
        try:
            self.system.syscalls.socket_set(fd, self.option, 0)
        except SyscallError as error:
            # Gone already; or no such option, before Linux 5.3 for groups.
            if error.errno not in (errno.ENOENT, errno.EBADF, errno.ENOPROTOOPT):
                raise
