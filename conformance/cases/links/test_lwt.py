"""Programs on routes: light-weight tunnels and the end of a segment."""

from __future__ import annotations

import socket
import struct

import pytest

from bpfkit.errors import AttachError
from bpfkit.links.lwt import attach_lwt, attach_seg6local
from conformance.case import case
from conformance.counting import Loaded, loaded
from conformance.network import FAR, FAR_4, FAR_6, NEAR, Wire, ip, wire

TEXT = "lwt"
BEYOND = "10.79.0.9"
BEYOND_6 = "fd79::9"


def send(address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as near:
        near.sendto(b"x", (address, 7700))


def far_answers(joined: Wire) -> None:
    """Let the far end be the gateway to `BEYOND` and `BEYOND_6`."""
    with joined.there():
        ip("addr", "add", f"{BEYOND}/32", "dev", "lo")
        ip("addr", "add", f"{BEYOND_6}/128", "dev", "lo")


def received(joined: Wire, address: str, patience: float = 10.0) -> bool:
    """Whether a datagram to `BEYOND` arrives at the far end."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with joined.there():
        server = socket.socket(family, socket.SOCK_DGRAM)
    with server:
        server.bind((address, 7700))
        server.settimeout(patience)
        try:
            send(address)
            return server.recv(8) == b"x"
        except (TimeoutError, PermissionError):  # what is dropped on its way out, the sender hears
            return False


def routes(text: Loaded, program: str, destination: str, via: str) -> None:
    """A route with a program is there while its link is open."""
    with attach_lwt(text.system, text.program(program), destination, NEAR, via=via):
        listed = ip(*(["-6"] if ":" in destination else []), "route", "show")
        assert "encap bpf" in listed
    listed = ip(*(["-6"] if ":" in destination else []), "route", "show")
    assert "encap" not in listed


@case("links/lwt/output", kernel="4.10", feature="program_type/lwt_xmit", config="LWTUNNEL_BPF")
def test_packets_of_a_route_pass_its_programs() -> None:
    """LWT_OUT and LWT_XMIT see what is sent by their route, in IPv4 and in IPv6; one route has
    both, and BPF_DROP drops.
    """
    with wire() as joined, loaded(TEXT) as text:
        far_answers(joined)
        for address, bits, via in ((BEYOND, 32, FAR_4), (BEYOND_6, 128, FAR_6)):
            destination = f"{address}/{bits}"
            both = [text.program("sending"), text.program("leaving")]
            before = text.hits(1), text.hits(2)
            with attach_lwt(text.system, both, destination, NEAR, via=via):
                assert received(joined, address)
            assert text.hits(1) > before[0]
            assert text.hits(2) > before[1]
            with attach_lwt(text.system, text.program("drop"), destination, NEAR, via=via):
                assert not received(joined, address, 0.3)
            assert text.hits(3) >= 1
            routes(text, "drop", destination, via)


@case("links/lwt/input", kernel="4.10", feature="program_type/lwt_in", config="LWTUNNEL_BPF")
def test_arriving_packets_pass_the_program() -> None:
    """LWT_IN sees packets that arrive and are sent on by its route."""
    with wire() as joined, loaded(TEXT) as text:
        with joined.there():
            ip("link", "add", "bk2", "type", "veth", "peer", "name", "bk3")
            ip("link", "set", "bk2", "up")
            ip("link", "set", "bk3", "up")
            with open("/proc/sys/net/ipv4/ip_forward", "w") as forward:  # noqa: PTH123
                forward.write("1")
            link = attach_lwt(text.system, text.program("arriving"), "10.79.0.0/24", "bk2")
        with link:
            ip("route", "add", "10.79.0.0/24", "via", FAR_4)
            send(BEYOND)
            assert text.waited(0)


@case("links/lwt/others", kernel="4.10", feature="program_type/lwt_xmit", config="LWTUNNEL_BPF")
def test_somebody_elses_route_stays() -> None:
    """A route that took the place of ours stays when the link is closed; a route that is there
    already is an error that says so.
    """
    with wire(), loaded(TEXT) as text:
        program = text.program("leaving")
        link = attach_lwt(text.system, program, "10.79.0.0/24", NEAR)
        ip("route", "replace", "10.79.0.0/24", "dev", NEAR)
        link.close()
        assert "10.79.0.0/24" in ip("route", "show")
        with pytest.raises(AttachError, match=r"EEXIST.*another metric"):
            attach_lwt(text.system, program, "10.79.0.0/24", NEAR)
        attach_lwt(text.system, program, "10.79.0.0/24", NEAR, metric=77).close()
        assert "10.79.0.0/24" in ip("route", "show")


@case("links/lwt/refusals", kernel="4.10", feature="program_type/lwt_xmit", config="LWTUNNEL_BPF")
def test_refusals_name_what_is_wrong() -> None:
    """An address with bits behind its prefix, and a device that is not there, are errors that say
    so.
    """
    with wire(), loaded(TEXT) as text:
        program = text.program("leaving")
        with pytest.raises(AttachError, match="has host bits set"):
            attach_lwt(text.system, program, "10.79.0.9/24", NEAR)
        with pytest.raises(AttachError, match=f"no network device '{FAR}'"):
            attach_lwt(text.system, program, "10.79.0.0/24", FAR)
        with pytest.raises(AttachError, match="loaded as BPF_PROG_TYPE_LWT_SEG6LOCAL"):
            attach_lwt(text.system, text.program("segment"), "10.79.0.0/24", NEAR)


def segment_packet(segment: str) -> bytes:
    """An IPv6 packet whose routing header (type 4) has one more segment behind ``segment``."""
    last, here = (socket.inet_pton(socket.AF_INET6, each) for each in ("fd79::1", segment))
    routing = struct.pack("!BBBBBBH", 59, 4, 4, 1, 1, 0, 0) + last + here
    source = socket.inet_pton(socket.AF_INET6, "fd77::1")
    header = struct.pack("!IHBB", 6 << 28, len(routing), 43, 64) + source + here
    return header + routing


@case("links/lwt/seg6local", kernel="4.18", feature="program_type/lwt_seg6local",
      config="IPV6_SEG6_BPF")  # fmt: skip
def test_a_program_runs_at_the_end_of_a_segment() -> None:
    """An LWT_SEG6LOCAL program runs for a packet with a segment routing header that ends here."""
    with wire() as joined, loaded(TEXT) as text:
        with joined.there():
            for device in ("all", FAR):
                for setting in ("seg6_enabled", "forwarding"):
                    with open(f"/proc/sys/net/ipv6/conf/{device}/{setting}", "w") as file:  # noqa: PTH123
                        file.write("1")
            link = attach_seg6local(text.system, text.program("segment"), "fd79::7/128", FAR)
            mac = _mac(FAR)
        with link, socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
            raw.bind((NEAR, 0))
            raw.send(mac + b"\2\0\0\0\0\1" + b"\x86\xdd" + segment_packet("fd79::7"))
            assert text.waited(4)
        with joined.there():
            assert "fd79::7" not in ip("-6", "route", "show")


def _mac(device: str) -> bytes:
    text = ip("-o", "link", "show", device)
    return bytes.fromhex(text.split("link/ether ")[1].split()[0].replace(":", ""))
