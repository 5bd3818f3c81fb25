"""Cgroups of version 2, for cases that put programs on them."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bpfkit.host.mounts import read_mounts


@contextlib.contextmanager
def new_cgroup(parent: Path | None = None) -> Iterator[Path]:
    """An empty cgroup, below ``parent`` or at the top; gone afterwards."""
    with contextlib.ExitStack() as stack:
        top = parent or stack.enter_context(_hierarchy())
        path = Path(tempfile.mkdtemp(prefix="bk-", dir=top))
        stack.callback(path.rmdir)
        yield path


@contextlib.contextmanager
def joined(cgroup: Path) -> Iterator[None]:
    """Have this process in ``cgroup`` for a while."""
    line = next(
        line for line in Path("/proc/self/cgroup").read_text().splitlines() if line[:3] == "0::"
    )
    with _hierarchy() as top:
        before = top / line.removeprefix("0::").lstrip("/") / "cgroup.procs"
        (cgroup / "cgroup.procs").write_text(str(os.getpid()))
        try:
            yield
        finally:
            before.write_text(str(os.getpid()))


@contextlib.contextmanager
def _hierarchy() -> Iterator[Path]:
    """Where cgroup version 2 is mounted; mounted here where it is not."""
    for mount in read_mounts(Path("/")):
        if mount.type == "cgroup2" and os.access(mount.path, os.W_OK):
            yield Path(mount.path)
            return
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run(["mount", "-t", "cgroup2", "none", directory], check=True)
        try:
            yield Path(directory)
        finally:
            subprocess.run(["umount", directory], check=True)
