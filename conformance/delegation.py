"""A BPF file system that delegates rights, mounted in a user namespace of a child process.

The child makes the file system's context, since its namespace shall own it; who is privileged says
what is delegated and creates it; the child mounts it and goes on inside.
"""

from __future__ import annotations

import ctypes
import os
import platform
import socket
import sys
import traceback
from collections.abc import Callable

# fsopen, fsconfig and fsmount have the same numbers on every machine.
_FSOPEN, _FSCONFIG, _FSMOUNT = 430, 431, 432
_SET_STRING, _CMD_CREATE = 1, 6  # FSCONFIG_SET_STRING, FSCONFIG_CMD_CREATE
_NEW_USER, _NEW_MOUNTS = 0x10000000, 0x00020000
_DELEGATED = ("delegate_cmds", "delegate_maps", "delegate_progs", "delegate_attachs")

_MESSAGE_BYTES = 1 << 15
_libc = ctypes.CDLL(None, use_errno=True)


def in_namespace(body: Callable[[str], None]) -> str:
    """Run ``body`` with the path of such a file system; what it raised as text, empty if nothing.

    ``body`` runs in a forked child, which ends with it.
    """
    ours, theirs = socket.socketpair()
    with ours, theirs:
        child = os.fork()
        if not child:
            status = 1
            try:
                _inside(theirs, body)
                status = 0
            except BaseException:
                theirs.send(traceback.format_exc().encode()[-_MESSAGE_BYTES:])
            finally:
                sys.stdout.flush()
                os._exit(status)
        theirs.close()
        try:
            said = _privileged(ours, child) or ours.recv(_MESSAGE_BYTES)
        finally:
            _, status = os.waitpid(child, 0)
    return said.decode() or ("" if not status else f"the child ended with {status}")


def _inside(channel: socket.socket, body: Callable[[str], None]) -> None:
    _check(_libc.unshare(_NEW_USER | _NEW_MOUNTS), "unshare")
    channel.send(b"map me")
    channel.recv(1)
    context = _enter(_FSOPEN, b"bpf", 0)
    socket.send_fds(channel, [b"create"], [context])
    channel.recv(1)
    mount = _enter(_FSMOUNT, context, 0, 0)
    body(f"/proc/self/fd/{mount}")


def _privileged(channel: socket.socket, child: int) -> bytes:
    """Do what the child may not; what it said instead of asking."""
    request = channel.recv(_MESSAGE_BYTES)
    if request != b"map me":
        return request
    for kind in ("uid", "gid"):
        with open(f"/proc/{child}/{kind}_map", "w") as file:  # noqa: PTH123 - one write, no more
            file.write("0 0 1")
    channel.send(b".")
    request, fds, _, _ = socket.recv_fds(channel, _MESSAGE_BYTES, 1)
    if not fds:
        return request
    for name in _DELEGATED:
        _enter(_FSCONFIG, fds[0], _SET_STRING, name.encode(), b"any", 0)
    _enter(_FSCONFIG, fds[0], _CMD_CREATE, None, None, 0)
    os.close(fds[0])
    channel.send(b".")
    return b""


def _enter(number: int, *args: object) -> int:
    assert platform.machine() in ("x86_64", "aarch64")
    return _check(_libc.syscall(number, *args), f"system call {number}")


def _check(result: int, what: str) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
    return result
