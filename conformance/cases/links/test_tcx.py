"""tcx and netkit: the order of programs, and what the links tell."""

from __future__ import annotations

import socket

import pytest

from bpfkit.errors import AttachError
from bpfkit.links.device import device_index
from bpfkit.links.tc import attach_tc
from bpfkit.links.tcx import attach_netkit, attach_tcx
from bpfkit.uapi.bpf import AttachType
from conformance.case import case
from conformance.counting import Loaded, loaded
from conformance.network import FAR, FAR_4, NEAR, Wire, configure, ip, own_network, wire

TEXT = "tcx"


def send(joined: Wire, patience: float = 10.0) -> None:
    """Send a UDP packet to the far end and wait for it."""
    with joined.there():
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with server, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as near:
        server.bind((FAR_4, 7700))
        server.settimeout(patience)
        near.sendto(b"x", (FAR_4, 7700))
        server.recv(64)


def sequence(text: Loaded, joined: Wire) -> str:
    """The letters of the programs in the order they ran for the last packet."""
    send(joined)
    order = text.collection.globals["order"]
    assert isinstance(order, tuple)
    ran = [(order[i], letter) for i, letter in enumerate("abc") if text.hits(i)]
    return "".join(letter for _, letter in sorted(ran))


@case("links/tcx/order", kernel="6.6", feature="link/tcx")
def test_programs_run_where_they_were_put() -> None:
    """Links stand before or after a link or a program, first or last; without a place they are
    appended.
    """
    with wire() as joined, loaded(TEXT) as text:
        a, b, c = (text.program(name) for name in "abc")
        with joined.there():
            of_a = attach_tcx(text.system, a, FAR)
            of_b = attach_tcx(text.system, b, FAR)
            of_c = attach_tcx(text.system, c, FAR, before=of_b)
        with of_a, of_b:
            assert sequence(text, joined) == "acb"
            of_c.close()
            with joined.there():
                of_c = attach_tcx(text.system, c, FAR, before="first")
            assert sequence(text, joined) == "cab"
            of_c.close()
            with joined.there():
                of_c = attach_tcx(text.system, c, FAR, after=a)
            assert sequence(text, joined) == "acb"
            of_c.close()
            with joined.there():
                of_c = attach_tcx(text.system, c, FAR, after="last")
            with of_c:
                assert sequence(text, joined) == "abc"


@case("links/tcx/egress", kernel="6.6", feature="link/tcx")
def test_egress_sees_what_leaves() -> None:
    """A program at the egress sees packets that the device sends; the link tells device, hook and
    program, and takes another program in place.
    """
    with wire() as joined, loaded(TEXT) as text:
        with joined.there():
            link = attach_tcx(text.system, text.program("out"), FAR, "egress")
            info = link.info()
            assert info.ifindex == device_index(FAR)
            assert info.attach_type == AttachType.TCX_EGRESS
        with link:
            send(joined)  # the far end answers the question for its address
            assert text.waited(3)
            link.update(text.program("a"))
            assert link.info().prog_id == text.program("a").info().id


@case("links/tcx/before-clsact", kernel="6.6", feature="link/tcx", config="NET_CLS_BPF")
def test_tcx_runs_before_the_filters_of_clsact() -> None:
    """tcx programs run before the filters of clsact on the same device."""
    with wire() as joined, loaded(TEXT) as text:
        with joined.there():
            slow = attach_tc(text.system, text.program("a"), FAR)
            fast = attach_tcx(text.system, text.program("b"), FAR)
        with slow, fast:
            assert sequence(text, joined) == "ba"


@case("links/tcx/drop", kernel="6.6", feature="link/tcx")
def test_a_verdict_drops_packets() -> None:
    """TCX_DROP keeps a packet from the stack and from later programs."""
    with wire() as joined, loaded(TEXT) as text:
        with joined.there():
            dropping = attach_tcx(text.system, text.program("drop"), FAR)
        with dropping, pytest.raises(TimeoutError):
            send(joined, 0.3)
        send(joined)


@case("links/tcx/refusals", kernel="6.6", feature="link/tcx")
def test_refusals_name_what_is_wrong() -> None:
    """Standing beside a program that is not there, and attaching one twice, are errors that say
    so.
    """
    with wire() as joined, loaded(TEXT) as text, joined.there():
        with pytest.raises(AttachError, match=r"ENOENT.*to stand beside"):
            attach_tcx(text.system, text.program("a"), FAR, before=text.program("b"))
        with (
            attach_tcx(text.system, text.program("a"), FAR),
            pytest.raises(AttachError, match=r"EEXIST.*attached to this hook already"),
        ):
            attach_tcx(text.system, text.program("a"), FAR)


@case("links/netkit/both-ends", kernel="6.7", feature="link/netkit", config="NETKIT")
def test_netkit_programs_see_what_either_end_sends() -> None:
    """Programs of the primary device and of its peer each see the packets that end sends."""
    with own_network(), loaded(TEXT) as text:
        # Older versions of ip cannot name the peer; the kernel calls it nk0.
        ip("link", "add", NEAR, "type", "netkit")
        configure(NEAR, "10.78.0.1/24")
        configure("nk0")
        with (
            attach_netkit(text.system, text.program("primary"), NEAR) as near,
            attach_netkit(text.system, text.program("peer"), NEAR, peer=True) as far,
        ):
            assert near.info().attach_type == AttachType.NETKIT_PRIMARY
            assert far.info().attach_type == AttachType.NETKIT_PEER
            for device, index in ((NEAR, 4), ("nk0", 5)):
                before = text.hits(index)
                with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
                    raw.bind((device, 0x0800))
                    raw.send(b"\xff" * 12 + b"\x08\x00" + bytes(46))
                assert text.waited(index, before + 1)


@case("links/netkit/refusals", kernel="6.7", feature="link/netkit", config="NETKIT")
def test_other_devices_are_refused() -> None:
    """A device of another kind is an error that says which kind it must be."""
    with (
        wire() as joined,
        loaded(TEXT) as text,
        joined.there(),
        pytest.raises(AttachError, match="must be of type netkit"),
    ):
        attach_netkit(text.system, text.program("primary"), FAR)
