"""Tables of sockets: bcc has their macros and cannot open them."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import pytest

from bpfkit import BPF
from conformance.case import case

TEXT = """
BPF_SOCKMAP(socks, 4);
BPF_SOCKHASH(by_key, u32, 16);
BPF_SOCKHASH(s1);
BPF_TABLE("sockhash", u32, u64, cookies, 16);
BPF_TABLE("sockmap", u32, u64, cookie_array, 4);
int on_op(struct bpf_sock_ops *ops) {
    u32 key = 1;
    socks.sock_map_update(ops, &key, BPF_ANY);
    by_key.sock_hash_update(ops, &key, BPF_NOEXIST);
    return 0;
}
int on_msg(struct sk_msg_md *msg) {
    u32 key = 1;
    return by_key.msg_redirect_hash(msg, &key, BPF_F_INGRESS);
}
int on_skb(struct __sk_buff *skb) {
    u32 key = 1;
    return by_key.sk_redirect_hash(skb, &key, BPF_F_INGRESS);
}
"""


@contextlib.contextmanager
def connection() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a TCP connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        one = socket.create_connection(server.getsockname())
        with one, server.accept()[0] as other:
            yield one, other


@case("maps/bcc/sockets", kernel="4.18", feature="map_type/sockhash")
def test_sockets_go_into_tables_that_bcc_cannot_open() -> None:
    """A socket goes into BPF_SOCKMAP and BPF_SOCKHASH as object and number; with leaves of 8 bytes
    its cookie is read; deleting takes it out.
    """
    with BPF(text=TEXT) as b, connection() as (one, other):
        cookie = int.from_bytes(one.getsockopt(socket.SOL_SOCKET, 57, 8), "little")  # SO_COOKIE
        for name in ("socks", "by_key"):
            t = b[name]
            t[t.Key(1)] = one
            t[t.Key(2)] = other.fileno()
            with pytest.raises(KeyError):
                t[t.Key(1)]  # no room for a cookie
            del t[t.Key(1)]
            with pytest.raises(KeyError):
                del t[t.Key(1)]
            t.clear()
        for name in ("cookies", "cookie_array"):
            t = b[name]
            t[t.Key(1)] = t.Leaf(one.fileno())
            assert t[t.Key(1)].value == cookie
            assert [(k.value, v.value) for k, v in t.items()] == [(1, cookie)]
            assert [v.value for v in t.values()] == [cookie]
            t.clear()
            assert t.items() == []
        with pytest.raises(Exception, match=r"^Could not update table: "):
            b["socks"][0] = b["socks"].map_fd
        assert (b["s1"].max_entries, len(b["socks"]), len(b["by_key"])) == (10240, 4, 0)


@case("maps/bcc/socket-methods", kernel="4.18", feature="map_type/sockhash")
def test_programs_with_the_methods_of_socket_tables_load() -> None:
    """sock_map_update, sock_hash_update, msg_redirect_hash and sk_redirect_hash pass the
    verifier.
    """
    with BPF(text=TEXT) as b:
        for name, kind in (
            ("on_op", BPF.SOCK_OPS),
            ("on_msg", BPF.SK_MSG),
            ("on_skb", BPF.SK_SKB),
        ):
            assert b.load_func(name, kind).fd > 0
