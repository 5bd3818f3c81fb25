"""bcc's longest prefix match."""

from __future__ import annotations

import socket

import pytest

from bpfkit import BPF
from conformance.case import case
from conformance.maps import run_xdp

TEXT = """
struct net { u32 prefixlen; u32 address; };
BPF_LPM_TRIE(routes, struct net, u32, 16);
BPF_LPM_TRIE(t1, struct net);
BPF_ARRAY(seen, u32, 4);
static void find(int slot, u32 address) {
    struct net key = { .prefixlen = 32, .address = address };
    u32 *v = routes.lookup(&key);
    if (v) seen.update(&slot, v);
}
int f(struct xdp_md *ctx) {
    find(0, bpf_htonl(0x0a000001));
    find(1, bpf_htonl(0x0a010203));
    find(2, bpf_htonl(0xc0a80001));
    return 2;
}
"""


@case("maps/bcc/lpm", kernel="4.11", feature="map_type/lpm_trie")
def test_the_longest_prefix_is_found() -> None:
    """A lookup from C and Python finds the longest prefix that matches; the trie is listed, and
    does not tell its length.
    """

    def address(text: str) -> int:
        return int.from_bytes(socket.inet_aton(text), "little")

    with BPF(text=TEXT) as b:
        t = b["routes"]
        t[t.Key(8, address("10.0.0.0"))] = t.Leaf(8)
        t[t.Key(16, address("10.1.0.0"))] = t.Leaf(16)
        run_xdp(b, "f")
        assert [v.value for v in b["seen"].values()] == [8, 16, 0, 0]
        assert t[t.Key(32, address("10.1.9.9"))].value == 16
        with pytest.raises(KeyError):
            t[t.Key(32, address("192.168.0.1"))]
        assert {(k.prefixlen, v.value) for k, v in t.items()} == {(8, 8), (16, 16)}
        with pytest.raises(NotImplementedError):
            len(t)
        del t[t.Key(16, address("10.1.0.0"))]
        assert t[t.Key(32, address("10.1.9.9"))].value == 8
        t.zero()
        assert [v.value for v in t.values()] == [0]
        t.items_update_batch([(24, address("1.2.3.0")), (0, 0)], [24, 1])
        assert t[t.Key(32, address("9.9.9.9"))].value == 1
        t.clear()
        assert t.items() == []
        assert (t.flags, b["t1"].max_entries) == (1, 10240)
