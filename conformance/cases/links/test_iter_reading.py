"""Reading iterators: text, bytes, records, long walks, pins; and what narrows them."""

from __future__ import annotations

import os
import struct
import threading
from pathlib import Path

import pytest

from bpfkit.codec.codec import codec_of
from bpfkit.errors import AttachError, LoadError
from bpfkit.links.iter import OverMap, OverTask
from bpfkit.syscalls.fd import OwnedFd
from bpfkit.system import System
from conformance.case import case
from conformance.cases.links.test_iter import sleeping_child
from conformance.iterators import load_iterator

PIDS = 'if (ctx->task) BPF_SEQ_PRINTF(seq, "%d\\n", ctx->task->pid);'
RECORD = "struct record { u32 pid, tgid; char comm[16]; };\nstruct record unused;"
RECORDS = """
struct record record = {};
if (!ctx->task) return 0;
record.pid = ctx->task->pid; record.tgid = ctx->task->tgid;
bpf_probe_read_kernel_str(record.comm, sizeof(record.comm), ctx->task->comm);
bpf_seq_write(seq, &record, sizeof(record));
if (wanted < 0) unused = record;
"""


def processes(text: str) -> set[int]:
    return {int(line) for line in text.split()}


@case("links/iter/records", kernel="5.8", feature="iter/task")
def test_records_are_decoded_by_the_types_of_the_object() -> None:
    """What a program writes with bpf_seq_write() is read as records, by the object's own types."""
    with load_iterator("task", RECORDS, RECORD) as c:
        assert c.spec.btf is not None
        codec = codec_of(c.spec.btf, c.spec.btf.by_name("record")[0])
        with c.load_program("walk").attach() as link:
            records = {r.pid: r for r in link.records(codec)}  # type: ignore[attr-defined]
    mine = records[os.getpid()]
    assert mine.tgid == os.getpid()
    assert bytes(mine.comm).split(b"\0")[0].decode() == Path("/proc/self/comm").read_text().strip()


@case("links/iter/long", kernel="5.9", feature="iter/bpf_map_elem")
def test_a_walk_longer_than_the_kernels_buffer_is_read_whole() -> None:
    """A walk that writes more than the kernel's buffer holds arrives whole and in pieces."""
    body = 'if (ctx->key) BPF_SEQ_PRINTF(seq, "%u\\n", *(u32 *)ctx->key);'
    before = """
    struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 20000); __type(key, u32);
             __type(value, u64); } many SEC(".maps");
    """
    with load_iterator("bpf_map_elem", body, before) as c:
        over = OverMap(c.maps["many"])
        with c.load_program("walk").attach_iter(over) as link, link.open() as file:
            chunks = list(file.chunks())
        assert len(chunks) > 1
        numbers = [int(line.split()[0]) for line in b"".join(chunks).splitlines()]
        assert numbers == list(range(20000))


@case("links/iter/pin", kernel="5.8", feature="iter/task")
def test_a_pinned_iterator_is_read_like_a_file() -> None:
    """A pinned iterator is read with open(), also after its link is closed, until the pin goes."""
    path = Path("/sys/fs/bpf/bpfkit_iter")
    with load_iterator("task", PIDS) as c:
        with c.load_program("walk").attach() as link:
            link.pin(path)
        try:
            assert os.getpid() in processes(path.read_text())
        finally:
            path.unlink()


@case("links/iter/task-parameters", kernel="6.1", feature="iter/cgroup")
def test_threads_and_processes_narrow_a_walk() -> None:
    """A walk over tasks is narrowed to one thread, to a process by its id, or by its pidfd."""
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        with load_iterator("task", PIDS) as c, sleeping_child() as child:
            program = c.load_program("walk")
            pidfd = OwnedFd(os.pidfd_open(child), "pidfd")
            with pidfd:
                for over, expected in (
                    (OverTask(tid=os.getpid()), {os.getpid()}),
                    (OverTask(pid=os.getpid()), {os.getpid(), thread.native_id}),
                    (OverTask(pidfd=pidfd), {child}),
                ):
                    with program.attach_iter(over) as link:
                        assert processes(link.read_text()) == expected, over
    finally:
        done.set()
        thread.join()


@case("links/iter/changed-map", kernel="5.9", feature="iter/bpf_map_elem")
def test_an_iterator_changes_the_values_it_comes_past() -> None:
    """An iterator over a map's elements writes their values."""
    body = "if (ctx->value) *(u64 *)ctx->value += 1;"
    with load_iterator("bpf_map_elem", body) as c:
        table = c.maps["table"].raw
        table.update(struct.pack("=I", 1), struct.pack("=Q", 10))
        with c.load_program("walk").attach_iter(OverMap(table)) as link:
            assert link.read() == b""
            assert link.read() == b""
        assert table.lookup(struct.pack("=I", 1)) == struct.pack("=Q", 12)


@case("links/iter/errors", kernel="5.9", feature="iter/bpf_map_elem")
def test_what_is_missing_is_named() -> None:
    """An unknown target, a missing map and a map of the wrong kind are told apart."""
    with load_iterator("bpf_map_elem", "return 0;") as c:
        program = c.load_program("walk")
        with pytest.raises(AttachError, match=r"pass OverMap\(map\)"):
            program.attach_iter()
        with pytest.raises(AttachError, match=r"Linux 6\.1"):
            program.attach_iter(OverTask(tid=1))
        with pytest.raises(LoadError, match=r"iterator 'tasc'.*nearest names.*task"):
            c.load_another("walk", attach_to="tasc")
    assert System.live().features.has("iter/bpf_map_elem")
