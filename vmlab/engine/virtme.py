"""The ``virtme`` engine: virtme-ng boots the kernel on a snapshot of the host's root.

It is the reference the other engines are compared with, and what an interactive shell uses.
virtme-ng brings the guest up; the command runs under the same agent as everywhere, over a port of
our own, since virtme-ng's own ports need udev in the guest and its exit status is 255 without
them.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shlex
import socket
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import vmlab
from vmlab.engine.accel import Accelerator
from vmlab.engine.base import Notice
from vmlab.engine.channel import Channel
from vmlab.engine.console import Console
from vmlab.engine.guest.frames import PORT_NAME
from vmlab.engine.guest.mounts import KERNEL_FILESYSTEMS
from vmlab.engine.prepare import share_directory
from vmlab.engine.process import ChildProcess, die_with
from vmlab.engine.qemu import COMMAND_LINE, QEMU, escape
from vmlab.engine.session import Session, boot_timeout_s
from vmlab.errors import ToolMissingError
from vmlab.model import Job, KernelImage, RunResult, Streams, Verdict
from vmlab.tools import require_tool

_BOOT_TIMEOUT_S = 300.0
"""virtme-ng reads its root by 9p and runs udev, which takes minutes on a busy host without KVM."""
_CONSOLE = "ttyS1"  # ttyS0 is virtme-ng's own
_NOT_NEEDED = frozenset({"virtio_blk", "erofs"})
"""Drivers that only a guest of the other engines cannot start without."""
_MODULES = "virtio_console overlay 9pnet_virtio 9p"
_WRITABLE = ("etc", "lib", "home", "opt", "srv", "usr", "var", "root", "tmp")
"""Directories an interactive shell may write to, in memory."""


@dataclass(frozen=True, slots=True)
class VirtmeEngine:
    """Boots with virtme-ng, for one job."""

    cache: Path
    accelerator: Accelerator
    name: str = "virtme"

    def can_do_without(self, drivers: Collection[str]) -> bool:
        """Whether a kernel that lacks ``drivers`` can still be booted."""
        return set(drivers) <= _NOT_NEEDED

    def run(self, image: KernelImage, job: Job, streams: Streams, notice: Notice) -> RunResult:
        """Boot and run ``job``.

        Raises ToolMissingError if virtme-ng is not installed.
        """
        with _workplace(image, self.cache) as place, _sockets() as (ours, theirs):
            fds = [end.fileno() for end in theirs]
            argv = [
                *virtme_arguments(place, image, self.accelerator, job.cpus, job.memory_mib),
                *(f"--kopt={word}" for word in (*COMMAND_LINE[1:], f"console={_CONSOLE}")),
                # /lib/modules may have to be made; this also brings the overlay module.
                f"--overlay-rwdir={os.path.realpath('/lib')}",
                f"--script-sh={agent_command()}",
                "--qemu-opts",
                *port_arguments(fds[0], fds[1], share_directory(job, self.cache)),
            ]
            env = {**os.environ, "TMPDIR": str(place)}
            with ChildProcess(argv, pass_fds=fds, env=env) as process:
                for end in theirs:
                    end.close()
                channel = Channel(ours[0], ours[1], Console())
                session = Session(channel, self.name, job, streams, image.modules)
                result = session.run_booting(boot_timeout_s(_BOOT_TIMEOUT_S))
                if result.verdict is Verdict.BOOT_FAILED and (said := process.error_text()):
                    return replace(result, notices=(*result.notices, f"virtme-ng: {said}"))
                return result


def open_virtme_shell(
    image: KernelImage, cache: Path, accelerator: Accelerator, notice: Notice
) -> int:
    """Open a shell on this terminal, in the current directory; return the exit status of virtme-ng.

    What the shell writes outside of a tmpfs is kept in memory and lost at its end.
    """
    with _workplace(image, cache) as place:
        argv = virtme_arguments(place, image, accelerator, cpus=2, memory_mib=1024)
        argv += [f"--overlay-rwdir=/{name}" for name in _WRITABLE if Path("/", name).is_dir()]
        argv += ["--pwd", f"--shell={_shell_script(place)}"]
        notice(f"booting {image.release} with virtme-ng; leave with: exit, or Ctrl-a x")
        # In our session, unlike a job: the terminal must be the shell's.
        process = subprocess.Popen(
            argv, env={**os.environ, "TMPDIR": str(place)}, preexec_fn=die_with(os.getpid())
        )
        try:
            return process.wait()
        finally:
            process.kill()  # its QEMU dies with it
            process.wait()


def _shell_script(place: Path) -> Path:
    """Write what is run as the shell: it mounts what virtme-ng leaves out, then is bash."""
    mounts = "".join(
        f"mount -t {fstype} {fstype} {target} 2>/dev/null\n"
        for fstype, target, _, _ in KERNEL_FILESYSTEMS
        if target.startswith("/sys/")
    )
    script = place / "shell"
    script.write_text(f'#!/bin/sh\n{mounts}exec bash "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    return script


def virtme_arguments(
    place: Path, image: KernelImage, accelerator: Accelerator, cpus: int, memory_mib: int
) -> list[str]:
    """Return the command that boots ``image``; ``place`` is as `_workplace` makes it."""
    return [
        *(sys.executable, "-m", "virtme.commands.run"),
        *(f"--kimg={place / 'vmlinuz'}", f"--qemu-bin={place / 'qemu'}"),
        *(f"--mods={'auto' if image.modules else 'none'}", "--user=root"),
        *(f"--cpus={cpus}", f"--memory={memory_mib}M"),
        # Its other choices start daemons that would outlive us, or a machine that lacks devices.
        *("--force-9p", "--disable-microvm", "--no-virtme-ng-init"),
        *(() if accelerator.name == "kvm" else ("--disable-kvm",)),
        *(f"--kopt={word}" for word in image.cmdline),
    ]


def port_arguments(agent_fd: int, console_fd: int, share: Path) -> list[str]:
    """Return QEMU's arguments for our port, our console and the shared directory."""
    return [
        *("-chardev", f"socket,id=vmlab-console,fd={console_fd}"),
        *("-serial", "chardev:vmlab-console"),
        *("-chardev", f"socket,id=vmlab-agent,fd={agent_fd}"),
        *("-device", "virtio-serial-pci,id=vmlab-ports"),
        *("-device", f"virtserialport,bus=vmlab-ports.0,chardev=vmlab-agent,name={PORT_NAME}"),
        *("-fsdev", f"local,id=vmlab-share,path={escape(share)},security_model=none"),
        *("-device", "virtio-9p-pci,fsdev=vmlab-share,mount_tag=share"),
    ]


