"""Programs of a network namespace: choosing sockets, taking packets apart."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from pathlib import Path

import pytest

from bpfkit import BPF
from bpfkit.errors import AttachError
from bpfkit.links.base import Method
from bpfkit.links.netns import attach_netns
from bpfkit.uapi.bpf import AttachType
from conformance.case import case
from conformance.counting import Loaded, loaded
from conformance.network import FAR, FAR_4, Wire, own_network, wire

TEXT = "netns"
HOST = "127.0.0.1"


def connects(port: int) -> bool:
    """Whether somebody answers at a port."""
    try:
        with socket.create_connection((HOST, port), timeout=5):
            return True
    except ConnectionRefusedError:
        return False


@case("links/sk_lookup/redirect", kernel="5.9", feature="attach_type/sk_lookup")
def test_ten_ports_lead_to_one_socket() -> None:
    """An sk_lookup program sends connections to ten ports to one listener, until its link is
    closed; the link tells what it is.
    """
    with (
        own_network(),
        loaded(TEXT) as text,
        socket.socket(socket.AF_INET, socket.SOCK_STREAM) as server,
    ):
        server.bind((HOST, 0))
        server.listen(32)
        value = struct.pack("=Q", server.fileno())
        text.collection.maps["servers"].raw.update(struct.pack("=I", 0), value)
        assert not connects(7755)
        with attach_netns(text.system, text.program("redirect")) as link:
            assert link.info().attach_type == AttachType.SK_LOOKUP
            assert all(connects(port) for port in range(7750, 7760))
            link.update(text.program("refuse"))
            assert not connects(7750)
        assert not connects(7755)
        assert text.hits(0) >= 10
        assert text.hits(1) >= 1


@case("links/sk_lookup/namespace", kernel="5.9", feature="attach_type/sk_lookup")
def test_the_namespace_is_the_one_that_was_named() -> None:
    """A program attached to another namespace, by its path or open file, does not run here."""
    with wire() as joined, loaded(TEXT) as text:
        path = f"/proc/{os.getpid()}/fd/{joined.far_namespace}"
        with attach_netns(text.system, text.program("refuse"), path):
            connects(7751)
            assert text.hits(1) == 0
            with joined.there():
                connects(7751)
            assert text.hits(1) >= 1
        with (
            Path("/proc/thread-self/ns/net").open("rb") as here,
            attach_netns(text.system, text.program("refuse"), here),
        ):
            before = text.hits(1)
            connects(7751)
            assert text.hits(1) > before
        with pytest.raises(AttachError, match=r"ENOENT.*no such namespace"):
            attach_netns(text.system, text.program("refuse"), "/run/netns/bk-none")
        with pytest.raises(AttachError, match=r"EINVAL.*must be a network namespace"):
            attach_netns(text.system, text.program("refuse"), "/proc/thread-self/ns/mnt")


def dissected(text: Loaded, joined: Wire, index: int) -> bool:
    """Whether a packet to the far end passes ``COUNT(index)``: its packet socket wants a hash."""
    packet_fanout, by_hash = 18, 0
    before = text.hits(index)
    with contextlib.ExitStack() as stack:
        with joined.there():
            members = [
                stack.enter_context(
                    socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
                )
                for _ in range(2)
            ]
            for each in members:
                each.bind((FAR, 0x0800))
                each.setsockopt(263, packet_fanout, 77 | by_hash << 16)  # SOL_PACKET
        client = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        client.sendto(b"x", (FAR_4, 7700))
        return text.waited(index, before + 1, 2.0)


@case("links/flow_dissector/link", kernel="5.8", feature="link/netns")
def test_a_flow_dissector_takes_packets_apart() -> None:
    """A flow dissector is asked when the kernel wants a packet's hash; only one can be attached,
    and the error says so.
    """
    with wire() as joined, loaded(TEXT) as text:
        with joined.there():
            link = attach_netns(text.system, text.program("dissect"))
            assert link.method is Method.LINK
            with pytest.raises(AttachError, match="flow dissector"):
                attach_netns(text.system, text.program("dissect_too"))
        with link:
            assert dissected(text, joined, 2)
            link.update(text.program("dissect_too"))
            assert dissected(text, joined, 3)
        assert not dissected(text, joined, 3)


BCC_TEXT = """
#include <uapi/linux/bpf.h>
BPF_ARRAY(seen, u64, 1);
int dissect(struct __sk_buff *skb) {
    int zero = 0;
    seen.increment(zero);
    return BPF_OK;
}
"""


@case("links/flow_dissector/bcc", kernel="4.20", feature="attach_type/flow_dissector")
def test_bcc_face_attaches_a_flow_dissector() -> None:
    """``attach_func(fn, 0, FLOW_DISSECTOR)`` attaches to this namespace, ``detach_func`` takes it
    off, and taking it off twice is an error.
    """
    with own_network(), BPF(text=BCC_TEXT) as b:
        kind = AttachType.FLOW_DISSECTOR
        function = b.load_func("dissect", BPF.FLOW_DISSECTOR)
        BPF.attach_func(function, 0, kind)
        with Path("/proc/thread-self/ns/net").open("rb") as here:
            attached = b.collection.system.syscalls.prog_query(here.fileno(), kind)
        assert attached == (function.program.info().id,)
        BPF.detach_func(function, 0, kind)
        with pytest.raises(Exception, match="Failed to detach BPF function with attach_type 17"):
            BPF.detach_func(function, 0, kind)
