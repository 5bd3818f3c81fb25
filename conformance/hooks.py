"""Hooks for cases whose program types have no attaching API of their own.

They are low-level calls, undone at the end of a block.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bpfkit.collection import Collection
from bpfkit.programs.program import Program
from bpfkit.syscalls.api import SupportsFileno
from bpfkit.uapi.bpf import AttachType

PINS = Path("/sys/fs/bpf")


@contextlib.contextmanager
def own_cgroup(name: str = "bk-case") -> Iterator[int]:
    """A new cgroup (v2) that this process is in meanwhile; its descriptor."""
    with contextlib.ExitStack() as stack:
        root = stack.enter_context(_hierarchy())
        before = next(
            line.split("::", 1)[1].strip()
            for line in Path("/proc/self/cgroup").read_text().splitlines()
            if line.startswith("0::")
        )
        home = root / before.lstrip("/")
        mine = root / name
        mine.mkdir(exist_ok=True)
        stack.callback(mine.rmdir)
        (mine / "cgroup.procs").write_text(str(os.getpid()))
        stack.callback((home / "cgroup.procs").write_text, str(os.getpid()))
        fd = os.open(mine, os.O_RDONLY | os.O_DIRECTORY)
        stack.callback(os.close, fd)
        yield fd


@contextlib.contextmanager
def _hierarchy() -> Iterator[Path]:
    for line in Path("/proc/mounts").read_text().splitlines():
        _, path, kind, *_ = line.split()
        if kind == "cgroup2":
            yield Path(path)
            return
    libc = ctypes.CDLL(None, use_errno=True)
    with tempfile.TemporaryDirectory() as place:
        if libc.mount(b"none", place.encode(), b"cgroup2", 0, None):
            raise OSError(ctypes.get_errno(), "cannot mount a cgroup2 file system")
        try:
            yield Path(place)
        finally:
            libc.umount(place.encode())


@contextlib.contextmanager
def in_cgroup(collection: Collection, program: Program, hook: AttachType) -> Iterator[int]:
    """Attach to a cgroup of this process alone; its descriptor."""
    calls = collection.system.syscalls
    with own_cgroup() as cgroup, calls.link_create(program.fileno(), cgroup, hook):
        yield cgroup


@contextlib.contextmanager
def on_map(
    collection: Collection, program: Program, target: SupportsFileno, hook: AttachType
) -> Iterator[None]:
    """Attach an sk_msg or sk_skb program to a sockmap."""
    calls = collection.system.syscalls
    calls.prog_attach(target.fileno(), program.fileno(), hook)
    try:
        yield
    finally:
        calls.prog_detach(target.fileno(), program.fileno(), hook)


@contextlib.contextmanager
def traced(collection: Collection, program: Program) -> Iterator[None]:
    """Attach a program whose target was named when it was loaded (tp_btf, fentry, LSM)."""
    with collection.system.syscalls.raw_tracepoint_open(None, program.fileno()):
        yield


def read_iterator(collection: Collection, program: Program) -> bytes:
    """Run an iterator to its end and give what it wrote."""
    calls = collection.system.syscalls
    found = b""
    with (
        calls.link_create(program.fileno(), 0, AttachType.TRACE_ITER) as link,
        calls.iter_create(link.fileno()) as reader,
    ):
        while piece := os.read(reader.fileno(), 4096):
            found += piece
    return found


@contextlib.contextmanager
def tcp_pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a TCP connection over the loopback device."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname(), timeout=5)
        with client:
            accepted, _ = server.accept()
            with accepted:
                accepted.settimeout(5)
                yield client, accepted


@contextlib.contextmanager
def pinned(name: str) -> Iterator[Path]:
    """A path below the BPF file system where nothing is pinned, before and after."""
    if not os.path.ismount(PINS):
        subprocess.run(["mount", "-t", "bpf", "bpf", str(PINS)], check=True)
    path = PINS / name
    path.unlink(missing_ok=True)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
        if path.parent != PINS and path.parent.exists():
            path.parent.rmdir()
