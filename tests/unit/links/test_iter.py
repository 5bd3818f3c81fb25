"""Iterators: parameters as the kernel takes them, and reading what programs write."""

from __future__ import annotations

import errno
import os
import struct
from pathlib import Path

import pytest

from bpfkit.btf.types import Int
from bpfkit.codec.codec import codec_of
from bpfkit.errors import AttachError, DecodeError, SyscallError
from bpfkit.links.iter import (
    CgroupOrder,
    IterFile,
    Over,
    OverCgroups,
    OverMap,
    OverTask,
    attach_iter,
)
from bpfkit.syscalls.fd import OwnedFd
from bpfkit.syscalls.requests import IterLink
from bpfkit.uapi.bpf import AttachType
from tests.contracts.links import check_link
from tests.fakes.hooks import FakeProgram
from tests.fakes.tracing import descriptor, tracing_kernel
from tests.fakes.type_graph import Graph


def test_iterators_keep_the_contract_of_links(tmp_path: Path) -> None:
    fake, _ = tracing_kernel(tmp_path)
    check_link(lambda: attach_iter(fake.system, FakeProgram()))


@pytest.mark.parametrize(
    ("over", "encoded", "words"),
    [
        pytest.param(OverMap(descriptor(9)), struct.pack("=I", 9), "of a map", id="map"),
        pytest.param(
            OverCgroups(descriptor(8), CgroupOrder.ANCESTORS_UP),
            struct.pack("=IIQ", 4, 8, 0),
            "ancestors_up",
            id="cgroup",
        ),
        pytest.param(
            OverCgroups(1 << 40), struct.pack("=IIQ", 2, 0, 1 << 40), "descendants_pre", id="id"
        ),
        pytest.param(OverTask(tid=5), struct.pack("=III", 5, 0, 0), "of thread 5", id="thread"),
        pytest.param(OverTask(pid=6), struct.pack("=III", 0, 6, 0), "of process 6", id="process"),
        pytest.param(
            OverTask(pidfd=descriptor(4)), struct.pack("=III", 0, 0, 4), "a process", id="pidfd"
        ),
    ],
)
def test_what_narrows_a_walk_is_passed_and_told(
    over: Over, encoded: bytes, words: str, tmp_path: Path
) -> None:
    fake, calls = tracing_kernel(tmp_path)
    with attach_iter(fake.system, FakeProgram(), over) as link:
        assert calls.calls == [("link_create", 100, AttachType.TRACE_ITER, 0)]
        assert calls.options == [IterLink(encoded)]
        assert words in link.target


def test_a_walk_is_read_as_text_bytes_and_records(tmp_path: Path) -> None:
    fake, _ = tracing_kernel(tmp_path, written=b"ab\xff\0cdef")
    graph = Graph()
    codec = codec_of(graph.btf(), graph.u32)
    with attach_iter(fake.system, FakeProgram()) as link:
        assert link.read() == b"ab\xff\0cdef"
        assert link.read_text() == "ab\ufffd\0cdef"
        expected = list(struct.unpack("<2I", b"ab\xff\0cdef"))
        assert list(link.records(codec)) == expected


def test_records_may_come_in_pieces_of_any_length(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = Graph()
    short = graph.add(Int("u16", 2, 16))
    codec = codec_of(graph.btf(), short)
    pieces = [b"\1", b"\0\2\0\3", b"\0", b""]
    monkeypatch.setattr(os, "read", lambda fd, size: pieces.pop(0))
    with IterFile(OwnedFd(os.open("/dev/null", os.O_RDONLY), "it"), "iter") as file:
        assert list(file.records(codec)) == [1, 2, 3]


def test_half_a_record_at_the_end_is_an_error(tmp_path: Path) -> None:
    fake, _ = tracing_kernel(tmp_path, written=bytes(5))
    graph = Graph()
    codec = codec_of(graph.btf(), graph.u32)
    with (
        attach_iter(fake.system, FakeProgram()) as link,
        pytest.raises(DecodeError, match="1 bytes behind its last record of 4"),
    ):
        list(link.records(codec))


def test_a_pause_in_a_long_walk_is_waited_out(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[bytes | OSError] = [
        OSError(errno.EAGAIN, "again"),
        b"x",
        OSError(errno.E2BIG, "too big"),
    ]

    def read(fd: int, size: int) -> bytes:
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    monkeypatch.setattr(os, "read", read)
    with IterFile(OwnedFd(os.open("/dev/null", os.O_RDONLY), "it"), "iter of task") as file:
        chunks = file.chunks()
        assert next(chunks) == b"x"
        with pytest.raises(SyscallError, match=r"E2BIG.*eight pages"):
            next(chunks)


@pytest.mark.parametrize(
    ("code", "over", "words"),
    [
        pytest.param(errno.EBADF, None, r"pass OverMap\(map\)", id="no-map"),
        pytest.param(errno.EINVAL, OverTask(tid=1), r"Linux 6\.1", id="too-old"),
        pytest.param(errno.EINVAL, None, "loaded for an iterator", id="another-type"),
        pytest.param(errno.ESRCH, OverTask(tid=1), "no such process", id="no-process"),
        pytest.param(errno.EPERM, None, "CAP_PERFMON", id="rights"),
    ],
)
def test_refusals_say_what_to_do(code: int, over: Over | None, words: str, tmp_path: Path) -> None:
    fake, calls = tracing_kernel(tmp_path)
    calls.errors["link_create"] = [code]
    with pytest.raises(AttachError, match=words):
        attach_iter(fake.system, FakeProgram(), over)
