"""The command line of QEMU, and a QEMU that is running.

The command line has two halves: what the guest can see (`Machine.template`), which must be equal
when a state is saved and when it is restored, and what only the host sees (descriptors and
directories).
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from vmlab.engine.accel import Accelerator
from vmlab.engine.guest.frames import PORT_NAME
from vmlab.engine.process import ChildProcess
from vmlab.tools import require_tool

QEMU = "qemu-system-x86_64"
COMMAND_LINE = (
    # An oops is printed whole whatever the level; 5 adds warnings, which explain many a failure.
    "console=ttyS0", "loglevel=5", "panic=-1", "oops=panic",
    "nokaslr", "tsc=reliable", "no_timer_check", "random.trust_cpu=on",
    # Emulation is slow: what looks like a lockup is only waiting.
    "watchdog_thresh=60", "rcupdate.rcu_cpu_stall_timeout=120",
)  # fmt: skip
"""What every guest boots with; nothing here changes what the verifier or the LSMs decide."""


@dataclass(frozen=True, slots=True)
class Machine:
    """A guest's hardware and software, as its kernel will see it."""

    accelerator: Accelerator
    cpus: int
    memory_mib: int
    kernel: Path
    initramfs: Path
    root: Path
    command_line: Sequence[str] = ()

    def template(self) -> list[str]:
        """Return the arguments that the guest can tell apart."""
        return [
            *("-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"),
            *("-machine", "q35", *self.accelerator.arguments),
            *("-smp", str(self.cpus), "-m", f"{self.memory_mib}M"),
            *("-kernel", str(self.kernel), "-initrd", str(self.initramfs)),
            *("-append", " ".join((*COMMAND_LINE, *self.command_line))),
            *("-drive", f"file={escape(self.root)},if=none,id=root,format=raw,readonly=on"),
            *("-device", "virtio-blk-pci,drive=root"),
            *("-serial", "chardev:console"),
            *("-device", "virtio-serial-pci"),
            *("-device", f"virtserialport,chardev=agent,name={PORT_NAME}"),
            *("-device", "virtio-9p-pci,fsdev=host,mount_tag=host"),
            *("-device", "virtio-9p-pci,fsdev=share,mount_tag=share"),
        ]


def escape(path: Path) -> str:
    """Return ``path`` as the value of a QEMU option, where a comma is doubled."""
    return str(path).replace(",", ",,")


def host_arguments(agent_fd: int, console_fd: int, qmp_fd: int, share: Path) -> list[str]:
    """Return the arguments that only the host can tell apart: descriptors and directories.

    The host's root is never writable from a guest.
    """
    export = "security_model=none,multidevs=remap"
    return [
        *("-chardev", f"socket,id=agent,fd={agent_fd}"),
        *("-chardev", f"socket,id=console,fd={console_fd}"),
        *("-chardev", f"socket,id=qmp,fd={qmp_fd}", "-mon", "chardev=qmp,mode=control"),
        *("-fsdev", f"local,id=host,path=/,readonly=on,{export}"),
        *("-fsdev", f"local,id=share,path={escape(share)},{export}"),
    ]


class Guest:
    """A running QEMU and our ends of its sockets."""

    def __init__(self, machine: Machine, share: Path, *, incoming_fd: int | None = None) -> None:
        """Start QEMU; it boots, or restores the state that it reads from ``incoming_fd``."""
        program = require_tool(QEMU, "booting kernels")
        ours, theirs = zip(*(socket.socketpair() for _ in range(3)), strict=True)
        self.agent, self.console, self.qmp = ours
        agent_fd, console_fd, qmp_fd = fds = [end.fileno() for end in theirs]
        host = host_arguments(agent_fd, console_fd, qmp_fd, share)
        argv = [str(program), *machine.template(), *host]
        if incoming_fd is not None:
            argv += ["-incoming", f"fd:{incoming_fd}"]
            fds.append(incoming_fd)
        try:
            self.process = ChildProcess(argv, pass_fds=fds)
        except BaseException:
            for end in ours:
                end.close()
            raise
        finally:
            for end in theirs:
                end.close()

    def close(self) -> None:
        """Kill QEMU and close everything. Calling it twice is harmless."""
        self.process.close()
        for end in (self.agent, self.console, self.qmp):
            end.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
