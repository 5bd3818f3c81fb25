"""XDP: a program on every packet that a network device receives.

`attach_xdp` sets the program through netlink, as bcc does: it replaces what runs there, unless the
flags say otherwise, and stays when the process ends; the link takes it off. `attach_xdp_link` makes
a bpf_link, which ends with the process and cannot be replaced by others; it came with Linux kernel
commit aa8d3a716b59 ("bpf, xdp: Add bpf_link-based XDP attachment API") (in v5.9).

Without a mode in the flags the kernel runs the program in the driver, and in generic mode where the
driver cannot; if a driver can, but not for this device, generic mode is tried here.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from ..errors import AttachError, SyscallError
from ..syscalls.requests import XdpState
from ..uapi.bpf import AttachType, ProgType
from ..uapi.netlink import XdpFlag
from .attaching import attaching
from .base import Attachable, Link, Method
from .bpf_link import BpfLink
from .device import device_index, explain_device
from .explain import Explanation
from .namespace import Namespace
from .refusal import PERMISSION, check_type

if TYPE_CHECKING:
    from ..system import System

T = TypeVar("T")


MODES = XdpFlag.SKB_MODE | XdpFlag.DRV_MODE | XdpFlag.HW_MODE
DETACH = -1


def attach_xdp(
    system: System,
    program: Attachable,
    device: str,
    *,
    flags: int = 0,
    expected: Attachable | None = None,
) -> Link:
    """Set ``program`` on ``device`` through netlink; the link takes it off again.

    With no flags a running program is replaced; ``expected`` (and XDP_FLAGS_REPLACE) replaces that
    program alone, since Linux 5.7. Raises AttachError.
    """
    target = f"XDP of {device}"
    check_type(program, target, ProgType.XDP)
    expected_fd = expected.fileno() if expected is not None else None
    if expected is not None:
        flags |= XdpFlag.REPLACE
    try:
        index = device_index(device)
        number = system.syscalls.prog_info(program.fileno()).id
        state = _OnDevice(system, Namespace(system), index, number)
        link = _NetlinkXdp(state, program.name, target)
        with attaching(link, state):
            _with_fallback(
                flags,
                lambda flags: system.syscalls.xdp_set(index, program.fileno(), flags, expected_fd),
            )
    except SyscallError as error:
        raise _refused(program, target, error, device, flags) from error
    return link


def attach_xdp_link(system: System, program: Attachable, device: str, *, flags: int = 0) -> Link:
    """Put ``program`` on ``device`` with a bpf_link; netlink where the kernel has none for XDP.

    Of ``flags`` only the mode counts. It fails where another program runs. Raises AttachError.
    """
    target = f"XDP of {device}"
    check_type(program, target, ProgType.XDP)
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
        if error.errno == errno.EINVAL and mode.bit_count() < 2 and not mode & XdpFlag.HW_MODE:
            return attach_xdp(system, program, device, flags=mode | XdpFlag.UPDATE_IF_NOEXIST)
        raise _refused(program, target, error, device, mode) from error
    return BpfLink(system, fd, hook="xdp", program=program.name, target=target)


def detach_xdp(system: System, device: str, *, flags: int = 0) -> None:
    """Take whatever netlink set off ``device``; a device without a program is fine.

    Raises SyscallError.
    """
    index = device_index(device)
    system.syscalls.xdp_set(index, DETACH, int(XdpFlag(flags) & MODES))


def explain_xdp(error: SyscallError, device: str, flags: int = 0) -> Explanation:
    """Say why the kernel refused, and what to try."""
    text = str(error)
    if error.errno == errno.ENODEV:
        return explain_device(device)
    if flags & XdpFlag.HW_MODE:
        return Explanation(
            text,
            "offload takes a card that runs BPF, and a program loaded for it: use another mode",
        )
    if error.errno in (errno.EBUSY, errno.EEXIST):
        text += "; a program runs there already"
    return Explanation(text, _HINTS.get(error.errno or 0, ""))


_RUNS = (
    "detach it first, or attach without XDP_FLAGS_UPDATE_IF_NOEXIST; "
    "one attached with a bpf_link goes when its owner closes it"
)
_HINTS = {
    errno.EBUSY: _RUNS,
    errno.EEXIST: _RUNS,
    errno.EPERM: PERMISSION,
    errno.EACCES: PERMISSION,
    errno.EOPNOTSUPP: "the driver has no XDP: use XDP_FLAGS_SKB_MODE",
    errno.ERANGE: "packets are larger than one page: lower the MTU of the device or its peer, "
    "take a program that handles fragments (section xdp.frags), or XDP_FLAGS_SKB_MODE",
    errno.EINVAL: "the program must be of type XDP and for devices (not for a CPUMAP or DEVMAP), "
    "the flags must name one mode at most, and XDP_FLAGS_REPLACE needs the program to replace",
}


def _refused(
    program: Attachable, target: str, error: SyscallError, device: str, flags: int
) -> AttachError:
    why = explain_xdp(error, device, flags)
    return AttachError(program.name, target, why.reason, why.hint)


def _with_fallback(flags: int, attach: Callable[[int], T]) -> T:
    """Call ``attach`` with the flags, and again in generic mode when only the driver refuses."""
    try:
        return attach(flags)
    except SyscallError as error:
        if flags & MODES or error.errno != errno.EOPNOTSUPP:
            raise
        return attach(flags | XdpFlag.SKB_MODE)


@dataclass
class _OnDevice:
    """A program of ours on a device: what has to be taken off."""

    system: System
    namespace: Namespace
    ifindex: int
    program_id: int
    armed: bool = True

    def remove(self) -> None:
        """Take our program off, unless it is gone, replaced, or its device is."""
        syscalls = self.system.syscalls
        try:
            with self.namespace.entered():
                for mode, found in _by_mode(syscalls.xdp_get(self.ifindex)):
                    if self.armed and found == self.program_id:
                        syscalls.xdp_set(self.ifindex, DETACH, mode)
        except SyscallError as error:
            if error.errno != errno.ENODEV:
                raise
        finally:
            self.namespace.close()

    def replace(self, fd: int) -> bool:
        """Put another program in place of ours; False when ours does not run there any more."""
        syscalls = self.system.syscalls
        number = syscalls.prog_info(fd).id
        with self.namespace.entered():
            mode = _mode_of(syscalls.xdp_get(self.ifindex), self.program_id)
            if mode is not None:
                syscalls.xdp_set(self.ifindex, fd, mode)
                self.program_id = number
        return mode is not None


class _NetlinkXdp(Link):
    """A program set through netlink."""

    def __init__(self, state: _OnDevice, program: str, target: str) -> None:
        super().__init__(
            hook="xdp", program=program, target=target, method=Method.NETLINK, undo=state.remove
        )
        self._state = state

    def update(self, program: Attachable) -> None:
        """Put another program in place of ours, with no packet in between."""
        try:
            there = self._state.replace(program.fileno())
        except SyscallError as error:
            why = Explanation(str(error), _HINTS.get(error.errno or 0, ""))
            raise AttachError(program.name, self.target, why.reason, why.hint) from error
        if not there:
            raise AttachError(
                program.name,
                self.target,
                f"program '{self.program}', which it would replace, does not run there any more",
                "attach anew",
            )
        self.program = program.name


def _mode_of(state: XdpState, program_id: int) -> int | None:
    """The mode a program runs in; None when it does not."""
    return next((mode for mode, found in _by_mode(state) if found == program_id), None)


def _by_mode(state: XdpState) -> list[tuple[int, int]]:
    """(mode flag, program id) of everything that runs on a device."""
    modes = [XdpFlag.DRV_MODE, XdpFlag.SKB_MODE, XdpFlag.HW_MODE]
    if state.attached in (1, 2, 3):  # XDP_ATTACHED_DRV, _SKB, _HW: one program, one id
        return [(int(modes[state.attached - 1]), state.prog_id)]
    ids = (state.driver_id, state.generic_id, state.hardware_id)
    return [(int(mode), number) for mode, number in zip(modes, ids, strict=True) if number]
