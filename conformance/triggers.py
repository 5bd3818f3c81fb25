"""Things a case does to make a kernel call a program: small, typed, and done in this process where
possible.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

GETPGID = {"x86_64": 121, "aarch64": 155, "riscv64": 155, "s390x": 132, "ppc64le": 132}


def only_mine() -> list[str]:
    """Compiler flags that define NOT_MINE: true in a sys_enter probe unless this process called
    getpgid.
    """
    number = GETPGID[platform.machine()]
    mine = f"(bpf_get_current_pid_tgid() >> 32) != {os.getpid()}"
    return [f"-DNOT_MINE=(args->id != {number} || {mine})"]


def getpid_calls(times: int) -> None:
    """Enter getpgid(0) ``times`` times."""
    for _ in range(times):
        os.getpgid(0)


def getpgid_call(argument: int) -> None:
    """Enter getpgid once with all 64 bits of ``argument``: whatever a program shall find there."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall(ctypes.c_long(GETPGID[platform.machine()]), ctypes.c_ulong(argument))


def spawn(argv: list[str] | None = None) -> int:
    """Run a program to its end and return its process id; /bin/true when none is named."""
    process = subprocess.Popen(argv or ["/bin/true"])
    process.wait()
    return process.pid


def nap(seconds: float) -> None:
    """Sleep in clock_nanosleep for ``seconds``."""
    time.sleep(seconds)


def until(done: Callable[[], bool], poll: Callable[[], object], seconds: float = 20.0) -> bool:
    """Call ``poll`` until ``done``; False when the time is over first."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            return False
        poll()
    return True


@contextlib.contextmanager
def veth_pair(name: str = "bk0", peer: str = "bk1") -> Iterator[tuple[str, str]]:
    """Two joined network devices, up, with no addresses; gone afterwards."""
    _ip("link", "add", name, "type", "veth", "peer", "name", peer)
    try:
        for device in (name, peer):
            with contextlib.suppress(OSError):  # a kernel without IPv6 sends nothing by itself
                Path(f"/proc/sys/net/ipv6/conf/{device}/disable_ipv6").write_text("1")
            _ip("link", "set", device, "up")
        yield name, peer
    finally:
        _ip("link", "del", name)


def send_frames(device: str, frames: list[bytes]) -> None:
    """Put raw Ethernet frames on ``device``."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
        raw.bind((device, 0))
        for frame in frames:
            raw.send(frame)


def _ip(*args: str) -> None:
    run = subprocess.run(["ip", *args], capture_output=True, text=True)
    if run.returncode != 0:
        raise RuntimeError(f"ip {' '.join(args)}: {run.stderr.strip()}")
