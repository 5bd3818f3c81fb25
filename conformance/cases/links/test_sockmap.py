"""Programs of sockmaps: messages that are sent, streams that arrive."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Iterator

import pytest

from bpfkit import BPF
from bpfkit.errors import AttachError
from bpfkit.links.base import Link, Method
from bpfkit.links.sockmap import attach_sockmap
from bpfkit.uapi.bpf import AttachType
from conformance.case import case
from conformance.counting import Loaded, loaded
from conformance.network import own_network

TEXT = "sockmap"


@contextlib.contextmanager
def connection() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two ends of a TCP connection."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        client = socket.create_connection(server.getsockname(), timeout=10)
        accepted = server.accept()[0]
    with client, accepted:
        accepted.settimeout(10)
        yield client, accepted


def put(text: Loaded, index: int, member: socket.socket) -> None:
    key, value = struct.pack("=I", index), struct.pack("=Q", member.fileno())
    text.collection.maps["socks"].raw.update(key, value)


def attach(text: Loaded, program: str, kind: AttachType) -> Link:
    return attach_sockmap(text.system, text.program(program), text.collection.maps["socks"], kind)


@case("links/sockmap/msg", kernel="4.17", feature="attach_type/sk_msg_verdict")
def test_a_message_is_passed_dropped_or_redirected() -> None:
    """An sk_msg program sees what a socket of the map sends: it passes, drops, or goes to another
    socket; after closing the link it goes its way.
    """
    kind = AttachType.SK_MSG_VERDICT
    with own_network(), loaded(TEXT) as text:
        with attach(text, "pass", kind), connection() as (a, b):
            put(text, 0, a)
            a.send(b"passed")
            assert b.recv(16) == b"passed"
            assert text.hits(1) == 1
        with attach(text, "redirect", kind), connection() as (a, b), connection() as (_, d):
            put(text, 0, a)
            put(text, 1, d)
            a.send(b"redirected")
            assert d.recv(16) == b"redirected"
        with attach(text, "drop", kind), connection() as (a, b):
            put(text, 0, a)
            with pytest.raises(PermissionError):
                a.send(b"dropped")
        with connection() as (a, b):
            put(text, 0, a)
            a.send(b"untouched")
            assert b.recv(16) == b"untouched"


@case("links/sockmap/stream", kernel="4.14", feature="attach_type/sk_skb_stream_parser",
      config="BPF_STREAM_PARSER")  # fmt: skip
def test_a_stream_is_cut_and_sent_back() -> None:
    """A parser and a verdict program together send back what arrives."""
    with (
        own_network(),
        loaded(TEXT) as text,
        attach(text, "parser", AttachType.SK_SKB_STREAM_PARSER),
        attach(text, "echo", AttachType.SK_SKB_STREAM_VERDICT),
        connection() as (near, far),
    ):
        put(text, 0, far)
        near.send(b"echo me")
        assert near.recv(16) == b"echo me"
        assert text.hits(3) >= 1
        assert text.hits(4) >= 1


@case("links/sockmap/verdict", kernel="5.13", feature="attach_type/sk_skb_verdict",
      config="BPF_STREAM_PARSER")  # fmt: skip
def test_a_verdict_needs_no_parser() -> None:
    """SK_SKB_VERDICT sends back what arrives without a parser; beside SK_SKB_STREAM_VERDICT it is
    refused.
    """
    with own_network(), loaded(TEXT) as text:
        with (
            attach(text, "verdict", AttachType.SK_SKB_VERDICT),
            connection() as (near, far),
        ):
            put(text, 0, far)
            near.send(b"echo me")
            assert near.recv(16) == b"echo me"
            assert text.hits(5) >= 1
            with pytest.raises(AttachError, match=r"EBUSY.*beside"):
                attach(text, "echo", AttachType.SK_SKB_STREAM_VERDICT)
        attach(text, "echo", AttachType.SK_SKB_STREAM_VERDICT).close()


@case("links/sockmap/link", kernel="6.10", feature="link/sockmap")
def test_a_link_tells_and_updates() -> None:
    """Where the kernel has links of sockmaps one is made: it updates its program and lets no other
    be attached.
    """
    kind = AttachType.SK_MSG_VERDICT
    with (
        own_network(),
        loaded(TEXT) as text,
        connection() as (near, _),
        attach(text, "pass", kind) as link,
    ):
        assert link.method is Method.LINK
        assert link.info().prog_id == text.program("pass").info().id
        with pytest.raises(AttachError, match=r"EBUSY.*another program"):
            attach(text, "drop", kind)
        link.update(text.program("drop"))
        put(text, 0, near)
        with pytest.raises(PermissionError):
            near.send(b"dropped")


@case("links/sockmap/refusals", kernel="4.17", feature="attach_type/sk_msg_verdict")
def test_refusals_name_what_is_wrong() -> None:
    """A map of another kind, an attach type of other hooks and a program of another type are errors
    that say so.
    """
    with loaded(TEXT) as text:
        program = text.program("pass")
        other = next(map for name, map in text.collection.maps.items() if name != "socks")
        with pytest.raises(AttachError, match="SOCKMAP or SOCKHASH"):
            attach_sockmap(text.system, program, other, AttachType.SK_MSG_VERDICT)
        with pytest.raises(AttachError, match="no attach type of sockmaps"):
            attach(text, "pass", AttachType.XDP)
        with pytest.raises(AttachError, match="loaded as BPF_PROG_TYPE_SK_MSG"):
            attach(text, "pass", AttachType.SK_SKB_VERDICT)


BCC_TEXT = """
#include <net/sock.h>
BPF_SOCKHASH(socks, u32, 4);
int drop(struct sk_msg_md *msg) { return SK_DROP; }
"""


@case("links/sockmap/bcc", kernel="4.18", feature="attach_type/sk_msg_verdict")
def test_bcc_face_attaches_to_a_sockhash() -> None:
    """``attach_func(fn, map_fd, SK_MSG_VERDICT)`` attaches to a map of bcc's dialect,
    ``detach_func`` takes it off.
    """
    kind = AttachType.SK_MSG_VERDICT
    with own_network(), BPF(text=BCC_TEXT) as b, connection() as (near, far):
        function = b.load_func("drop", BPF.SK_MSG, attach_type=kind)
        socks = b.collection.maps["socks"].raw
        BPF.attach_func(function, socks.fileno(), kind)
        socks.update(struct.pack("=I", 7), struct.pack("=I", near.fileno()))
        with pytest.raises(PermissionError):
            near.send(b"dropped")
        socks.delete(struct.pack("=I", 7))
        BPF.detach_func(function, socks.fileno(), kind)
        near.send(b"passed")
        assert far.recv(16) == b"passed"
