"""A kernel for BTF-based links: iterators that write what a test says, maps that are registered."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

from bpfkit.syscalls.fd import OwnedFd
from bpfkit.syscalls.requests import LinkInfo, MapCreate
from bpfkit.uapi.bpf import LinkType
from tests.fakes.hooks import FakeKernel, FakeSyscalls, kernel


@dataclass
class TracingSyscalls(FakeSyscalls):
    """Links with information; ``written`` is what an iterator writes in each walk."""

    written: bytes = b""
    maps: list[MapCreate] = field(default_factory=list)

    def link_info(self, fd: int) -> LinkInfo:
        return LinkInfo(7, LinkType.TRACING, 1)

    def link_update(self, link_fd: int, prog_fd: int, flags: int = 0, old_fd: int = 0) -> None:
        self._do("link_update", prog_fd)

    def iter_create(self, link_fd: int) -> OwnedFd:
        self._do("iter_create")
        reader, writer = os.pipe()
        os.write(writer, self.written)
        os.close(writer)
        return OwnedFd(reader, "iterator")

    def map_create(self, request: MapCreate) -> OwnedFd:
        self._do("map_create", request.flags)
        self.maps.append(request)
        return self._fd("map")

    def map_update(
        self, fd: int, key: bytes, value: bytes, flags: int = 0, *, subject: str = ""
    ) -> None:
        self._do("map_update", key, value)

    def map_delete(self, fd: int, key: bytes, *, subject: str = "") -> bool:
        self._do("map_delete", key)
        return True


def tracing_kernel(root: Path, written: bytes = b"") -> tuple[FakeKernel, TracingSyscalls]:
    """A kernel whose files are below ``root``."""
    calls = TracingSyscalls(written=written)
    made = kernel(root)
    made.syscalls = calls
    return made, calls


def descriptor(number: int) -> SimpleNamespace:
    """Something with a descriptor of this number, which nobody closes."""
    return SimpleNamespace(fileno=lambda: number)
