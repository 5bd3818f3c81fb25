"""XDP: a program on every packet that a network device receives.

`attach_xdp` sets the program through netlink, as bcc does: it replaces what runs there, unless the
flags say otherwise, and stays when the process ends; the link takes it off. `attach_xdp_link` makes
a bpf_link, which ends with the process and cannot be replaced by others; it came with Linux kernel
commit aa8d3a716b59 ("bpf, xdp: Add bpf_link-based XDP attachment API") (in v5.9).

Without a mode in the flags the kernel runs the program in the driver, and in generic mode where the
driver cannot; if a driver can, but not for this device, generic mode is tried here.
"""

from __future__ import annotations

import difflib
import errno
import socket
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from ..errors import AttachError, SyscallError
from ..syscalls.requests import XdpState
from ..uapi.bpf import AttachType
from ..uapi.netlink import XdpFlag
from .base import Attachable, Link, Method
from .explain import Explanation

if TYPE_CHECKING:
    from ..system import System

T = TypeVar("T")


MODES = XdpFlag.SKB_MODE | XdpFlag.DRV_MODE | XdpFlag.HW_MODE
DETACH = -1


def attach_xdp(system: System, program: Attachable, device: str, *, flags: int = 0) -> Link:
    """Set ``program`` on ``device`` through netlink; the link takes it off again.

    With no flags a running program is replaced. Raises AttachError.
    """
    target = f"XDP of {device}"
    try:
        index = device_index(device)
        ours = system.syscalls.prog_info(program.fileno()).id
        _with_fallback(flags, lambda flags: system.syscalls.xdp_set(index, program.fileno(), flags))
    except SyscallError as error:
        why = explain_xdp(error, device)
        raise AttachError(program.name, target, why.reason, why.hint) from error
    undo = partial(_remove_ours, system, index, ours)
    return Link(hook="xdp", program=program.name, target=target, method=Method.NETLINK, undo=undo)


def attach_xdp_link(system: System, program: Attachable, device: str, *, flags: int = 0) -> Link:
    """Put ``program`` on ``device`` with a bpf_link; netlink where the kernel has none for XDP.

    Of ``flags`` only the mode counts. It fails where another program runs. Raises AttachError.
    """
    target = f"XDP of {device}"
    mode = int(XdpFlag(flags) & MODES)
    try:
        index = device_index(device)
        fd = _with_fallback(
            mode,
            lambda mode: system.syscalls.link_create(
                program.fileno(), index, AttachType.XDP, flags=mode
            ),
        )
    except SyscallError as error:
        # Before 5.9 the command refuses the attach type; before 5.7 there is no such command.
        if error.errno == errno.EINVAL:
            return attach_xdp(system, program, device, flags=mode | XdpFlag.UPDATE_IF_NOEXIST)
        why = explain_xdp(error, device)
        raise AttachError(program.name, target, why.reason, why.hint) from error
    return Link(hook="xdp", program=program.name, target=target, method=Method.LINK, fds=(fd,))


def detach_xdp(system: System, device: str, *, flags: int = 0) -> None:
    """Take whatever netlink set off ``device``; a device without a program is fine.

    Raises SyscallError.
    """
    index = device_index(device)
    system.syscalls.xdp_set(index, DETACH, int(XdpFlag(flags) & MODES))


def device_index(device: str) -> int:
    """The number of a network device in this network namespace; SyscallError when it has none."""
    try:
        return socket.if_nametoindex(device)
    except OSError as error:
        raise SyscallError(errno.ENODEV, "if_nametoindex", f"device '{device}'") from error


def explain_xdp(error: SyscallError, device: str) -> Explanation:
    """Say why the kernel refused, and what to try."""
    text = str(error)
    match error.errno:
        case errno.ENODEV:
            names = [name for _, name in socket.if_nameindex()]
            near = difflib.get_close_matches(device, names, n=3) or names
            return Explanation(
                f"ENODEV: there is no network device '{device}'", f"devices: {', '.join(near)}"
            )
        case errno.EBUSY | errno.EEXIST:
            return Explanation(
                f"{text}; a program runs there already",
                "detach it first, or attach without XDP_FLAGS_UPDATE_IF_NOEXIST; "
                "one attached with a bpf_link goes when its owner closes it",
            )
        case errno.EPERM | errno.EACCES:
            return Explanation(text, "run as root, or with CAP_NET_ADMIN and CAP_BPF")
        case errno.EOPNOTSUPP:
            return Explanation(text, "the driver has no XDP: use XDP_FLAGS_SKB_MODE")
        case errno.EINVAL:
            return Explanation(
                text, "the program must be of type XDP and the flags must name one mode at most"
            )
    return Explanation(text)


def _with_fallback(flags: int, attach: Callable[[int], T]) -> T:
    """Call ``attach`` with the flags, and again in generic mode when only the driver refuses."""
    try:
        return attach(flags)
    except SyscallError as error:
        if flags & MODES or error.errno != errno.EOPNOTSUPP:
            raise
        return attach(flags | XdpFlag.SKB_MODE)


def _remove_ours(system: System, index: int, ours: int) -> None:
    """Take program ``ours`` off, unless it is gone, replaced, or its device is."""
    try:
        state = system.syscalls.xdp_get(index)
        for mode, found in _by_mode(state):
            if found == ours:
                system.syscalls.xdp_set(index, DETACH, mode)
    except SyscallError as error:
        if error.errno != errno.ENODEV:
            raise


def _by_mode(state: XdpState) -> list[tuple[int, int]]:
    """(mode flag, program id) of everything that runs on a device."""
    modes = [XdpFlag.DRV_MODE, XdpFlag.SKB_MODE, XdpFlag.HW_MODE]
    if state.attached in (1, 2, 3):  # XDP_ATTACHED_DRV, _SKB, _HW: one program, one id
        return [(int(modes[state.attached - 1]), state.prog_id)]
    ids = (state.driver_id, state.generic_id, state.hardware_id)
    return [(int(mode), number) for mode, number in zip(modes, ids, strict=True) if number]
