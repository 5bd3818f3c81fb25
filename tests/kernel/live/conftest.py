from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from bpfkit.system import System


def open_objects() -> list[str]:
    """What the kernel's anonymous files are: maps, programs, links, BTF, perf events."""
    found = []
    for path in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            target = str(path.readlink())
            if target.startswith("anon_inode:") and ("bpf" in target or "btf" in target):
                found.append(target)
    return sorted(found)


@pytest.fixture(scope="session")
def system() -> System:
    return System.live()


@pytest.fixture(autouse=True)
def nothing_is_left_open() -> Iterator[None]:
    """The leak detector: a test that opens must close."""
    gc.collect()
    before = open_objects()
    yield
    gc.collect()
    assert open_objects() == before
