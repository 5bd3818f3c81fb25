"""Network namespaces and what is in them, for cases whose packets must go a real way.

Everything ends with its namespace, so nothing of a case is left to the next one.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_CLONE_NEWNET = 0x40000000
_SIOCGIFFLAGS = 0x8913
_IFF_RUNNING = 0x40
_OWN = "/proc/thread-self/ns/net"
NEAR, FAR = "bk0", "bk1"
NEAR_4, FAR_4 = "10.77.0.1", "10.77.0.2"
NEAR_6, FAR_6 = "fd77::1", "fd77::2"


@contextlib.contextmanager
def own_network() -> Iterator[None]:
    """A network namespace of its own for this thread: only a loopback device, which is up."""
    libc = ctypes.CDLL(None, use_errno=True)
    with _opened(_OWN) as before:
        if libc.unshare(_CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "unshare(CLONE_NEWNET)")
        try:
            ip("link", "set", "lo", "up")
            yield
        finally:
            _enter(before)


@dataclass(frozen=True)
class Wire:
    """A veth pair between two namespaces: this thread is at `NEAR`, and `there` goes to `FAR`."""

    far_namespace: int
    """A descriptor of it."""

    @contextlib.contextmanager
    def there(self) -> Iterator[None]:
        """Be in the far namespace for a while."""
        with _opened(_OWN) as here:
            _enter(self.far_namespace)
            try:
                yield
            finally:
                _enter(here)


@contextlib.contextmanager
def wire() -> Iterator[Wire]:
    """Two namespaces joined by a veth pair, with addresses and without packets of their own."""
    with own_network(), _opened(_OWN) as near, contextlib.ExitStack() as stack:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(_CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "unshare(CLONE_NEWNET)")
        try:
            far = stack.enter_context(_opened(_OWN))
            ip("link", "set", "lo", "up")
        finally:
            _enter(near)
        made = Wire(far)
        path = f"/proc/{os.getpid()}/fd/{far}"
        ip("link", "add", NEAR, "type", "veth", "peer", "name", FAR, "netns", path)
        configure(NEAR, f"{NEAR_4}/24", f"{NEAR_6}/64")
        with made.there():
            configure(FAR, f"{FAR_4}/24", f"{FAR_6}/64")
            _wait_until_running(FAR)
        _wait_until_running(NEAR)
        yield made


def configure(device: str, *addresses: str) -> None:
    """Give a device addresses and switch it on."""
    # Duplicate address detection would keep an IPv6 address unusable for a second.
    for setting, value in (("accept_dad", "0"), ("router_solicitations", "0")):
        with contextlib.suppress(OSError):  # a kernel without IPv6
            Path(f"/proc/sys/net/ipv6/conf/{device}/{setting}").write_text(value)
    for address in addresses:
        more = ["nodad"] if ":" in address else []
        ip("addr", "add", address, "dev", device, *more)
    ip("link", "set", device, "up")


def _wait_until_running(device: str) -> None:
    """Wait until a device sends: that its other end is up, the kernel notices in its own time."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            answer = fcntl.ioctl(
                any_socket, _SIOCGIFFLAGS, struct.pack("16sH14x", device.encode(), 0)
            )
            if struct.unpack("16sH14x", answer)[1] & _IFF_RUNNING:
                return
            time.sleep(0.005)
    raise RuntimeError(f"{device} does not run")


def ip(*args: str) -> str:
    """Run iproute2's ip in this thread's namespace."""
    run = subprocess.run(["ip", *args], capture_output=True, text=True)
    if run.returncode != 0:
        raise RuntimeError(f"ip {' '.join(args)}: {run.stderr.strip()}")
    return run.stdout


@contextlib.contextmanager
def _opened(path: str) -> Iterator[int]:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)


def _enter(fd: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(fd, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")
