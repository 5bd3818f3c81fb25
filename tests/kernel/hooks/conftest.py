from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bpfkit.maps.base import Map
from bpfkit.maps.create import create_map
from bpfkit.obj.spec import MapSpec
from bpfkit.programs.program import Program
from bpfkit.syscalls.requests import ProgLoad
from bpfkit.system import System
from bpfkit.uapi.bpf import MapType, ProgType

Load = Callable[..., Program]
Create = Callable[..., Map]


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture(scope="session")
def system() -> System:
    system = System.live()
    if system.facts.tracefs.find() is None:
        mount = ["mount", "-t", "tracefs", "tracefs", "/sys/kernel/tracing"]
        subprocess.run(mount, check=False)
    assert system.facts.tracefs.find() is not None
    return system


@pytest.fixture
def scope() -> Iterator[ExitStack]:
    """Closes what was opened; no descriptor may be left over."""
    before = open_descriptors()
    with ExitStack() as stack:
        yield stack
    assert open_descriptors() == before


@pytest.fixture
def load(system: System, scope: ExitStack) -> Load:
    """Load a program: ``load(ProgType.XDP, insns)``."""

    def load(type: ProgType, insns: bytes, name: str = "tiny") -> Program:
        version = system.facts.version
        request = ProgLoad(
            type, insns, name=name, kern_version=version[0] << 16 | version[1] << 8 | version[2]
        )
        fd = system.syscalls.prog_load(request)
        return scope.enter_context(Program(fd, name, type, system))

    return load


@pytest.fixture
def create(system: System, scope: ExitStack) -> Create:
    """Create a map: ``create(MapType.RINGBUF, 0, 0, 4096)``."""

    def create(type: MapType, key: int, value: int, entries: int, name: str = "records") -> Map:
        return scope.enter_context(create_map(MapSpec(name, type, key, value, entries), system))

    return create
