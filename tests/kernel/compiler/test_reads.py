"""Reads of kernel memory that look like plain C give what /proc says of this process."""

from __future__ import annotations

import os
import resource
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from bpfkit.collection import Collection, load
from bpfkit.uapi.bpf import ProgType

pytestmark = pytest.mark.kernel

PROGRAM = Path(__file__).parent / "programs" / "reads.c"


def ancestors() -> int:
    """How many tasks there are from this process up to the first one."""
    count, pid = 0, os.getpid()
    while pid:
        count += 1
        status = Path(f"/proc/{pid}/stat").read_text()
        pid = int(status.rsplit(")", 1)[1].split()[1])
    return min(count, 20)


def comm() -> bytes:
    return Path("/proc/self/comm").read_bytes().rstrip(b"\n").ljust(16, b"\0")


EXPECTED = {
    "tgid": os.getpid,
    "ppid": os.getppid,
    "pp2": os.getppid,
    "nr": os.getpid,
    "bits": lambda: 0,
    "comm": lambda: int.from_bytes(comm()[:3], "little"),
    "comm2": lambda: int.from_bytes(comm()[:2], "little"),
    "rlim": lambda: resource.getrlimit(resource.RLIMIT_NOFILE)[0],
    "kids": lambda: 3,
    "mixed": lambda: 1,
    "rec": lambda: 7,
    "file0": lambda: os.fstat(0).st_ino,
    "num": os.getpid,
    "macro": lambda: socket.ntohs(socket.htons(os.getpid() & 0xFFFF)),
    "loopy": ancestors,
    "cmp": lambda: int(not comm().startswith(b"xyzzy")),
}


@pytest.fixture(scope="module")
def collection() -> Iterator[Collection]:
    with load(PROGRAM) as collection:
        yield collection


@pytest.mark.parametrize("name", list(EXPECTED))
def test_a_read_gives_what_proc_says(collection: Collection, name: str) -> None:
    program = collection.load_program(f"raw_tracepoint__{name}", ProgType.RAW_TRACEPOINT)
    result = program.test_run(repeat=0)
    assert result.retval == EXPECTED[name]() & 0xFFFFFFFF
