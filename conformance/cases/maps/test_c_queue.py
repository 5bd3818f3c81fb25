"""Queues, stacks and bloom filters from C in both dialects."""

from __future__ import annotations

import errno

import pytest

from bpfkit.collection import load
from bpfkit.errors import CompileError
from conformance.case import case
from conformance.libbpf import load_text, run, stored, trigger
from conformance.values import in_xdp

EMPTY, FULL, BUSY = -errno.ENOENT, -errno.E2BIG, -errno.EBUSY
STEPS = """
    u32 a = 1, b = 2, c = 3, got = 0;
    OUT(0, PEEK(&got));
    OUT(1, PUSH(&a, 0) | PUSH(&b, BPF_ANY));
    OUT(2, PUSH(&c, 0));
    OUT(3, PUSH(&c, BPF_EXIST));
    OUT(4, PEEK(&got));
    OUT(5, got);
    OUT(6, POP(&got));
    OUT(7, got);
    OUT(8, POP(&got));
    OUT(9, got);
    OUT(10, POP(&got));
    OUT(11, PUSH(&a, 7));
"""
QUEUED = [EMPTY, 0, FULL, 0, 0, 2, 0, 2, 0, 3, EMPTY, -errno.EINVAL]
STACKED = [EMPTY, 0, FULL, 0, 0, 3, 0, 3, 0, 2, EMPTY, -errno.EINVAL]
METHODS = """
#define PUSH line.push
#define POP line.pop
#define PEEK line.peek
"""
HELPERS = """
#define PUSH(v, f) (int)bpf_map_push_elem(&line, v, f)
#define POP(v) (int)bpf_map_pop_elem(&line, v)
#define PEEK(v) (int)bpf_map_peek_elem(&line, v)
struct { __uint(type, BPF_MAP_TYPE_%s); __uint(max_entries, 2); __type(value, u32); }
    line SEC(".maps");
SEC("xdp") int program(struct xdp_md *ctx) {
"""


@case("maps/queue/c-bcc", kernel="4.20", feature="map_type/queue")
def test_bcc_queue() -> None:
    """push, pop and peek of BPF_QUEUE: first in first out, E2BIG when full, BPF_EXIST drops the
    oldest, ENOENT when empty.
    """
    assert in_xdp(STEPS, 12, METHODS + "BPF_QUEUE(line, u32, 2);") == QUEUED


@case("maps/queue/c-bcc-flags", kernel="4.20", feature="map_type/queue")
def test_bcc_queue_with_flags_and_table() -> None:
    """BPF_QUEUE takes map flags; BPF_QUEUESTACK names the kind."""
    before = METHODS + "BPF_QUEUE(line, u32, 2, BPF_F_RDONLY);"
    assert in_xdp(STEPS, 12, before) == QUEUED
    before = METHODS + 'BPF_QUEUESTACK("stack", line, u32, 2, 0);'
    assert in_xdp(STEPS, 12, before) == STACKED


@case("maps/stack/c-bcc", kernel="4.20", feature="map_type/stack")
def test_bcc_stack() -> None:
    """The same of BPF_STACK: last in first out."""
    assert in_xdp(STEPS, 12, METHODS + "BPF_STACK(line, u32, 2);") == STACKED


@case("maps/queue/c-libbpf", kernel="4.20", feature="map_type/queue")
def test_queue() -> None:
    """The helpers on a BTF-defined queue."""
    assert run(HELPERS % "QUEUE" + STEPS + "return 2; }", 12) == QUEUED


@case("maps/stack/c-libbpf", kernel="4.20", feature="map_type/stack")
def test_stack() -> None:
    """The helpers on a BTF-defined stack."""
    assert run(HELPERS % "STACK" + STEPS + "return 2; }", 12) == STACKED


# The value to look for is written right before each peek: the verifier of Linux 7.3 takes peek for
# a helper that only writes, and forgets what was written before a branch.
FILTER = """
    u64 in = 0x1122334455667788, also = 5, wanted;
    wanted = in;
    OUT(0, PEEK(&wanted));
    OUT(1, PUSH(&in, BPF_ANY) | PUSH(&also, BPF_ANY));
    wanted = in;
    OUT(2, PEEK(&wanted));
    wanted = 77;
    OUT(3, PEEK(&wanted));
    OUT(4, PUSH(&in, BPF_NOEXIST));
"""
FILTERED = [EMPTY, 0, 0, EMPTY, -errno.EINVAL]


@case("maps/bloom_filter/c-bcc", kernel="5.16", feature="map_type/bloom_filter")
def test_bcc_bloom_filter() -> None:
    """BPF_BLOOM_FILTER, which bcc has no macro for: push puts in, peek tells what is not in."""
    assert in_xdp(FILTER, 5, METHODS + "BPF_BLOOM_FILTER(line, u64, 1000);") == FILTERED


@case("maps/bloom_filter/c-libbpf", kernel="5.16", feature="map_type/bloom_filter")
def test_bloom_filter() -> None:
    """map_extra tells how many hash functions a BTF-defined bloom filter has."""
    text = HELPERS % "BLOOM_FILTER" + FILTER + "return 2; }"
    text = text.replace("max_entries, 2);", "max_entries, 1000); __uint(map_extra, 3);")
    text = text.replace("value, u32)", "value, u64)")
    with load_text(text, 5) as collection:
        trigger(collection)
        assert stored(collection) == FILTERED
        assert collection.spec.maps["line"].extra == 3


@case("maps/queue/c-wrong-method")
def test_a_queue_has_no_lookup() -> None:
    """A method that a queue does not have is refused by name, at its place."""
    with pytest.raises(CompileError, match=r"program\.c:1:\d+: error: no member named 'lookup'"):
        load("BPF_QUEUE(q, u32, 1); int f(void *c) { u32 k = 0; q.lookup(&k); return 0; }")
