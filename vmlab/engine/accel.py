"""Which accelerator really works here.

A /dev/kvm that opens proves nothing: inside some virtual machines QEMU then hangs without a word,
in others it runs a boot sector and stops in the middle of a kernel. So a kernel is booted under
KVM, and only the words of its first program within the deadline count. The answer is kept for this
boot of the host and this QEMU; ``VMLAB_ACCEL`` overrides it.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import stat
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from vmlab.bzimage import file_identity, write_whole
from vmlab.engine.initramfs import CpioWriter, static_busybox
from vmlab.engine.process import ChildProcess
from vmlab.errors import CacheError, EngineError
from vmlab.tools import require_tool

ENVIRONMENT = "VMLAB_ACCEL"
PROBE_SECONDS = 5.0
_MARKER = b"vmlab: the first program runs"
_FORMAT = 2
_BROKEN = "KVM internal error"
_REFUSED = "KVM refused to start"


@dataclass(frozen=True, slots=True)
class Accelerator:
    """An accelerator of QEMU, and why it was chosen."""

    name: str
    """``kvm`` or ``tcg``."""
    reason: str = ""

    @property
    def arguments(self) -> tuple[str, ...]:
        """QEMU's arguments for it."""
        if self.name == "kvm":
            return ("-accel", "kvm", "-cpu", "host")
        # One thread for all CPUs: with one each, a CPU may run the int3 of a code patch that
        # another has just finished, and the kernel dies of it ("Oops: int3"). Seen with QEMU 7.2
        # in one of some hundred boots; kernels patch themselves at boot and for every probe.
        return ("-accel", "tcg,thread=single", "-cpu", "max")


def named_accelerator(name: str, reason: str) -> Accelerator:
    """Return the accelerator called ``name``.

    Raises EngineError if it is not one of ours.
    """
    if name not in ("kvm", "tcg"):
        raise EngineError(f"accelerator {name!r} is unknown", "use kvm or tcg")
    return Accelerator(name, reason)


def probe_acceleration(
    cache: Path, kernel: Path | None = None, *, fresh: bool = False
) -> Accelerator:
    """Return the accelerator to use; with ``fresh`` a remembered answer is not used.

    ``kernel`` is what to try KVM with; None takes any of ``cache``. Takes `PROBE_SECONDS` at most,
    and no time when the answer is remembered under ``cache``.
    """
    if chosen := os.environ.get(ENVIRONMENT):
        return named_accelerator(chosen, f"{ENVIRONMENT} says so")
    device = Path("/dev/kvm")
    if not device.exists():
        return Accelerator("tcg", f"{device} does not exist")
    if not os.access(device, os.R_OK | os.W_OK):
        return Accelerator("tcg", f"{device} may not be opened")
    qemu = require_tool("qemu-system-x86_64", "booting kernels")
    known = None if fresh else _remembered(cache, qemu)
    if known is not None:
        return known
    kernel = kernel or _cached_kernel(cache)
    if kernel is None:
        return Accelerator("tcg", "no kernel is cached yet to try KVM with")
    answer = _try_kvm(qemu, kernel)
    # A refusal is cheap to ask for again, and may be about this moment only.
    if not answer.reason.startswith(_REFUSED):
        remember(cache, answer)
    return answer


def _memory(cache: Path) -> Path:
    return cache / "acceleration.json"


def _key(qemu: Path) -> str:
    """Return what an answer depends on: this boot of the host and this QEMU."""
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{_FORMAT} {boot_id} {file_identity(qemu)}"


def _remembered(cache: Path, qemu: Path) -> Accelerator | None:
    try:
        known = json.loads(_memory(cache).read_bytes())
        if known["key"] == _key(qemu):
            return named_accelerator(known["name"], known["reason"])
    except (OSError, ValueError, KeyError, TypeError, EngineError):
        pass  # nothing remembered, or nothing of use
    return None


def remember(cache: Path, answer: Accelerator) -> None:
    """Keep ``answer`` for the next runs of this boot of the host."""
    key = _key(require_tool("qemu-system-x86_64", "booting kernels"))
    content = {"key": key, "name": answer.name, "reason": answer.reason}
    with contextlib.suppress(CacheError):  # then the next run asks again
        write_whole(_memory(cache), json.dumps(content).encode())


def _probe_initramfs() -> bytes:
    """Return an initramfs whose init says `_MARKER`; it needs no driver of its kernel."""
    cpio = CpioWriter()
    for name in ("bin", "dev"):
        cpio.add_directory(name)
    cpio.add("dev/console", stat.S_IFCHR | 0o600, device=(5, 1))
    cpio.add_file("bin/busybox", static_busybox().read_bytes(), 0o755)
    cpio.add_link("bin/sh", "busybox")
    cpio.add_file("init", f"#!/bin/sh\necho {_MARKER.decode()}\nexec sleep 60\n".encode(), 0o755)
    return cpio.finish()


def _cached_kernel(cache: Path) -> Path | None:
    """Return some kernel to try KVM with."""
    found = sorted(cache.glob("kernels/*/*/vmlinux"))
    return found[-1] if found else None


def _try_kvm(qemu: Path, kernel: Path) -> Accelerator:
    """Boot ``kernel`` to its first program under KVM and say what came of it."""
    ours, theirs = socket.socketpair()
    with ours, theirs, tempfile.NamedTemporaryFile(prefix="vmlab-probe-") as initramfs:
        initramfs.write(_probe_initramfs())
        initramfs.flush()
        argv = [
            *(str(qemu), "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"),
            *("-machine", "q35", *Accelerator("kvm").arguments, "-smp", "2", "-m", "256M"),
            *("-kernel", str(kernel), "-initrd", initramfs.name),
            *("-append", "console=ttyS0 loglevel=1 panic=-1"),
            *("-chardev", f"socket,id=console,fd={theirs.fileno()}", "-serial", "chardev:console"),
        ]
        with ChildProcess(argv, pass_fds=(theirs.fileno(),)) as process:
            theirs.close()
            return _listen(ours, process)


def _listen(console: socket.socket, process: ChildProcess) -> Accelerator:
    heard = b""
    end = time.monotonic() + PROBE_SECONDS
    while (left := end - time.monotonic()) > 0:
        if not select.select([console], [], [], left)[0]:
            break
        data = console.recv(4096)
        if not data:
            return Accelerator("tcg", f"{_REFUSED}: {process.error_text() or 'no message'}")
        heard += data
        if _MARKER in heard:
            return Accelerator("kvm", "a kernel boots under it")
        if _BROKEN in process.error_text():
            break
    return Accelerator(
        "tcg", f"/dev/kvm opens, but no kernel boots under it in {PROBE_SECONDS:g} s"
    )
