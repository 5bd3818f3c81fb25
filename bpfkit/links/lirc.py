"""Infrared: a program that decodes the pulses of a remote control (/dev/lirc0) into key codes.

It came with Linux kernel commit f4364dcfc86d ("media: rc: introduce BPF_PROG_LIRC_MODE2") (in
v4.18).
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from ..errors import AttachError, SyscallError
from ..syscalls.fd import OwnedFd
from ..uapi.bpf import AttachType, ProgType
from .base import Attachable, Link
from .explain import Explanation
from .prog_attach import attach_by_command
from .refusal import check_type, explain_refusal

if TYPE_CHECKING:
    from ..system import System

_HINTS = {
    errno.EINVAL: "it must be a device of raw infrared (LIRC_MODE_MODE2), the kernel built with "
    "CONFIG_BPF_LIRC_MODE2",
    errno.EEXIST: "this program is attached to the device already",
    errno.E2BIG: "64 programs are attached to the device, which is the most there can be",
    errno.ENODEV: "the device was unplugged",
}


def attach_lirc(system: System, program: Attachable, device: str = "/dev/lirc0") -> Link:
    """Call ``program`` for every pulse and space that ``device`` receives. Raises AttachError."""
    where = f"infrared device {device}"
    check_type(program, where, ProgType.LIRC_MODE2)
    try:
        try:
            opened = OwnedFd(os.open(device, os.O_RDONLY | os.O_CLOEXEC), where)
        except OSError as error:
            raise SyscallError(error.errno or 0, "open", device) from error
        return attach_by_command(
            system, program, opened, AttachType.LIRC_MODE2, hook="lirc", where=where
        )
    except SyscallError as error:
        why = _explain(system, error, device)
        raise AttachError(program.name, where, why.reason, why.hint) from error


def _explain(system: System, error: SyscallError, device: str) -> Explanation:
    if error.call == "open" and error.errno in (errno.ENOENT, errno.ENXIO):
        there = sorted(str(path) for path in (system.facts.root / "dev").glob("lirc*"))
        hint = f"there are {', '.join(there)}" if there else "this machine has no infrared device"
        return Explanation(str(error), hint)
    return explain_refusal(system, error, _HINTS, "program_type/lirc_mode2")
