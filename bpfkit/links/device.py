"""Network devices by name, in the network namespace of the calling thread."""

from __future__ import annotations

import difflib
import errno
import socket

from ..errors import AttachError, SyscallError
from .base import Attachable
from .explain import Explanation


def device_index(device: str) -> int:
    """The number of a network device in this network namespace; SyscallError when it has none."""
    try:
        return socket.if_nametoindex(device)
    except OSError as error:
        raise SyscallError(errno.ENODEV, "if_nametoindex", f"device '{device}'") from error


def find_device(program: Attachable, target: str, device: str) -> int:
    """The same; AttachError with the nearest names when there is no such device."""
    try:
        return device_index(device)
    except SyscallError as error:
        why = explain_device(device)
        raise AttachError(program.name, target, why.reason, why.hint) from error


def explain_device(device: str) -> Explanation:
    """Name the devices that are there, the most similar ones when there are some."""
    names = [name for _, name in socket.if_nameindex()]
    near = difflib.get_close_matches(device, names, n=3) or names
    return Explanation(
        f"ENODEV: there is no network device '{device}'", f"devices: {', '.join(near)}"
    )
