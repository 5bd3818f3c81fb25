"""bcc's queues and stacks, and the bloom filter bcc does not have."""

from __future__ import annotations

import pytest

from bpfkit import BPF
from conformance.case import case
from conformance.maps import run_xdp

TEXT = """
struct s { u32 a; u32 b; };
BPF_QUEUE(q, u64, 4);
BPF_STACK(st, u64, 4, 0);
BPF_QUEUESTACK("queue", qs, struct s, 4, 0);
BPF_ARRAY(seen, s64, 16);
static void note(int what, s64 result) { seen.update(&what, &result); }
int f(struct xdp_md *ctx) {
    u64 v = 100, out = 0;
    note(0, q.push(&v, 0));
    v = 101;
    note(1, q.push(&v, BPF_ANY));
    note(2, q.peek(&out));
    note(3, out);
    note(4, st.push(&v, 0));
    v = 102;
    note(5, st.push(&v, 0));
    note(6, st.pop(&out));
    note(7, out);
    struct s x = {1, 2};
    note(8, qs.push(&x, 0));
    return 2;
}
int full(struct xdp_md *ctx) {
    u64 v = 7, out;
    note(9, q.push(&v, 0));
    note(10, q.push(&v, BPF_EXIST));
    return 2;
}
int empty(struct xdp_md *ctx) {
    u64 out;
    note(11, q.pop(&out));
    note(12, st.peek(&out));
    return 2;
}
"""


@case("maps/bcc/queues", kernel="4.20", feature="map_type/queue")
def test_queues_and_stacks_from_both_sides() -> None:
    """push, pop and peek from C and Python; a full one refuses or drops its oldest; values() takes
    all out; an empty one is KeyError.
    """
    with BPF(text=TEXT) as b:
        q, st, seen = b["q"], b["st"], b["seen"]
        run_xdp(b, "f")
        assert [v.value for v in seen.values()][:9] == [0, 0, 0, 100, 0, 0, 0, 102, 0]
        assert (b["qs"].peek().a, b["qs"].pop().b) == (1, 2)
        assert q.peek().value == 100
        q.push(q.Leaf(5))
        assert [v.value for v in q.values()] == [100, 101, 5]
        for i in range(4):
            q.push(q.Leaf(i))
            if i:
                st.push(st.Leaf(i))
        with pytest.raises(Exception, match=r"^Could not push to table: .*'q': E2BIG"):
            q.push(q.Leaf(9))
        run_xdp(b, "full")
        assert (seen[9].value, seen[10].value) == (-7, 0)  # E2BIG
        q.push(q.Leaf(9), q.BPF_EXIST)
        assert [v.value for v in q.values()] == [2, 3, 7, 9]
        assert [v.value for v in st.values()] == [3, 2, 1, 101]
        for table in (q, st):
            with pytest.raises(KeyError, match="Could not pop from table"):
                table.pop()
            with pytest.raises(KeyError, match="Could not peek table"):
                table.peek()
        run_xdp(b, "empty")
        assert (seen[11].value, seen[12].value) == (-2, -2)  # ENOENT


BLOOM = """
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct {
    __uint(type, BPF_MAP_TYPE_BLOOM_FILTER);
    __type(value, __u32);
    __uint(max_entries, 100);
} seen SEC(".maps");
SEC("xdp") int f(struct xdp_md *ctx) {
    __u32 v = 5;
    return bpf_map_push_elem(&seen, &v, 0) ? 1 : 2;
}
char LICENSE[] SEC("license") = "GPL";
"""


@case("maps/bcc/bloom", kernel="5.16", feature="map_type/bloom_filter")
def test_a_bloom_filter_is_asked_with_in() -> None:
    """A bloom filter declared in libbpf's way opens as a table: push adds, ``in`` asks."""
    with BPF(text=BLOOM) as b:
        t = b["seen"]
        assert t.Leaf(5) not in t
        assert run_xdp(b, "f") == 2
        assert t.Leaf(5) in t
        t.push(t.Leaf(6))
        assert t.Leaf(6) in t
        assert sum(t.Leaf(i) in t for i in range(1000, 2000)) < 500
