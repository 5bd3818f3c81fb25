"""Programs among netfilter's hooks."""

from __future__ import annotations

import socket

import pytest

from bpfkit.errors import AttachError
from bpfkit.links.netfilter import NetfilterHook, attach_netfilter
from conformance.case import case
from conformance.counting import loaded
from conformance.network import FAR_4, own_network, wire

TEXT = "netfilter"
LOOPBACK = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}


def arrives(family: socket.AddressFamily) -> bool:
    """Whether a UDP packet to ourselves arrives."""
    with (
        socket.socket(family, socket.SOCK_DGRAM) as server,
        socket.socket(family, socket.SOCK_DGRAM) as client,
    ):
        server.bind((LOOPBACK[family], 0))
        server.settimeout(0.3)
        try:
            client.sendto(b"x", server.getsockname())
            server.recv(64)
        except (TimeoutError, PermissionError):
            return False
        return True


@case("links/netfilter/hooks", kernel="6.4", feature="link/netfilter")
def test_every_hook_sees_its_packets() -> None:
    """A packet to this host passes the hooks of output, postrouting, prerouting and input, in IPv4
    and in IPv6, and NF_DROP ends its way.
    """
    ways = ("LOCAL_OUT", "POST_ROUTING", "PRE_ROUTING", "LOCAL_IN")
    with own_network(), loaded(TEXT) as text:
        for family in LOOPBACK:
            for way in ways:
                hook, before = NetfilterHook[way], text.hits(0)
                with attach_netfilter(text.system, text.program("first"), hook, family=family):
                    assert arrives(family)
                assert text.hits(0) == before + 1
            hook = NetfilterHook.LOCAL_IN
            with attach_netfilter(text.system, text.program("drop"), hook, family=family):
                assert not arrives(family)
            assert arrives(family)


@case("links/netfilter/priority", kernel="6.4", feature="link/netfilter")
def test_lower_priorities_run_first() -> None:
    """A program that drops keeps packets from those with a higher priority; the same priority twice
    is an error that says so.
    """
    hook = NetfilterHook.LOCAL_IN
    with own_network(), loaded(TEXT) as text:
        with (
            attach_netfilter(text.system, text.program("drop"), hook, priority=-10),
            attach_netfilter(text.system, text.program("first"), hook, priority=-20),
            attach_netfilter(text.system, text.program("second"), hook, priority=5),
        ):
            assert not arrives(socket.AF_INET)
            with pytest.raises(AttachError, match=r"EBUSY.*choose another"):
                attach_netfilter(text.system, text.program("first"), hook, priority=5)
        assert (text.hits(0), text.hits(1), text.hits(2)) == (1, 0, 1)


@case("links/netfilter/refusals", kernel="6.4", feature="link/netfilter")
def test_refusals_name_what_is_wrong() -> None:
    """The extreme priorities and other address families are errors that say so."""
    with own_network(), loaded(TEXT) as text:
        program, hook = text.program("first"), NetfilterHook.LOCAL_IN
        with pytest.raises(AttachError, match="priority"):
            attach_netfilter(text.system, program, hook, priority=-(2**31))
        with pytest.raises(AttachError, match="must be AF_INET or AF_INET6"):
            attach_netfilter(text.system, program, hook, family=socket.AF_UNIX)


@case("links/netfilter/defragment", kernel="6.6", config="NETFILTER_BPF_LINK")
def test_fragments_are_put_together_first() -> None:
    """With ``defragment`` a program at prerouting sees one packet where it saw its three
    fragments.
    """
    hook = NetfilterHook.PRE_ROUTING
    with wire() as joined, loaded(TEXT) as text:
        with joined.there():
            server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with server, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as near:
            server.settimeout(10)
            server.bind((FAR_4, 0))
            for defragment, seen in ((False, 3), (True, 1)):
                with joined.there():
                    link = attach_netfilter(
                        text.system, text.program("first"), hook, defragment=defragment
                    )
                before = text.hits(0)
                with link:
                    near.sendto(bytes(4000), server.getsockname())
                    assert len(server.recv(8000)) == 4000
                assert text.hits(0) == before + seen