def agent_command() -> str:
    """Return the shell command that starts the agent on virtme-ng's root."""
    home = str(Path(vmlab.__file__).resolve().parent.parent)
    program = (
        f"import sys; sys.path.insert(0, {home!r}); "
        "from vmlab.engine.guest.agent import main; main('host')"
    )
    python = [os.path.realpath(sys.executable), "-I", "-S", "-B", "-c", program]
    return f"modprobe -a {_MODULES} 2>/dev/null; exec {shlex.join(python)} 2>/dev/{_CONSOLE}"


@contextlib.contextmanager
def _workplace(image: KernelImage, cache: Path) -> Iterator[Path]:
    """Make a directory laid out as virtme-ng wants it, and a QEMU that dies with virtme-ng."""
    if importlib.util.find_spec("virtme") is None:
        raise ToolMissingError("virtme-ng is not installed", "pip install virtme-ng")
    setpriv = require_tool("setpriv", "ending QEMU together with virtme-ng")
    qemu = require_tool(QEMU, "booting kernels")
    (cache / "tmp").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="virtme-", dir=cache / "tmp") as name:
        place = Path(name)
        (place / "vmlinuz").symlink_to(image.image.resolve())
        if image.modules is not None:
            (place / "lib/modules").mkdir(parents=True)
            (place / "lib/modules" / image.release).symlink_to(image.modules.resolve())
        tether = shlex.join([str(setpriv), "--pdeathsig", "KILL", str(qemu)])
        (place / "qemu").write_text(f'#!/bin/sh\nexec {tether} "$@"\n', encoding="utf-8")
        (place / "qemu").chmod(0o755)
        yield place


@contextlib.contextmanager
def _sockets() -> Iterator[tuple[Sequence[socket.socket], Sequence[socket.socket]]]:
    """Make two pairs of sockets, for the agent and the console: our ends and QEMU's."""
    ours, theirs = zip(*(socket.socketpair() for _ in range(2)), strict=True)
    try:
        yield ours, theirs
    finally:
        for end in (*ours, *theirs):
            end.close()
